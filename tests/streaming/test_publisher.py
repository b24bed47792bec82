"""The publisher: when it commits, what it waits for, and how it fails."""

import threading
import time

import psycopg
import pytest
from django.db import connection

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log, publisher
from streaming.models import EventBlock, SessionLog
from streaming.protocol import segments
from streaming.publisher import LogPublisher
from tests import sessions


def _listen() -> "psycopg.Connection[tuple[object, ...]]":
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold", "server_side_binding", "isolation_level"):
        parameters.pop(name, None)
    listening = psycopg.connect(**parameters, autocommit=True)
    listening.execute(f"LISTEN {event_log.NOTIFY_CHANNEL}")
    return listening


def _claimed(session: BacktestSession, *, pace: float | None) -> BacktestSession:
    BacktestSession.objects.filter(pk=session.pk).update(state=SessionState.RUNNING, pace=pace)
    session.refresh_from_db()
    return session


def test_an_unpaced_run_is_committed_in_batches_of_50_ms(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    with LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log:
        for event in events[:60]:
            log.publish(sessions.encoded(event))
        time.sleep(0.3)
        head = event_log.read_state(session.pk).head

    assert head == 59
    assert EventBlock.objects.count() <= 3


def test_whole_segments_are_rows_from_the_beginning_and_the_rest_follows_in_time(session: BacktestSession) -> None:
    """What does not fill a segment may stay for its company, but no longer than 50 ms after it came."""
    events = sessions.events_of(session)
    with (
        _listen() as listening,
        LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log,
    ):
        for event in events[:138]:
            log.publish(sessions.encoded(event))
        heard = [notification.payload for notification in listening.notifies(timeout=1)]
        rows = list(EventBlock.objects.values_list("first_event_id", "last_event_id", "starts_segment"))

    assert rows == [(0, 63, True), (64, 127, True), (128, 137, True)]
    assert heard[-1] == f"{session.pk}:137"
    assert log.failure is None


def test_a_paced_run_is_committed_at_once(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    with _listen() as listening, LogPublisher(_claimed(session, pace=10.0), underlying=sessions.UNDERLYING) as log:
        took = []
        for event in events[:20]:
            began = time.monotonic()
            log.publish(sessions.encoded(event))
            next(listening.notifies(timeout=5, stop_after=1))
            took.append(time.monotonic() - began)

    assert sorted(took)[10] < publisher.FLUSH_SECONDS
    assert EventBlock.objects.count() == 20


def test_a_run_too_fast_for_the_eye_is_committed_in_batches_of_25_ms(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    with LogPublisher(_claimed(session, pace=2_235.0), underlying=sessions.UNDERLYING) as log:
        for event in events[:60]:
            log.publish(sessions.encoded(event))
        time.sleep(0.3)
        head = event_log.read_state(session.pk).head

    assert head == 59
    assert EventBlock.objects.count() <= 4


def test_each_batch_is_announced_once_with_session_and_head(session: BacktestSession) -> None:
    with _listen() as listening:
        sessions.publish(session, sessions.events_of(session))
        heard = [notification.payload for notification in listening.notifies(timeout=1)]

    assert heard[-1] == f"{session.pk}:312"
    assert len(heard) <= 10


def test_an_engine_that_is_faster_than_the_database_waits(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "MAX_WAITING", 10)
    events = sessions.events_of(session)
    most = 0
    with LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log:
        for event in events:
            log.publish(sessions.encoded(event))
            most = max(most, log.waiting)

    assert most <= 10
    assert event_log.read_state(session.pk).head == 312


def test_a_failure_lets_a_waiting_engine_go_and_is_told(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "MAX_WAITING", 5)
    events = sessions.events_of(session)
    with LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log:
        SessionLog.objects.filter(session=session).update(head=77)
        for event in events:
            log.publish(sessions.encoded(event))

    assert isinstance(log.failure, event_log.LogTaken)
    assert EventBlock.objects.count() == 0


def test_a_failure_on_the_engines_thread_ends_the_publisher_and_not_the_engine(
    session: BacktestSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError("no room to compress")

    monkeypatch.setattr(segments.SegmentEncoder, "encode", fail)
    events = sessions.events_of(session)
    with LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log:
        for event in events:
            log.publish(sessions.encoded(event))

    assert isinstance(log.failure, MemoryError)
    assert event_log.read_state(session.pk).head is None


def test_what_was_published_before_it_was_abandoned_is_committed_and_nothing_after(session: BacktestSession) -> None:
    events = sessions.events_of(session)
    with LogPublisher(_claimed(session, pace=None), underlying=sessions.UNDERLYING) as log:
        for event in events[:30]:
            log.publish(sessions.encoded(event))
        log.abandon()
        for event in events[30:]:
            log.publish(sessions.encoded(event))

    session.refresh_from_db()
    assert log.failure is None
    assert event_log.read_state(session.pk).head == 29
    assert session.state == SessionState.RUNNING


def test_progress_and_state_are_committed_with_the_events_they_report(session: BacktestSession) -> None:
    """Somebody who looks all the time never sees progress that the log does not have, nor an end without its event."""
    events = sessions.events_of(session)
    odd: list[object] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.is_set():
            with event_log.one_instant():
                state = event_log.read_state(session.pk)
                row = BacktestSession.objects.get(pk=session.pk)
                frames = event_log.read_frames(session.pk, after=-1, limit=1000)
            ticks = sum(frame.startswith(b"event: tick_update\n") for _, frame in frames)
            head = len(frames) - 1 if frames else None
            if (row.ticks_done, state.head, row.is_finished) != (ticks, head, state.is_finished):
                odd.append((row.ticks_done, ticks, state.head, head, row.is_finished, state.is_finished))
        connection.close()

    session = _claimed(session, pace=1000.0)
    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        with LogPublisher(session, underlying=sessions.UNDERLYING) as log:
            for event in events:
                log.publish(sessions.encoded(event))
                time.sleep(0.001)
    finally:
        is_over.set()
        watcher.join()

    assert odd == []
    assert log.failure is None


def test_the_wish_to_cancel_is_seen_while_nothing_happens(session: BacktestSession) -> None:
    with LogPublisher(_claimed(session, pace=0.001), underlying=sessions.UNDERLYING) as log:
        BacktestSession.objects.filter(pk=session.pk).update(cancel_requested=True)
        deadline = time.monotonic() + 1
        while not log.is_cancel_requested:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    assert log.failure is None
