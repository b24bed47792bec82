"""Metrics, as a Prometheus server scrapes them from a real server while viewers come and go."""

import re
import time
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.contrib.auth.models import User
from django.test import Client
from prometheus_client.openmetrics import parser as openmetrics_parser
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from streaming import metrics, publisher, status
from streaming.relay import Relay
from tests import sessions, viewers
from tests.scrapes import TOKEN, Metrics

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "howto" / "observe-it.md"
#: Enough for snapshots and replays, and not the end.
HEAD = 200

Scrape = Callable[[], Metrics]


@pytest.fixture
def scrape(asgi_server: str, settings: Settings) -> Scrape:
    """Return a function that scrapes the server."""
    settings.METRICS_TOKEN = TOKEN

    def read() -> Metrics:
        answer = httpx.get(f"{asgi_server}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, trust_env=False)
        assert answer.status_code == 200, answer.text
        return Metrics(answer.text)

    return read


@pytest.fixture
def running(session: BacktestSession, monkeypatch: pytest.MonkeyPatch) -> BacktestSession:
    """Return a running session, its head at 200; each publish is one batch."""
    monkeypatch.setattr(publisher, "FLUSH_SECONDS", 5.0)
    sessions.publish(session, sessions.events_of(session)[: HEAD + 1])
    return session


def wait_for(scrape: Scrape, is_so: Callable[[Metrics], bool]) -> Metrics:
    """Scrape until it is so: a server hears a little later that a client has gone."""
    deadline = time.monotonic() + 10
    while not is_so(found := scrape()):
        assert time.monotonic() < deadline, found.families
        time.sleep(0.02)
    return found


def test_a_viewer_with_a_gap_is_counted_while_it_watches_and_after(
    asgi_server: str, running: BacktestSession, scrape: Scrape
) -> None:
    before = scrape()
    headers = {"Last-Event-ID": "150", "Accept-Encoding": "gzip"}
    with viewers.connect(asgi_server, running.session_id, headers=headers) as (response, _):
        chunks, inflate = response.iter_raw(), zlib.decompressobj(31)
        wire = raw = b""
        while f"id: {HEAD}\n\n".encode() not in raw:
            wire += (chunk := next(chunks))
            raw += inflate.decompress(chunk)
        during = wait_for(scrape, lambda found: found.value("relay_listening") == 1)
    after = wait_for(scrape, lambda found: found.value("streams_open", encoding="gzip") == 0)

    assert during.since(before, "stream_connects_total", mode="replay") == 1
    assert during.since(before, "stream_missed_events_count") == 1
    assert during.since(before, "stream_missed_events_sum") == 50
    assert during.since(before, "stream_missed_events_bucket", le="10.0") == 0
    assert during.since(before, "stream_missed_events_bucket", le="50.0") == 1
    assert during.value("streams_open", encoding="gzip") == 1
    assert (before.value("relay_sessions_watched"), during.value("relay_sessions_watched")) == (0, 1)
    assert (during.value("relay_buffer_bytes") or 0) > 0
    for found in (during, after):
        assert found.since(before, "stream_events_sent_total", encoding="gzip") == 50
        assert found.since(before, "stream_raw_bytes_sent_total", encoding="gzip") == len(raw)
        assert found.since(before, "stream_wire_bytes_sent_total", encoding="gzip") == len(wire)
        assert found.since(before, "stream_events_sent_total", encoding="identity") == 0
    assert after.since(before, "stream_closes_total", reason="viewer_left") == 1


def test_a_finished_session_a_stranger_and_a_head_request_are_told_apart(
    asgi_server: str, session: BacktestSession, scrape: Scrape
) -> None:
    sessions.publish(session, sessions.events_of(session))
    before = scrape()

    seen = viewers.read(asgi_server, session.session_id)
    viewers.read(asgi_server, session.session_id, cursor=312)
    viewers.read(asgi_server, "no-such-session")
    httpx.head(f"{asgi_server}/api/backtest/{session.session_id}/stream", trust_env=False)

    after = wait_for(scrape, lambda found: found.since(before, "stream_closes_total", reason="finished") == 1)
    modes = {mode: after.since(before, "stream_connects_total", mode=mode) for mode in ("complete", "nothing")}
    assert modes == {"complete": 1, "nothing": 1}
    assert after.since(before, "stream_connects_total", mode="not_found") == 1
    assert after.since(before, "stream_connects_total", mode="snapshot") == 0
    assert after.since(before, "snapshots_built_total") == 1
    assert after.since(before, "stream_events_sent_total", encoding="identity") == 1
    assert after.since(before, "stream_wire_bytes_sent_total", encoding="identity") == len(seen.raw)
    assert after.since(before, "stream_raw_bytes_sent_total", encoding="identity") == len(seen.raw)


def test_a_viewer_that_skips_ahead_and_the_batch_that_made_it_are_counted(
    asgi_server: str, running: BacktestSession, scrape: Scrape
) -> None:
    events = sessions.events_of(running)
    headers = {"Last-Event-ID": str(HEAD)}
    with viewers.connect(asgi_server, running.session_id, headers=headers, query="?on_lag=skip") as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        wait_for(scrape, lambda found: found.value("relay_listening") == 1)
        before = scrape()
        sessions.publish(running, events)
        b"".join(chunks)
    after = wait_for(scrape, lambda found: found.since(before, "stream_closes_total", reason="finished") == 1)

    assert after.since(before, "stream_skips_ahead_total") == 1
    assert after.since(before, "writer_batch_events_count") == 1
    assert after.since(before, "writer_batch_events_sum") == len(events) - HEAD - 1
    assert after.since(before, "writer_batch_seconds_count") == 1
    assert after.since(before, "events_compressed_total") == len(events) - HEAD - 1
    raw, stored = (after.since(before, f"writer_{kind}_bytes_total") for kind in ("raw", "stored"))
    assert raw > 5 * stored > 0
    # One batch, read in one go: written and read by the same clock, a moment apart.
    assert after.since(before, "relay_lag_seconds_count") == 1
    assert 0 <= after.since(before, "relay_lag_seconds_sum") < 5


def test_a_refused_viewer_is_counted(
    asgi_server: str, running: BacktestSession, scrape: Scrape, settings: Settings
) -> None:
    settings.STREAM_LIMIT_TOTAL = 1
    before = scrape()
    with viewers.connect(asgi_server, running.session_id) as (response, _):
        chunks = response.iter_raw()
        next(chunks)
        refused = viewers.read(asgi_server, running.session_id)

    assert "refused" in refused.headers["x-backtest-stream"]
    after = scrape()
    assert after.since(before, "stream_connects_total", mode="refused") == 1
    assert after.since(before, "stream_connects_total", mode="snapshot") == 1


def test_the_database_tells_of_sessions_queue_and_log(running: BacktestSession, scrape: Scrape) -> None:
    before = scrape()
    sessions.create_session()

    found = scrape()

    states = {state: found.value("sessions", state=state) for state in ("queued", "running", "completed")}
    assert states == {"queued": 1, "running": 1, "completed": 0}
    # The queue's tables are not emptied between tests.
    assert found.since(before, "queue_jobs", status="waiting") == 1
    assert found.value("log_events") == HEAD + 1
    assert (found.value("log_bytes") or 0) > 8192
    assert found.value("workers_alive") == 0
    ages = [found.value(f"{name}_seconds") for name in ("log_last_batch_age", "session_silent", "queue_oldest")]
    assert all(age is not None and 0 <= age < 60 for age in ages)
    assert found.value("worker_heartbeat_age_seconds") is None
    assert found.value("database_up") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("authorization", "expected"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}x", 401),
        ("Bearer", 401),
        ("Bearer ", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("Bearer \u00e9", 401),
        (None, 401),
    ],
)
def test_only_who_has_the_token_reads_the_metrics(
    client: Client, settings: Settings, authorization: str | None, expected: int
) -> None:
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", headers={} if authorization is None else {"Authorization": authorization})

    assert answer.status_code == expected
    assert (b"backtest_" in answer.content) == (expected == 200)


