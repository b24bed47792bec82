"""What the stream promises of time and cost: S12 as it is configured, S13, S14 and the spread of S15."""

import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as SignedIn
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import relay, stream
from streaming.protocol.frames import FrameParser
from streaming.sse_event_emitter import SSEEvent
from streaming.stream_places import places
from tests import sessions, viewers
from tests.viewers import Seen

#: Threads of a test that write, rather than serve.
_WRITING = ("MainThread", "publisher of ")


def _wait_for(is_true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def _watchers() -> int:
    return sum(feed.watchers for one in list(relay._relays.values()) for feed in one._feeds.values())


# S12


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_who_signs_out_is_rid_of_all_streams_within_5_seconds_as_configured_s12(
    asgi_server: str, session: BacktestSession, settings: Settings, encoding: str
) -> None:
    settings.PUBLIC_VIEWING = False
    session.owner = User.objects.create_user("owner")
    session.save()
    client = Client()
    client.force_login(session.owner)
    cookies = {"sessionid": client.cookies["sessionid"].value}
    events = sessions.events_of(session)
    sessions.publish(session, events[:50])
    _wait_for(lambda: places.taken == 0, "streams of another test are open")
    with (
        viewers.connect(asgi_server, session.session_id, cookies=cookies, headers={"Accept-Encoding": encoding}) as (
            reading,
            _,
        ),
        viewers.connect(asgi_server, session.session_id, cookies=cookies, headers={"Last-Event-ID": "49"}),
    ):
        chunks = reading.iter_raw()
        next(chunks)
        _wait_for(lambda: _watchers() == 2, "the viewers did not get to the relay")
        SignedIn.objects.all().delete()
        began = time.monotonic()
        for _ in chunks:
            pass
        _wait_for(lambda: places.taken == 0, "the stream of a viewer that does not read stays open")
        took = time.monotonic() - began

    assert took < 5


# S13


def test_no_viewer_costs_a_query_for_an_event_s13(
    asgi_server: str, data_folder: object, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the web process asks the database while a session goes on is the same for one viewer and for twelve."""
    settings.PUBLIC_VIEWING = True
    monkeypatch.setattr(stream, "PERMISSION_SECONDS", 60.0)
    queries: Counter[str] = Counter()
    _count_queries(monkeypatch, queries)
    asked = []
    for viewer_count in (1, 12):
        session = sessions.create_session()
        events = sessions.events_of(session)
        sessions.publish(session, events[:64])
        done: list[Seen] = []
        threads = [
            threading.Thread(target=_watch, args=(asgi_server, session.session_id, done)) for _ in range(viewer_count)
        ]
        for thread in threads:
            thread.start()
        _wait_for(lambda count=viewer_count: _watchers() == count, "the viewers did not get to the relay")  # type: ignore[misc]
        queries.clear()
        for start in range(64, len(events), 10):
            sessions.publish(session, events[start : start + 10])
        for thread in threads:
            thread.join(timeout=20)
        asked.append(queries["web"])
        assert [seen.ids for seen in done] == [list(range(64, 313))] * viewer_count

    by_one, by_twelve = asked
    # 25 batches: one query for each viewer and batch would be 275 more. Heads are looked up each second besides.
    assert by_one >= 1
    assert by_twelve < by_one + 40


def _watch(base: str, session_id: str, done: list[Seen]) -> None:
    done.append(viewers.read(base, session_id, cursor=63))


def _count_queries(monkeypatch: pytest.MonkeyPatch, queries: Counter[str]) -> None:
    """Count every statement that this process sends, by whether it serves or writes."""
    execute, execute_async = psycopg.Cursor.execute, psycopg.AsyncCursor.execute

    def note() -> None:
        queries["writing" if threading.current_thread().name.startswith(_WRITING) else "web"] += 1

    def count(cursor: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        note()
        return execute(cursor, *arguments, **options)

    async def count_async(cursor: Any, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        note()
        return await execute_async(cursor, *arguments, **options)

    monkeypatch.setattr(psycopg.Cursor, "execute", count)
    monkeypatch.setattr(psycopg.AsyncCursor, "execute", count_async)


# S14


def test_a_viewer_that_does_not_read_holds_up_nobody_and_loses_nothing_s14(
    asgi_server: str, session: BacktestSession
) -> None:
    """Nine megabytes wait for it, more than fit between server and viewer; the others and the writer are done."""
    events = [_grown(event) for event in sessions.events_of(session)]
    sessions.publish(session, events[:1])
    _wait_for(lambda: places.taken == 0, "streams of another test are open")
    with socket.socket() as line:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(20)
        address = urlsplit(asgi_server)
        line.connect((address.hostname, address.port))
        path = f"/api/backtest/{session.session_id}/stream"
        # HTTP/1.0: the body is not cut into chunks.
        line.sendall(f"GET {path} HTTP/1.0\r\nLast-Event-ID: 0\r\n\r\n".encode())
        received = line.recv(1_000)
        _wait_for(lambda: _watchers() == 1, "the viewer did not get to the relay")
        sessions.publish(session, events)
        other = viewers.read(asgi_server, session.session_id, cursor=220)
        still_open = places.taken
        while chunk := line.recv(262_144):
            received += chunk

    frames = FrameParser().feed(received.partition(b"\r\n\r\n")[2])
    assert other.ids == list(range(221, 313))
    assert still_open >= 1
    assert [int(frame.last_event_id) for frame in frames] == list(range(1, 313))


def _grown(event: SSEEvent) -> SSEEvent:
    if event["event"] != "tick_update":
        return event
    return {"event": event["event"], "data": {**event["data"], "weight": secrets.token_hex(15_000)}}


# S15


def test_signs_of_life_are_spread_over_15_s_give_or_take_a_fifth_s15(
    asgi_server: str, session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Viewers that came together are not all told at the same moment."""
    patience: list[float] = []
    draw = stream._patience

    def note() -> float:
        patience.append(draw())
        return patience[-1]

    monkeypatch.setattr(stream, "_patience", note)
    sessions.publish(session, sessions.events_of(session)[:1])
    with ExitStack() as lines:
        for _ in range(10):
            headers = {"Last-Event-ID": "0"}
            lines.enter_context(viewers.connect(asgi_server, session.session_id, headers=headers))
        _wait_for(lambda: len(patience) == 10, "the viewers did not get to the relay")

    # What is due is looked for every so often, so that it may come that much later.
    assert all(15 * 0.8 <= seconds <= 15 * 1.2 - stream._pause() for seconds in patience)
    assert len(set(patience)) == len(patience)
