"""Which errors of the database a run is begun again for, and which end it."""

from threading import Thread

import pytest
from django.db import Error, IntegrityError, connection

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import database_faults, event_log
from streaming.event_log import series
from streaming.sse_event_emitter import SSEEvent
from tests import sessions


def _raised_by_server(condition: str, text: str = "words of the server") -> Error:
    with pytest.raises(Error) as raised, connection.cursor() as cursor:
        cursor.execute(f"DO $$ BEGIN RAISE {condition} USING MESSAGE = '{text}'; END $$")
    return raised.value


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("disk_full", "the disk of the database is full"),
        ("io_error", "the disk of the database has a fault"),
        ("out_of_memory", "the database is out of memory"),
        ("insufficient_resources", "the database lacks resources"),
        ("configuration_limit_exceeded", "a limit in the database's settings is reached"),
    ],
)
def test_what_lasts_is_told_with_the_servers_words_and_the_way_out(condition: str, reason: str) -> None:
    error = _raised_by_server(condition)

    assert database_faults.lasting_reason(error) == (
        f"{reason} (words of the server). Make room or mend it, then run this again as a new session."
    )
    assert not database_faults.is_passing(error)


@pytest.mark.django_db(transaction=True)
def test_a_file_that_may_not_grow_is_a_lack_of_room() -> None:
    error = _raised_by_server("internal_error", 'could not extend file "base/5/17087": File too large')

    assert "no room for its files" in (database_faults.lasting_reason(error) or "")
    assert not database_faults.is_passing(error)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "condition", ["admin_shutdown", "crash_shutdown", "too_many_connections", "deadlock_detected", "unique_violation"]
)
def test_what_passes_is_tried_again(condition: str) -> None:
    error = _raised_by_server(condition)

    assert database_faults.lasting_reason(error) is None
    assert database_faults.is_passing(error)


@pytest.mark.django_db(transaction=True)
def test_what_the_run_itself_did_wrong_is_neither() -> None:
    error = _raised_by_server("division_by_zero")

    assert database_faults.lasting_reason(error) is None
    assert not database_faults.is_passing(error)


def test_a_writer_that_was_there_first_is_let_go_first() -> None:
    assert database_faults.is_passing(event_log.LogTaken("event 5 is there"))
    assert not database_faults.is_passing(event_log.LogError("the ids do not follow"))


def test_a_run_that_finds_events_of_another_writer_is_begun_again_s1(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = series.pack_series
    events = sessions.events_of(session)

    def let_another_write(points: list[series.Point]) -> bytes:
        monkeypatch.setattr(series, "pack_series", original)
        # One that lost its lock without knowing: it commits first.
        other = Thread(target=_publish_and_close, args=(session, events[:120]))
        other.start()
        other.join()
        return original(points)

    monkeypatch.setattr(series, "pack_series", let_another_write)
    with pytest.raises((IntegrityError, event_log.LogTaken)):
        sessions.run_here(session)
    session.refresh_from_db()
    assert session.state == SessionState.RUNNING

    sessions.run_here(session)

    assert session.state == SessionState.COMPLETED
    assert [frame for _, frame in event_log.read_frames(session.pk, after=-1, limit=1000)] == sessions.frames_of(
        session
    )


def _publish_and_close(session: BacktestSession, events: list[SSEEvent]) -> None:
    sessions.publish(BacktestSession.objects.get(pk=session.pk), events)
    connection.close()
