"""
Viewers for tests: read a stream over HTTP as a client does, and say what came.

Reading ends where the server ends the stream, where a viewer has seen what it waits for, or with an error after a time.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from streaming.protocol import fold
from streaming.protocol.frames import Frame, FrameParser


@dataclass
class Seen:
    """What one connection brought."""

    status: int
    headers: Mapping[str, str]
    raw: bytes = b""
    frames: list[Frame] = field(default_factory=list)
    #: Whether the server ended the stream.
    was_ended: bool = False

    @property
    def ids(self) -> list[int]:
        """The event ids in the order in which they came."""
        return [int(frame.last_event_id) for frame in self.frames]

    @property
    def types(self) -> list[str]:
        """The event types in the order in which they came."""
        return [frame.event for frame in self.frames]


def read(
    base: str,
    session_id: str,
    *,
    cursor: str | int | None = None,
    query: str = "",
    until: Callable[[Seen], bool] = lambda _seen: False,
    cookies: Mapping[str, str] | None = None,
    within_seconds: float = 20,
) -> Seen:
    """Read a session's stream until its end, or until the condition holds."""
    headers = {} if cursor is None else {"Last-Event-ID": str(cursor)}
    with connect(base, session_id, headers=headers, query=query, cookies=cookies) as (response, seen):
        _read_on(response, seen, until, time.monotonic() + within_seconds)
    return seen


@contextmanager
def connect(
    base: str,
    session_id: str,
    *,
    headers: Mapping[str, str] | None = None,
    query: str = "",
    cookies: Mapping[str, str] | None = None,
) -> Iterator[tuple[httpx.Response, Seen]]:
    """Open a stream; the caller reads it."""
    address = f"{base}/api/backtest/{session_id}/stream{query}"
    with (
        # Loopback has no certificates, and to load those of the system takes longer than most tests' streams.
        httpx.Client(timeout=20, verify=False, cookies=dict(cookies or {})) as client,
        client.stream("GET", address, headers={"Accept-Encoding": "identity", **(headers or {})}) as response,
    ):
        yield response, Seen(response.status_code, response.headers)


def _read_on(response: httpx.Response, seen: Seen, until: Callable[[Seen], bool], deadline: float) -> None:
    parser = FrameParser()
    for chunk in response.iter_raw():
        seen.raw += chunk
        seen.frames += parser.feed(chunk)
        if until(seen):
            return
        assert time.monotonic() < deadline, f"the stream brought only {seen.types[-5:]} {seen.ids[-5:]}"
    seen.was_ended = True


def state_of(frames: Sequence[Frame], before: fold.ViewerState | None = None) -> fold.ViewerState:
    """Fold what came."""
    state = before or fold.nothing_seen()
    for frame in frames:
        state = fold.fold(state, frame.event, json.loads(frame.data))
    return state


def state_after(events: Sequence[Mapping[str, Any]]) -> fold.ViewerState:
    """Fold the engine's own events."""
    state = fold.nothing_seen()
    for event in events:
        state = fold.fold(state, event["event"], event["data"])
    return state
