"""A viewer that does not give up: it comes back with its last event id, to the same server or to the next one."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence

import httpx

from streaming.protocol.frames import Frame, FrameParser, encode_frame
from tests import viewers

_WAIT_SECONDS = 0.1
_GIVE_UP_SECONDS = 90.0


def wait_for(is_true: Callable[[], bool], what: str) -> None:
    """Wait for something that takes no longer than a busy machine's start."""
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not is_true():
        assert time.monotonic() < deadline, f"{what} did not come within {_GIVE_UP_SECONDS:g} s"
        time.sleep(0.02)


def said(process: subprocess.Popen[str]) -> str:
    """Return what a worker has written so far."""
    assert process.stdout is not None
    return os.pread(process.stdout.fileno(), 1_000_000, 0).decode(errors="replace")


class Follower:
    """Follows a session to its end, in a thread of its own."""

    def __init__(self, bases: Sequence[str], session_id: str, *, query: str = "") -> None:
        """Begin to follow; `bases` are tried in turn."""
        self.frames: list[Frame] = []
        #: How often the line was cut or could not be had, and what servers that had no database said.
        self.cuts = 0
        self.refusals: list[str] = []
        self.fault: Exception | None = None
        #: `time.monotonic()` when each frame came.
        self.came_at: list[float] = []
        self._bases = bases
        self._session_id = session_id
        self._query = query
        self._thread = threading.Thread(target=self._run, name="follower", daemon=True)
        self._thread.start()

    @property
    def ids(self) -> list[int]:
        """The event ids in the order in which they came."""
        return [int(frame.last_event_id) for frame in self.frames]

    @property
    def raw_frames(self) -> list[bytes]:
        """What came, as it was written."""
        return [encode_frame(frame.event, frame.data.encode(), int(frame.last_event_id)) for frame in self.frames]

    def check(self, expected: Sequence[bytes]) -> None:
        """Hold what came against the whole session: each event once and in order, snapshots where many were missed."""
        reached = -1
        for frame, written in zip(self.result(), self.raw_frames, strict=True):
            event_id = int(frame.last_event_id)
            if frame.event == "initial_state" and event_id > 0:
                assert event_id >= max(reached, 0)
            else:
                assert (event_id, written) == (reached + 1, expected[event_id])
            reached = event_id
        assert reached == len(expected) - 1
        whole = FrameParser().feed(b"".join(expected))
        assert viewers.state_of(self.frames).canonical() == viewers.state_of(whole).canonical()

    def result(self) -> list[Frame]:
        """Wait for the session's end and return what came."""
        self._thread.join(timeout=_GIVE_UP_SECONDS)
        if self.fault is not None:
            raise self.fault
        assert not self._thread.is_alive(), f"a viewer still waits after event {self.ids[-1:]}"
        return self.frames

    def wait_for(self, event_id: int) -> None:
        """Wait until an event was seen."""
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while not self.frames or int(self.frames[-1].last_event_id) < event_id:
            assert self._thread.is_alive() or self.frames, f"a viewer ended: {self.fault}"
            assert time.monotonic() < deadline, f"event {event_id} did not come; the last was {self.ids[-1:]}"
            time.sleep(0.01)

    def wait_for_refusal(self) -> None:
        """Wait until a server asked to come back later."""
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while not self.refusals:
            assert self.fault is None, self.fault
            assert time.monotonic() < deadline, "nobody asked to come back later"
            time.sleep(0.01)

    def _run(self) -> None:
        attempt = 0
        deadline = time.monotonic() + _GIVE_UP_SECONDS
        while time.monotonic() < deadline:
            try:
                if self._read(self._bases[attempt % len(self._bases)]):
                    return
            except httpx.TransportError:
                pass
            except Exception as error:  # noqa: BLE001 - told by result()
                self.fault = error
                return
            self.cuts += 1
            attempt += 1
            time.sleep(_WAIT_SECONDS)

    def _read(self, base: str) -> bool:
        """Read until the line ends; return whether that is the session's end."""
        headers = {"Last-Event-ID": self.frames[-1].last_event_id} if self.frames else {}
        with viewers.connect(base, self._session_id, headers=headers, query=self._query) as (response, _):
            # Any other status would end a native EventSource for good.
            assert response.status_code in (200, 204), f"a viewer was told {response.status_code}"
            is_refused = ", refused" in response.headers["x-backtest-stream"]
            parser, raw = FrameParser(), b""
            for chunk in response.iter_raw():
                raw += chunk if is_refused else b""
                for frame in parser.feed(chunk):
                    self.frames.append(frame)
                    self.came_at.append(time.monotonic())
            if is_refused:
                self.refusals.append(raw.decode())
        return bool(self.frames) and self.frames[-1].event == "backtest_complete"
