"""A worker is killed while it commits a batch: the log has no hole, whether the batch was lost or not."""

import contextlib
import signal
import subprocess
from collections.abc import Callable, Iterator

from django.db import connection

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log
from streaming.models import EventBlock
from tests import sessions
from tests.streaming.faults.follower import wait_for

StartWorker = Callable[..., "subprocess.Popen[str]"]

_GATE = 4711


def _is_in(session: BacktestSession, state: SessionState) -> bool:
    session.refresh_from_db()
    assert session.state != SessionState.FAILED, session.error
    return session.state == state


def _head(session: BacktestSession) -> int:
    head = event_log.read_state(session.pk).head
    return -1 if head is None else head


def _waiting_for_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


@contextlib.contextmanager
def _gate(*, is_deferred: bool) -> Iterator[None]:
    """Have the batch with event 100 stop inside the database, for as long as the gate is shut."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS "
            f"'BEGIN PERFORM pg_advisory_xact_lock_shared({_GATE}); RETURN NEW; END'"
        )
        cursor.execute(
            f"CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON {EventBlock._meta.db_table} "
            f"DEFERRABLE {'INITIALLY DEFERRED' if is_deferred else ''} FOR EACH ROW "
            "WHEN (NEW.first_event_id <= 100 AND NEW.last_event_id >= 100) EXECUTE FUNCTION wait_at_gate()"
        )
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER gate ON {EventBlock._meta.db_table}")
            cursor.execute("DROP FUNCTION wait_at_gate()")


@contextlib.contextmanager
def _shut_gate() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [_GATE])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_GATE])


def _check(session: BacktestSession) -> None:
    wait_for(lambda: _is_in(session, SessionState.COMPLETED), "the session's end")
    found = [frame for _, frame in event_log.read_frames(session.pk, after=-1, limit=1000)]
    assert found == sessions.frames_of(session)
    assert session.attempts >= 2


def _kill_at_gate(session: BacktestSession, start_worker_process: StartWorker) -> None:
    worker = start_worker_process("--stalled-after", "1")
    wait_for(lambda: _waiting_for_locks() == 1, "the batch with event 100")
    worker.send_signal(signal.SIGKILL)
    worker.wait(timeout=5)
    assert _head(session) < 100


def test_a_batch_whose_worker_is_killed_while_it_writes_is_gone_and_written_by_the_next_s1_s2(
    session: BacktestSession, start_worker_process: StartWorker
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=500.0)
    with _gate(is_deferred=False):
        with _shut_gate():
            _kill_at_gate(session, start_worker_process)
            # What the dead worker began is still in the database's hands when the next one comes to the same events.
            start_worker_process("--stalled-after", "1")
            wait_for(lambda: _waiting_for_locks() >= 2, "the next worker's batch")
        _check(session)


def test_a_batch_whose_worker_is_killed_while_it_commits_is_there_once_s1_s2(
    session: BacktestSession, start_worker_process: StartWorker
) -> None:
    BacktestSession.objects.filter(pk=session.pk).update(pace=500.0)
    with _gate(is_deferred=True):
        with _shut_gate():
            _kill_at_gate(session, start_worker_process)
        # Committed, though nobody was there any more to hear it.
        wait_for(lambda: _head(session) >= 100, "the end of the commit")
        start_worker_process("--stalled-after", "1")
        _check(session)
