"""The stream at its limits: viewers far behind, many at once, too many, other origins, the process's end."""

import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import publisher, snapshot_cache
from streaming.counts import counts
from streaming.protocol.frames import Frame, FrameParser
from streaming.sse_event_emitter import SSEEvent
from streaming.stream_places import places
from tests import sessions, viewers
from tests.viewers import Seen

ROOT = Path(__file__).resolve().parents[2]
HEAD = sessions.HEAD


def _has(count: int) -> Callable[[Seen], bool]:
    return lambda seen: len(seen.frames) >= count


# Far behind


@pytest.mark.parametrize("encoding", ["gzip", "identity"])
def test_a_viewer_that_wishes_so_skips_ahead_when_100_events_behind_s14(
    asgi_server: str,
    session: BacktestSession,
    events: list[SSEEvent],
    monkeypatch: pytest.MonkeyPatch,
    encoding: str,
) -> None:
    # Each publish is one batch.
    monkeypatch.setattr(publisher, "FLUSH_SECONDS", 5.0)
    sessions.publish(session, events[:1])
    headers = {"Last-Event-ID": "0", "Accept-Encoding": encoding}
    inflate = zlib.decompressobj(31)
    decode = inflate.decompress if encoding == "gzip" else bytes
    with viewers.connect(asgi_server, session.session_id, headers=headers, query="?on_lag=skip") as (response, _):
        chunks, parser = response.iter_raw(), FrameParser()
        assert parser.feed(decode(next(chunks))) == []
        seen: list[Frame] = []
        for head in (99, 199, 250):
            sessions.publish(session, events[: head + 1])
            while not seen or int(seen[-1].last_event_id) < head:
                seen += parser.feed(decode(next(chunks)))
        sessions.publish(session, events)
        for chunk in chunks:
            seen += parser.feed(decode(chunk))

    # 99 behind: all of them; 100 behind: a snapshot.
    assert [int(frame.last_event_id) for frame in seen] == [*range(1, 100), 199, *range(200, 313)]
    assert [frame.event for frame in seen].count("initial_state") == 1
    assert viewers.state_of(seen).canonical() == viewers.state_after(events).canonical()


def test_a_viewer_that_skips_gets_the_end_of_a_session_too_s11_s14(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "FLUSH_SECONDS", 5.0)
    sessions.publish(session, events[:1])
    with viewers.connect(asgi_server, session.session_id, headers={"Last-Event-ID": "0"}, query="?on_lag=skip") as (
        response,
        _,
    ):
        chunks = response.iter_raw()
        next(chunks)
        sessions.publish(session, events)
        frames = FrameParser().feed(b"".join(chunks))

    assert [(frame.event, frame.last_event_id) for frame in frames] == [
        ("initial_state", "311"),
        ("backtest_complete", "312"),
    ]


# Many at once


def test_a_snapshot_of_a_moment_ago_is_used_again_with_what_came_since_s5_s6_s7(
    asgi_server: str, session: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_cache, "RECENT_SECONDS", 60.0)
    before = counts.snapshots_built
    sessions.publish(session, events[:101])
    first = viewers.read(asgi_server, session.session_id, until=_has(1))
    sessions.publish(session, events[:200])
    second = viewers.read(asgi_server, session.session_id, until=_has(100))
    built = counts.snapshots_built - before
    sessions.publish(session, events[:201])
    third = viewers.read(asgi_server, session.session_id, until=_has(1))

    assert (first.ids, second.ids, third.ids) == ([100], list(range(100, 200)), [200])
    assert (built, counts.snapshots_built - before) == (1, 2)
    assert second.types[1:] == [event["event"] for event in events[101:200]]
    assert second.headers["x-backtest-stream"] == "snapshot; head=100"
    assert viewers.state_of(second.frames).canonical() == viewers.state_after(events[:200]).canonical()