@pytest.mark.django_db
@pytest.mark.parametrize("authorization", ["Bearer", "Bearer ", "Bearer None"])
def test_without_a_token_nobody_has_it(client: Client, settings: Settings, authorization: str) -> None:
    settings.METRICS_TOKEN = ""

    answer = client.get("/metrics", headers={"Authorization": authorization})

    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("rights", "expected"),
    [({"is_staff": True}, 200), ({"is_staff": True, "is_active": False}, 401), ({}, 401)],
)
def test_staff_reads_the_metrics_without_a_token(client: Client, rights: dict[str, Any], expected: int) -> None:
    client.force_login(User.objects.create_user("watcher", **rights))

    assert client.get("/metrics").status_code == expected


@pytest.mark.django_db
def test_a_client_gets_the_form_that_it_reads(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN

    def answer(accept: str) -> tuple[str, str]:
        response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Accept": accept})
        return response.headers["Content-Type"], response.content.decode()

    kind, text = answer("application/openmetrics-text; version=1.0.0, text/plain;q=0.5")

    assert kind.startswith("application/openmetrics-text")
    assert "backtest_streams_open" in {
        family.name
        for family in openmetrics_parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    }
    for strange in ("", "*/*", "application/openmetrics-text; version=none", "text/plain; version=1.x"):
        assert answer(strange)[0].startswith("text/plain"), strange


@pytest.mark.django_db
def test_the_page_in_the_documents_lists_what_is_exposed() -> None:
    rows = re.findall(r"^\| `(backtest_\w+)` \| (\w+) \|([^|]*)\|", DOCUMENT.read_text(), re.MULTILINE)
    told = {name: (kind, frozenset(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}

    found = status.read_here(relay=Relay(), database=status.read_database())
    exposed = {family.name: family for family in metrics.families(found) if family.name.startswith("backtest_")}

    assert told == {name: (family.type, _labels(family.samples)) for name, family in exposed.items()}
    assert len(rows) == len(told)


def _labels(samples: list[Any]) -> frozenset[str]:
    labels: list[Mapping[str, str]] = [sample.labels for sample in samples]
    return frozenset(name for each in labels for name in each) - {"le"}


def test_the_rules_in_the_documents_ask_for_metrics_that_exist() -> None:
    text = DOCUMENT.read_text()
    listed = set(re.findall(r"^\| `(backtest_\w+)` ", text, re.MULTILINE))
    asked = set(re.findall(r"backtest_\w+", "".join(re.findall(r"^ +(?:- alert|expr|rate|<).*$", text, re.MULTILINE))))

    assert len(asked) >= 10
    assert {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in asked} <= listed
