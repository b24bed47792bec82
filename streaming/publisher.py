"""
The publisher: from an engine's callback to the event log.

The engine's thread serialises each event once and goes on; a thread of the publisher's own compresses what waits and
commits it: blocks, head, trades, node events and progress in one transaction, then one notification. Waiting events
are bounded: an engine that is faster than the database waits for it.

A batch is committed at the latest 50 ms after its first event, 25 ms where the session is paced, and at once where its
pace is so slow that ticks are told apart by eye: a commit for each tick of a fast session costs more than the tick.
Events that the log has already (a worker took over and reruns the session from the start) are skipped. A failure of the
thread is kept in `failure`; who drives the engine looks at it before each tick, for the emitter would only drop a
callback that raises.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import deque
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Self

from django.db import connection, transaction

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log, grip_publisher, meters, payloads
from streaming.counts import counts
from streaming.event_log import LoggedEvent, SeriesPoint
from streaming.protocol import frames, json_text, messages, snapshots
from streaming.sse_event_emitter import EncodedEvent

logger = logging.getLogger(__name__)

#: How long an event of an unpaced session may wait for company.
FLUSH_SECONDS: Final = 0.05
#: The same of a session that is paced, but faster than a screen shows single ticks.
FAST_FLUSH_SECONDS: Final = 0.025
#: Ticks a second from which on a paced session counts as fast.
FAST_PACE: Final = 1 / FAST_FLUSH_SECONDS
#: How many events may wait: about 5 MB.
MAX_WAITING: Final = 1024
#: How often the wish to cancel is looked up, also while no event comes.
CANCEL_POLL_SECONDS: Final = 0.25

#: Which events carry more than their JSON into the log.
_READ_FURTHER: Final = frozenset(
    {messages.INITIAL_STATE, messages.NODE_EVENT, messages.TRADE_UPDATE, messages.BACKTEST_COMPLETE}
)
_FINAL_STATES: Final = {
    "completed": SessionState.COMPLETED,
    "cancelled": SessionState.CANCELLED,
    "failed": SessionState.FAILED,
}


class RerunDiffers(event_log.LogError):
    """A rerun gave another event than the log holds: strategy or market data are not what they were."""


class LogPublisher:
    """Publish one run of one session. Use as a context manager; leaving it commits what waits."""

    def __init__(self, session: BacktestSession, *, underlying: str) -> None:
        """
        Begin after the log's head.

        Args:
            session: Claimed and locked by the caller.
            underlying: The symbol whose price the series tell.
        """
        #: What ended the publisher's thread; None while all is well.
        self.failure: Exception | None = None
        #: Whether somebody wants the session cancelled.
        self.is_cancel_requested = False
        self._session = session
        self._underlying = underlying
        self._writer = event_log.LogWriter(session.pk)
        self._skip_through = -1 if self._writer.head is None else self._writer.head
        self._last_frame = self._read_last_frame()
        self._flush_seconds = _seconds_for_company(session.pace)
        self._waiting: deque[LoggedEvent] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._is_abandoned = False
        self._results: dict[str, Any] | None = None
        # In a copy of the caller's context, so that its log lines name the session as well.
        in_context = contextvars.copy_context().run
        self._thread = threading.Thread(target=in_context, args=[self._run], name=f"publisher of {session}")

    @property
    def waiting(self) -> int:
        """How many events wait to be committed."""
        return len(self._waiting)

    def __enter__(self) -> Self:
        meters.publishers.add(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def publish(self, event: EncodedEvent) -> None:
        """Take one event; waits while too many wait already. This is the engine's callback for encoded events."""
        event_id = event.event_id
        if event_id < self._skip_through or self._is_abandoned or self.failure is not None:
            return
        logged = self._serialise(event)
        if event_id == self._skip_through:
            self._check_rerun(logged)
            return
        if len(self._waiting) >= MAX_WAITING:
            with self._changed:
                self._changed.wait_for(lambda: len(self._waiting) < MAX_WAITING or self.failure is not None)
        # Without the lock, which would cost as much as all the rest: only this thread appends, only the other takes.
        self._waiting.append(logged)
        # A slow run wakes the thread for each event; a fast one lets it sleep out its time.
        if len(self._waiting) == 1 or len(self._waiting) >= MAX_WAITING:
            with self._changed:
                self._changed.notify_all()

    def take_results(self, document: dict[str, Any]) -> None:
        """Take what the run came to; it is committed together with the last event, which comes after it."""
        self._results = document

    def abandon(self) -> None:
        """Take no more events; what waits is still committed. The session is not at its end."""
        self._is_abandoned = True

    def close(self) -> None:
        """Commit what waits and end the thread. `failure` tells whether that went well."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._thread.join()
        meters.publishers.discard(self)

    def _serialise(self, event: EncodedEvent) -> LoggedEvent:
        event_type = event.event
        counts.events_encoded += 1
        return LoggedEvent(
            event_id=event.event_id,
            event_type=event_type,
            frame=frames.encode_frame(event_type, event.data_json, event.event_id),
            data_json=event.data_json,
            data=event.data if event_type in _READ_FURTHER else None,
            point=self._point(event) if event_type == messages.TICK_UPDATE else None,
        )

    def _point(self, event: EncodedEvent) -> SeriesPoint:
        point = event.point or payloads.tick_point(event.data, underlying=self._underlying)
        return SeriesPoint(*point[:3], total_pnl_cents=int(Decimal(point.total_pnl) * 100))

    def _read_last_frame(self) -> bytes | None:
        if self._writer.head is None:
            return None
        found = event_log.read_frames(self._session.pk, after=self._writer.head - 1, limit=1)
        return found[0][1] if found else None

    def _check_rerun(self, logged: LoggedEvent) -> None:
        if self._last_frame is not None and logged.frame != self._last_frame:
            self._fail(
                RerunDiffers(
                    f"Event {logged.event_id} of the rerun differs from the log: the data set or the engine has "
                    "changed since the session began. Run it again as a new session."
                )
            )

    # In the publisher's thread

    def _run(self) -> None:
        try:
            while self._work():
                pass
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end with it as its reason
            self._fail(error)
        finally:
            connection.close()

    def _work(self) -> bool:
        """Wait for events and commit them; return whether there may be more."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._is_closing, timeout=CANCEL_POLL_SECONDS)
            if self._waiting and self._flush_seconds:
                self._changed.wait_for(
                    lambda: len(self._waiting) >= MAX_WAITING or self._is_closing, timeout=self._flush_seconds
                )
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            may_go_on = bool(batch) or not self._is_closing
            self._changed.notify_all()
        if batch:
            with meters.timed_batch(len(batch)):
                self._commit(batch)
        self._look_for_cancel()
        return may_go_on

    def _commit(self, batch: list[LoggedEvent]) -> None:
        with transaction.atomic():
            self._writer.append(batch)
            grip_publisher.publish_after_commit(self._session.session_id, batch)
            ticks = [event.point.tick for event in batch if event.point is not None]
            if ticks:
                BacktestSession.objects.filter(pk=self._session.pk).update(ticks_done=ticks[-1])
            if batch[-1].event_type == messages.BACKTEST_COMPLETE and batch[-1].data is not None:
                self._finish(batch[-1].data)

    def _finish(self, complete: dict[str, Any]) -> None:
        state = _FINAL_STATES[complete["status"]]
        if state == SessionState.COMPLETED:
            actions.note_total_ticks(self._session.pk, complete["total_ticks"])
        error = complete.get("error", "") if state == SessionState.FAILED else ""
        result = snapshots.unpack(complete["trades"])["summary"]
        if self._results is not None:
            figures = self._results["metrics"]
            result |= {"costs": figures["costs"], "net_pnl": figures["net_pnl"]}
            result["max_drawdown"] = figures["drawdown"]["max_amount"]
            actions.store_results(self._session.pk, self._results)
        actions.finish_session(self._session.pk, state=state, error=error, result=result)

    _looked_at = 0.0

    def _look_for_cancel(self) -> None:
        now = time.monotonic()
        if now - self._looked_at >= CANCEL_POLL_SECONDS:
            self._looked_at = now
            self.is_cancel_requested = actions.is_cancel_requested(self._session.pk)

    def _fail(self, error: Exception) -> None:
        with self._changed:
            self.failure = error
            self._waiting.clear()
            self._changed.notify_all()


