"""Postgres has no room for the log any more: the session says so, and what it has stays readable."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log
from streaming.models import EventBlock
from tests import sessions, viewers
from tests.clients.web_server import WebServer
from tests.streaming.faults.follower import Follower, wait_for
from tests.streaming.faults.own_postgres import OwnPostgres

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of running processes are Linux's")

#: One to a page: more than the 16 MB of a file of Postgres's write-ahead log, which is to have room.
_BALLAST_ROWS = 2_200


@pytest.fixture
def database_address(postgres: OwnPostgres) -> str:
    """Have processes use the server that is to be harmed."""
    return postgres.address


def _fill_with_ballast() -> None:
    other = sessions.create_session()
    actions.cancel_session(other)
    EventBlock.objects.bulk_create(
        EventBlock(
            session=other,
            first_event_id=number,
            last_event_id=number,
            starts_segment=True,
            event_count=1,
            raw_bytes=1,
            raw_through=1,
            crc32_before=0,
            crc32_through=0,
            body=os.urandom(7_000),
        )
        for number in range(10, 10 + _BALLAST_ROWS)
    )
    with connection.cursor() as cursor:
        # It would find room again where blocks became one.
        cursor.execute(f"ALTER TABLE {EventBlock._meta.db_table} SET (autovacuum_enabled = false)")


def _file_of_blocks(postgres: OwnPostgres) -> Path:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_relation_filepath(%s)", [EventBlock._meta.db_table])
        return postgres.home / "data" / str(cursor.fetchone()[0])


def _state_of(session: BacktestSession) -> SessionState:
    session.refresh_from_db()
    return SessionState(session.state)


def test_a_session_whose_log_has_no_room_fails_with_that_reason_and_stays_readable_s1_s11(
    postgres: OwnPostgres,
    start_worker_process: Callable[..., object],
    start_web: Callable[[str], WebServer],
    data_folder: Path,
) -> None:
    session = sessions.create_session(pace=300.0, seconds=3_000)
    _fill_with_ballast()
    expected = sessions.frames_of(session)
    web = start_web(postgres.address)
    start_worker_process("--stalled-after", "2")
    follower = Follower([web.url], session.session_id)
    follower.wait_for(100)

    # Not a whole page more: as on a full disk, the last write is a short one.
    postgres.limit_files_to(_file_of_blocks(postgres).stat().st_size + 4_000)
    wait_for(lambda: _state_of(session) == SessionState.FAILED, "the session's failure")
    head = event_log.read_state(session.pk).head
    assert head is not None
    follower.wait_for(head)
    newcomer = viewers.read(web.url, session.session_id, until=lambda seen: bool(seen.frames))

    assert session.error.startswith("The event log could not be written: the d")
    assert "could not extend file" in session.error
    assert session.error.endswith("Make room or mend it, then run this again as a new session.")
    assert 100 <= head < len(expected) - 1
    assert [frame for _, frame in event_log.read_frames(session.pk, after=-1, limit=4_000)] == expected[: head + 1]
    assert follower.raw_frames == expected[: head + 1]
    assert newcomer.ids[0] == head
    assert session.error in _admin_page_of(session)

    # The end is told as soon as there is room.
    postgres.limit_files_to(None)
    last = follower.result()[-1]
    assert (last.event, int(last.last_event_id)) == ("backtest_complete", head + 1)
    assert '"status":"failed"' in last.data
    assert "could not extend file" in last.data
    assert _state_of(session) == SessionState.FAILED


def _admin_page_of(session: BacktestSession) -> str:
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    page = client.get(f"/admin/strategies/backtestsession/{session.pk}/change/").content.decode()
    return page.replace("&quot;", '"')
