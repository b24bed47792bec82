"""The relay's connections are cut, notifications are lost, the web process dies: viewers lose nothing."""

import time
from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from strategies.models import BacktestSession
from tests import sessions
from tests.clients.web_server import WebServer
from tests.streaming.faults.follower import Follower, wait_for

StartWeb = Callable[[str], WebServer]

_WEB = "web under test"


def _connections_of_web() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [_WEB])
        return int(cursor.fetchone()[0])


def _cut_connections_of_web() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE application_name = %s", [_WEB]
        )
        return int(cursor.fetchone()[0])


def test_viewers_miss_nothing_when_the_relay_loses_its_connections_s8_s9(
    session: BacktestSession, start_web: StartWeb, database_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGAPPNAME", _WEB)
    web = start_web(database_address)
    events = sessions.events_of(session)
    sessions.publish(session, events[:1])
    followers = [Follower([web.url], session.session_id) for _ in range(3)]
    for follower in followers:
        follower.wait_for(0)
    cut = []
    for head in (50, 100, 150, 312):
        # One that listens, one that reads.
        wait_for(lambda: _connections_of_web() >= 2, "the relay's connections")
        cut.append(_cut_connections_of_web())
        sessions.publish(session, events[: head + 1])
        for follower in followers:
            follower.wait_for(head)

    expected = sessions.frames_of(session)
    for follower in followers:
        follower.result()
        assert follower.raw_frames == expected
        # The viewers themselves noticed nothing.
        assert follower.cuts == 0
    assert min(cut) >= 2


@pytest.fixture
def deaf_database(transactional_db: None) -> Iterator[None]:
    """Have every notification lost, whoever sends it: commits say nothing."""
    name = connection.settings_dict["NAME"]
    with connection.cursor() as cursor:
        # Found before the server's own, by connections that begin from now on.
        cursor.execute("CREATE FUNCTION public.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'")
        cursor.execute(f'ALTER DATABASE "{name}" SET search_path = public, pg_catalog')
    connection.close()
    yield
    with connection.cursor() as cursor:
        cursor.execute(f'ALTER DATABASE "{name}" RESET search_path')
        cursor.execute("DROP FUNCTION public.pg_notify(text, text)")
    connection.close()


def test_events_come_within_seconds_where_every_notification_is_lost_s8(
    deaf_database: None, session: BacktestSession, start_web: StartWeb, database_address: str
) -> None:
    web = start_web(database_address)
    events = sessions.events_of(session)
    sessions.publish(session, events[:1])
    follower = Follower([web.url], session.session_id)
    follower.wait_for(0)
    waited = []
    for head in (1, 2, 312):
        sessions.publish(session, events[: head + 1])
        committed_at = time.monotonic()
        follower.wait_for(head)
        waited.append(follower.came_at[-1] - committed_at)

    follower.result()
    assert follower.raw_frames == sessions.frames_of(session)
    # Heads are looked up every second; a sign of life, which would wake viewers too, comes after 12 at the earliest.
    assert max(waited) < 8
    # Nobody was told: notified, all three would have come at once.
    assert sum(waited) > 0.1


def test_another_web_process_takes_over_the_viewers_of_one_that_was_killed_s9(
    session: BacktestSession,
    start_web: StartWeb,
    start_worker_process: Callable[..., object],
    database_address: str,
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=100.0)
    killed, other = start_web(database_address), start_web(database_address)
    followers = [Follower([killed.url, other.url], session.session_id) for _ in range(8)]
    start_worker_process()
    for follower in followers:
        follower.wait_for(80)

    killed.kill()

    expected = sessions.frames_of(session)
    for follower in followers:
        follower.check(expected)
        assert follower.cuts >= 1