def _seconds_for_company(pace: float | None) -> float:
    """Return how long an event may wait for others, for a session of so many ticks a second; None is full speed."""
    if pace is None:
        return FLUSH_SECONDS
    return FAST_FLUSH_SECONDS if pace > FAST_PACE else 0.0


def close_log_of_ended_session(*, session: BacktestSession, **_: object) -> None:
    """
    Tell a session's end in its log, where no engine did: cancelled in the queue, or failed before or beside the engine.

    Listens to `actions.session_ended`, inside its transaction.
    """
    writer = event_log.LogWriter(session.pk)
    if writer.is_finished:
        return
    batch = []
    if writer.head is None:
        batch.append(_first_event(session))
        writer_head = 0
        parts = _parts_of_first(batch[0])
    else:
        writer_head = writer.head
        parts = event_log.read_snapshot(session.pk)
    batch.append(_last_event(session, event_id=writer_head + 1, parts=parts))
    with transaction.atomic():
        writer.append(batch)
        grip_publisher.publish_after_commit(session.session_id, batch)


def _first_event(session: BacktestSession) -> LoggedEvent:
    data_set = session.data_set
    start, end = session.start_date or data_set.first_date, session.end_date or data_set.last_date
    start_date, end_date = (day.isoformat() if day else "" for day in (start, end))
    payload = snapshots.initial_state_payload(
        event_id=0,
        session_id=session.session_id,
        diagnostics=json_text.encode(messages.empty_diagnostics()),
        trades=json_text.encode(messages.empty_trades(start_date)),
        strategy_id=str(session.strategy_version.graph.get("strategy_id", "")),
        start_date=start_date,
        end_date=end_date,
    )
    return _logged(messages.INITIAL_STATE, payload)


