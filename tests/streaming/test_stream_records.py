"""What is logged of streams and of those who serve them: every line about a session says which."""

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import relay, stream_places, viewer
from streaming.event_log import LogWriter, Stretch
from tests import sessions, viewers
from tests.written_lines import WrittenLines, read_log

ROOT = Path(__file__).resolve().parents[2]
HEAD = sessions.HEAD


@pytest.fixture
def lines() -> Iterator[WrittenLines]:
    """Return the lines written from here on."""
    with read_log() as written:
        yield written


def test_a_stream_is_told_when_it_opens_and_when_it_closes(
    asgi_server: str, session: BacktestSession, lines: WrittenLines
) -> None:
    events = sessions.events_of(session)
    sessions.publish(session, events)

    seen = viewers.read(asgi_server, session.session_id, cursor=HEAD)

    closed = lines.wait_for(lambda line: line["event"] == "Stream closed.")
    (opened,) = lines("Stream opened.")
    facts: dict[str, Any] = {"session_id": session.session_id, "user": None, "encoding": "identity"}
    facts |= {"mode": "complete", "head": 312, "cursor": HEAD}
    assert {name: opened.get(name) for name in facts} == facts
    assert {name: closed.get(name) for name in facts} == facts
    assert (closed["reason"], closed["events"]) == ("finished", 1)
    assert closed["raw_bytes"] == closed["wire_bytes"] == len(seen.raw)
    assert 0 <= closed["duration_seconds"] < 20


def test_who_leaves_and_who_may_not_look_any_more_are_told_apart(
    asgi_server: str, running: BacktestSession, lines: WrittenLines, settings: Settings
) -> None:
    with viewers.connect(asgi_server, running.session_id) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
    left = lines.wait_for(lambda line: line["event"] == "Stream closed.")
    with viewers.connect(asgi_server, running.session_id, headers={"Last-Event-ID": "150"}) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        settings.PUBLIC_VIEWING = False
        b"".join(chunks)
    lost = lines.wait_for(lambda line: line["event"] == "Stream closed." and line["mode"] == "replay")

    assert (left["reason"], lost["reason"]) == ("viewer_left", "permission_lost")
    assert (lost["cursor"], lost["events"]) == (150, 50)


def test_a_stream_that_fails_gives_its_place_back_and_says_why(
    asgi_server: str, running: BacktestSession, lines: WrittenLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    # One that stands before the ring must read the log, which is away.
    monkeypatch.setattr(relay, "RING_EVENTS", 10)
    monkeypatch.setattr(viewer, "_read_on", fail)
    with viewers.connect(asgi_server, running.session_id, headers={"Last-Event-ID": "110"}) as (response, _):
        b"".join(response.iter_raw())

    closed = lines.wait_for(lambda line: line["event"] == "Stream closed.")
    (failed,) = [line for line in lines() if line["level"] == "error"]
    assert closed["reason"] == "failed"
    assert failed["session_id"] == running.session_id
    assert "the server closed the connection" in failed["exception"]
    assert stream_places.places.taken == 0


def test_the_relays_lines_name_the_session_they_are_about_and_no_other(
    asgi_server: str, running: BacktestSession, lines: WrittenLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = relay.Relay._read_blocks
    failures = iter([True])

    async def fail_once(self: relay.Relay, feed: relay.Feed) -> object:
        if next(failures, False):
            raise psycopg.OperationalError("reading is away")
        return await reader(self, feed)

    async def fail_to_listen(_self: relay.Relay) -> None:
        raise psycopg.OperationalError("listening is away")

    monkeypatch.setattr(relay.Relay, "_read_blocks", fail_once)
    monkeypatch.setattr(relay.Relay, "_listen", fail_to_listen)
    viewers.read(asgi_server, running.session_id, cursor=190, until=lambda seen: len(seen.frames) == 10)

    reading = lines.wait_for(lambda line: "reading is away" in line["event"])
    listening = lines.wait_for(lambda line: "listening is away" in line["event"])
    assert reading["session_id"] == running.session_id
    # It serves all sessions, though the first viewer's request has started it.
    assert "session_id" not in listening


def test_the_writers_thread_names_its_session(
    session: BacktestSession, lines: WrittenLines, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, failures = LogWriter.store, iter([True])

    def fail_once(writer: LogWriter, stretches: Sequence[Stretch]) -> None:
        if next(failures, False):
            raise ValueError("a fault of the test")
        store(writer, stretches)

    monkeypatch.setattr(LogWriter, "store", fail_once)

    sessions.run_here(session)

    assert {line.get("session_id") for line in lines()} == {session.session_id}
    (failed,) = [line for line in lines() if line["level"] == "error"]
    (ended,) = [line for line in lines() if line["event"].endswith("has ended.")]
    assert "a fault of the test" in failed["exception"]
    assert (ended["state"], ended["head"]) == ("failed", 1)


def test_a_worker_process_writes_json_with_its_session(
    session: BacktestSession, database_address: str, tmp_path: Path
) -> None:
    file = tmp_path / "worker.log"
    environment = {**os.environ, "DATABASE_URL": database_address, "LOG_FORMAT": "json", "LOG_LEVEL": "debug"}
    with file.open("w") as output:
        worker = subprocess.Popen([sys.executable, "manage.py", "run_worker"], cwd=ROOT, env=environment, stderr=output)
    try:
        deadline = time.monotonic() + 30
        while "has ended." not in file.read_text():
            assert worker.poll() is None
            assert time.monotonic() < deadline, file.read_text()
            time.sleep(0.05)
    finally:
        worker.terminate()
        worker.wait(timeout=20)

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    batches = [line for line in lines if line["event"] == "Batch committed."]
    (ended,) = [line for line in lines if line["event"].endswith("has ended.")]
    assert (ended["session_id"], ended["state"], ended["head"]) == (session.session_id, "completed", 312)
    assert sum(line["events"] for line in batches) == 313
    assert {line["session_id"] for line in batches} == {session.session_id}
    assert "session_id" not in lines[-1]


def test_a_request_about_a_session_names_it_and_the_next_one_does_not(
    asgi_server: str, client: Client, running: BacktestSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="backtest_site")
    address = f"/api/sessions/{running.session_id}/series/"
    with read_log(level=logging.DEBUG) as lines, httpx.Client(base_url=asgi_server, trust_env=False) as kept_alive:
        for page in (address, "/healthz"):
            client.get(page)
            kept_alive.get(page)

    told = [(line["path"], line.get("session_id")) for line in lines("Request.")]
    assert told == [(address, running.session_id)] * 2 + [("/healthz", None)] * 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "address", "level"),
    [("get", "/healthz", "debug"), ("get", "/no-such-page?secret=1", "info"), ("post", "/healthz", "info")],
)
def test_requests_that_fail_or_change_something_are_told(
    client: Client, caplog: pytest.LogCaptureFixture, method: str, address: str, level: str
) -> None:
    caplog.set_level(logging.DEBUG, logger="backtest_site")
    with read_log(level=logging.DEBUG) as lines:
        answer = getattr(client, method)(address)

    (line,) = lines("Request.")
    assert (line["level"], line["status"]) == (level, answer.status_code)
    assert (line["method"], line["path"]) == (method.upper(), address.partition("?")[0])
    assert "secret" not in json.dumps(lines())