def test_a_burst_of_viewers_shares_one_snapshot(
    asgi_server: str, running: BacktestSession, events: list[SSEEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot_cache, "RECENT_SECONDS", 60.0)
    before = counts.snapshots_built
    found: list[Seen] = []
    threads = [
        threading.Thread(target=lambda: found.append(viewers.read(asgi_server, running.session_id, until=_has(1))))
        for _ in range(25)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)

    assert counts.snapshots_built - before == 1
    assert [seen.ids for seen in found] == [[HEAD]] * 25


# Too many


def _sign_in(user: User) -> dict[str, str]:
    client = Client()
    client.force_login(user)
    return {"sessionid": client.cookies["sessionid"].value}


def _wait_for_places(count: int) -> None:
    deadline = time.monotonic() + 10
    while places.taken != count:
        assert time.monotonic() < deadline, f"{places.taken} streams are open, not {count}"
        time.sleep(0.02)


def _is_refused(seen: Seen) -> bool:
    assert seen.status == 200
    assert seen.headers["content-type"] == "text/event-stream"
    is_refused = ", refused; head=" in seen.headers["x-backtest-stream"]
    if is_refused:
        retry, comment, rest = seen.raw.split(b"\n\n")
        assert 20_000 <= int(retry.removeprefix(b"retry: ")) <= 40_000
        assert (comment, rest, seen.was_ended) == (b": too many open streams", b"", True)
    return is_refused


def test_a_stream_too_many_is_asked_to_come_back_later(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    _wait_for_places(0)
    settings.STREAM_LIMIT_TOTAL = 2
    with ExitStack() as open_streams:
        for _ in range(2):
            open_streams.enter_context(viewers.connect(asgi_server, running.session_id))
        third = viewers.read(asgi_server, running.session_id, until=_has(1))
    _wait_for_places(0)
    fourth = viewers.read(asgi_server, running.session_id, until=_has(1))

    assert (_is_refused(third), _is_refused(fourth)) == (True, False)


def test_a_user_has_so_many_streams_and_others_have_theirs(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    _wait_for_places(0)
    settings.STREAM_LIMIT_PER_USER = 1
    one, other = (_sign_in(User.objects.create_user(name)) for name in ("one", "other"))
    with viewers.connect(asgi_server, running.session_id, cookies=one):
        again = viewers.read(asgi_server, running.session_id, cookies=one, until=_has(1))
        by_other = viewers.read(asgi_server, running.session_id, cookies=other, until=_has(1))
        by_visitors = [viewers.read(asgi_server, running.session_id, until=_has(1)) for _ in range(2)]

    assert [_is_refused(seen) for seen in (again, by_other, *by_visitors)] == [True, False, False, False]


def test_viewers_that_hang_up_while_they_are_admitted_leave_their_places(
    asgi_server: str, running: BacktestSession
) -> None:
    port = int(asgi_server.rpartition(":")[2])
    request = f"GET /api/backtest/{running.session_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    for attempt in range(100):
        with socket.create_connection(("127.0.0.1", port)) as viewer:
            viewer.sendall(request)
            # Spread over the time that an admission takes.
            time.sleep(attempt % 25 / 1000)

    _wait_for_places(0)


# Other origins


def _ask(base: str, session: BacktestSession, method: str, **headers: str) -> httpx.Response:
    # HEAD and 204 have no body: nothing stays open.
    return httpx.request(method, f"{base}/api/backtest/{session.session_id}/stream", headers=headers, timeout=5)


def test_other_origins_may_not_read_the_stream_unless_they_are_named(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    closed = _ask(asgi_server, running, "HEAD", Origin="https://desk.example")
    preflight = _ask(asgi_server, running, "OPTIONS", Origin="https://desk.example")
    settings.STREAM_ALLOWED_ORIGINS = ["https://desk.example"]
    stranger = _ask(asgi_server, running, "HEAD", Origin="https://desk.example.evil.example")

    for response in (closed, preflight, stranger):
        assert not [name for name in response.headers if name.startswith("access-control-")]
    assert (preflight.status_code, preflight.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "Origin" in stranger.headers["vary"]


def test_a_named_origin_may_read_the_stream_and_send_its_cursor(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    settings.STREAM_ALLOWED_ORIGINS = ["https://desk.example"]

    preflight = _ask(asgi_server, running, "OPTIONS", Origin="https://desk.example")
    head = _ask(asgi_server, running, "HEAD", Origin="https://desk.example")
    running.session_id = "unknown"
    unknown = _ask(asgi_server, running, "GET", Origin="https://desk.example")

    for response in (preflight, head, unknown):
        assert response.headers["access-control-allow-origin"] == "https://desk.example"
        assert response.headers["access-control-allow-credentials"] == "true"
    assert "Last-Event-ID" in preflight.headers["access-control-allow-headers"]
    assert "GET" in preflight.headers["access-control-allow-methods"]
    assert head.headers["access-control-expose-headers"] == "X-Backtest-Stream"
    assert head.headers["vary"].startswith("Accept-Encoding, Origin")
    assert unknown.status_code == 404


def test_where_all_origins_may_read_none_may_send_cookies(
    asgi_server: str, running: BacktestSession, settings: Settings
) -> None:
    settings.STREAM_ALLOWED_ORIGINS = ["*"]

    response = _ask(asgi_server, running, "HEAD", Origin="https://anyone.example")

    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers


# The process's end


@pytest.fixture
def web_process(database_address: str, data_folder: Path) -> Iterator[tuple["subprocess.Popen[bytes]", str]]:
    """Yield a web server of its own process, as ./run starts it, and its address."""
    import os

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "backtest_site.asgi:application", "--port", str(port)]
    command += ["--lifespan", "off", "--timeout-graceful-shutdown", "3", "--log-level", "warning"]
    environment = {**os.environ, "DATABASE_URL": database_address, "PUBLIC_VIEWING": "1"}
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/healthz", timeout=5)
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the web server did not start"
                time.sleep(0.1)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(timeout=10)


@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGINT])
def test_a_server_told_to_stop_says_goodbye_and_is_gone_in_five_seconds(
    running: BacktestSession, web_process: tuple["subprocess.Popen[bytes]", str], stop: signal.Signals
) -> None:
    process, base = web_process
    with ExitStack() as stack:
        streams = [
            stack.enter_context(viewers.connect(base, running.session_id, headers={"Accept-Encoding": encoding}))[0]
            for encoding in ("gzip", "identity") * 25
        ]
        # One that opens a stream and never reads from it.
        silent = stack.enter_context(socket.create_connection(("127.0.0.1", int(base.rpartition(":")[2]))))
        silent.sendall(f"GET /api/backtest/{running.session_id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        all_chunks = [stream.iter_raw() for stream in streams]
        bodies = [next(chunks) for chunks in all_chunks]
        time.sleep(0.5)

        process.send_signal(stop)
        began = time.monotonic()
        bodies = [body + b"".join(chunks) for body, chunks in zip(bodies, all_chunks, strict=True)]
        process.wait(timeout=10)
        took = time.monotonic() - began

    texts = [zlib.decompress(body, 31) if body[:2] == b"\x1f\x8b" else body for body in bodies]
    assert took < 5
    assert [text.endswith(b": goodbye, the server stops\n\n") for text in texts] == [True] * 50
    assert all(f"\nid: {HEAD}\n\n".encode() in text for text in texts)