def _parts_of_first(first: LoggedEvent) -> event_log.SnapshotParts:
    assert first.data is not None
    return event_log.SnapshotParts(
        strategy_id=first.data["strategy_id"],
        start_date=first.data["start_date"],
        end_date=first.data["end_date"],
        diagnostics_json=json_text.encode(snapshots.unpack(first.data["diagnostics"])),
        trades_json=json_text.encode(snapshots.unpack(first.data["trades"])),
    )


def _last_event(session: BacktestSession, *, event_id: int, parts: event_log.SnapshotParts) -> LoggedEvent:
    fields = snapshots.snapshot_fields(
        diagnostics=parts.diagnostics_json,
        trades=parts.trades_json,
        strategy_id=parts.strategy_id,
        start_date=parts.start_date,
        end_date=parts.end_date,
    )
    status: messages.CompletionStatus = "failed" if session.state == SessionState.FAILED else "cancelled"
    ending = snapshots.completion_fields(total_ticks=session.ticks_done, status=status, error=session.error or None)
    payload = {"event_id": event_id, "session_id": session.session_id, **fields, **ending}
    return _logged(messages.BACKTEST_COMPLETE, payload)


def _logged(event_type: str, payload: dict[str, Any]) -> LoggedEvent:
    data_json = json_text.encode(payload)
    return LoggedEvent(
        event_id=payload["event_id"],
        event_type=event_type,
        frame=frames.encode_frame(event_type, data_json, payload["event_id"]),
        data_json=data_json,
        data=payload,
    )
