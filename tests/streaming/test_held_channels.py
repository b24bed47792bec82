"""django-eventstream's own endpoint behind a real Pushpin: held, published to by the worker, resumed, reset."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming.protocol.frames import Frame, FrameParser
from streaming.sse_event_emitter import SSEEvent
from tests import sessions
from tests.streaming.proxied_site import Site

pytestmark = pytest.mark.slow

LAST = 312


@pytest.fixture
def session(transactional_db: None, data_folder: Path, settings: Settings) -> BacktestSession:
    """Return a queued session of a name of its own: the proxy remembers for a minute what it sent of another."""
    settings.PUBLIC_VIEWING = True
    return sessions.create_session(session_id=f"held-{secrets.token_hex(4)}")


@contextmanager
def _listening(url: str, cursor: str | None, until: Callable[[list[Frame]], bool]) -> Iterator[list[Frame]]:
    """Listen in a thread of its own while the block runs, and until what is waited for has come."""
    heard: list[Frame] = []
    is_open = threading.Event()

    def listen() -> None:
        headers = {} if cursor is None else {"Last-Event-ID": cursor}
        with httpx.Client(timeout=30) as client, client.stream("GET", url, headers=headers) as response:
            assert response.status_code == 200
            parser = FrameParser()
            deadline = time.monotonic() + 40
            for chunk in response.iter_raw():
                heard.extend(parser.feed(chunk))
                is_open.set()
                if until(heard):
                    return
                assert time.monotonic() < deadline

    listener = threading.Thread(target=listen)
    listener.start()
    assert is_open.wait(20)
    yield heard
    listener.join(timeout=60)
    assert not listener.is_alive()


def _is_complete(heard: list[Frame]) -> bool:
    return bool(heard) and heard[-1].event == "backtest_complete"


def _events(heard: list[Frame]) -> list[Frame]:
    return [frame for frame in heard if frame.event not in ("stream-open", "keep-alive", "stream-reset")]


@pytest.mark.parametrize("kind", ["small", "large"])
def test_a_held_listener_gets_the_same_as_one_past_the_proxy(site: Site, session: BacktestSession, kind: str) -> None:
    """Large: an answer that holds what was missed is longer than Pushpin takes, and per cent signs mean something."""
    events = sessions.events_of(session)
    if kind == "large":
        for event in events[:-1]:
            event["data"] = {**event["data"], "note": "100 %I %(x)s " * 200}
    sessions.publish(session, events[:200])
    path = f"/events/{session.session_id}/"
    cursor = f"{session.session_id}:20"

    with (
        _listening(site.url + path, cursor, _is_complete) as held,
        _listening(site.direct_url + path, cursor, _is_complete) as direct,
    ):
        _publish_slowly(session, events)

    assert [json.loads(frame.data)["event_id"] for frame in _events(held)] == list(range(21, LAST + 1))
    assert _events(held) == _events(direct)
    assert held[0] == Frame("stream-open", "", "")


def test_a_held_listener_without_a_cursor_hears_a_worker_from_now_on(
    site: Site, session: BacktestSession, start_worker_process: Callable[..., object]
) -> None:
    with _listening(f"{site.url}/events/{session.session_id}/", None, _is_complete) as held:
        start_worker_process()

    assert [frame.last_event_id for frame in _events(held)] == [
        f"{session.session_id}:{number}" for number in range(LAST + 1)
    ]


def test_a_held_listener_with_a_lost_cursor_is_reset(site: Site, session: BacktestSession) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events[:50])
    name = session.session_id

    with _listening(f"{site.url}/events/{name}/", f"{name}:4000", lambda heard: len(heard) >= 3) as held:
        sessions.publish(session, events[:51])

    assert [(frame.event, frame.last_event_id) for frame in held[1:3]] == [
        ("stream-reset", f"{name}:49"),
        (events[50]["event"], f"{name}:50"),
    ]


def test_an_unknown_session_is_404_behind_the_proxy_too(site: Site) -> None:
    """S12."""
    assert httpx.get(f"{site.url}/events/no-such/").status_code == 404


def _publish_slowly(session: BacktestSession, events: list[SSEEvent]) -> None:
    for end in range(201, len(events) + 1, 16):
        sessions.publish(session, events[:end])
    sessions.publish(session, events)
