"""
The publisher: from an engine's callback to the event log.

The engine's thread hands over events and goes on. As soon as a whole segment of them waits, that thread compresses it
as well: while it lies in the processor's cache this takes two microseconds an event. Another thread would wait for the
interpreter's lock before and after each call of the compressor, and fall behind. A thread of the publisher's own
commits, while the engine goes on: blocks, head, trades, node events and progress in one transaction, then one
notification. It also compresses what does not fill a segment. Waiting events are bounded: an engine that is faster than
the database waits for it.

A batch is committed at the latest 50 ms after its first event, 25 ms where the session is paced, and at once where its
pace is so slow that ticks are told apart by eye: a commit for each tick of a fast session costs more than the tick.
Events that the log has already (a worker took over and reruns the session from the start) are skipped. A failure of
either thread is kept in `failure`; who drives the engine looks at it before each tick, for the emitter would only drop
a callback that raises.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from django.db import connection, transaction

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log, grip_publisher, meters, payloads
from streaming.counts import counts
from streaming.event_log import Stretch
from streaming.protocol import frames, messages, snapshots
from streaming.sse_event_emitter import EncodedEvent

logger = logging.getLogger(__name__)

#: How long an event of an unpaced session may wait for company.
FLUSH_SECONDS: Final = 0.05
#: The same of a session that is paced, but faster than a screen shows single ticks.
FAST_FLUSH_SECONDS: Final = 0.025
#: Ticks a second from which on a paced session counts as fast.
FAST_PACE: Final = 1 / FAST_FLUSH_SECONDS
#: How many events may wait: about 1 MB, for nearly all of them are compressed; 26 MB where a proxy is told of them.
MAX_WAITING: Final = 8192
#: How often the wish to cancel is looked up, also while no event comes.
CANCEL_POLL_SECONDS: Final = 0.25

_NOTE_PROGRESS: Final = f"UPDATE {BacktestSession._meta.db_table} SET ticks_done = %s WHERE id = %s"
_FINAL_STATES: Final = {
    "completed": SessionState.COMPLETED,
    "cancelled": SessionState.CANCELLED,
    "failed": SessionState.FAILED,
}


class RerunDiffers(event_log.LogError):
    """A rerun gave another event than the log holds: strategy or market data are not what they were."""


class Waiting(NamedTuple):
    """Events that wait to be committed, compressed."""

    stretch: Stretch
    #: The same, where somebody else is told of them; else empty.
    events: Sequence[EncodedEvent]


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
        # What waits, oldest first: compressed segments, then the events of the one that is not complete.
        self._segments: list[Waiting] = []
        self._events_in_segments = 0
        self._rest: deque[EncodedEvent] = deque()
        #: How many events complete the segment in hand.
        self._room = self._writer.room
        # By the monotonic clock: no waiting event came before the first, none of the rest before the second.
        self._waiting_since = 0.0
        self._rest_since = 0.0
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
        return self._events_in_segments + len(self._rest)

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
        if self._is_abandoned or self.failure is not None:
            return
        if event.event_id <= self._skip_through:
            self._check_rerun(event)
            return
        rest = self._rest
        if self._events_in_segments + len(rest) >= MAX_WAITING:
            self._wait_for_the_database()
        # Without the lock, which would cost as much as all the rest: only this thread appends.
        rest.append(event)
        count = len(rest)
        if count == 1 and not self._segments:
            # A slow run wakes the thread for each event; a fast one lets it sleep out its time.
            self._wake()
        if count >= self._room:
            self._complete_segment()

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

    def _wake(self) -> None:
        with self._changed:
            self._waiting_since = time.monotonic()
            self._changed.notify_all()

    def _wait_for_the_database(self) -> None:
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.waiting < MAX_WAITING or self.failure is not None)

    def _complete_segment(self) -> None:
        try:
            with self._changed:
                # The other thread may have taken some of them meanwhile.
                if len(self._rest) >= self._room:
                    self._segments.append(self._compress(self._room))
                    self._events_in_segments += self._segments[-1].stretch.event_count
                    self._rest_since = time.monotonic()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run must end with it as its reason
            self._fail(error)

    def _compress(self, count: int) -> Waiting:
        """Compress the oldest of the rest. The caller holds the lock."""
        events = [self._rest.popleft() for _ in range(count)]
        for event in events:
            if event.point is None and event.event == messages.TICK_UPDATE:
                event.point = payloads.tick_point(event.data, underlying=self._underlying)
        stretch = self._writer.compress(events)
        self._room = self._writer.room
        return Waiting(stretch, events if grip_publisher.is_wanted() else ())

    def _read_last_frame(self) -> bytes | None:
        if self._writer.head is None:
            return None
        found = event_log.read_frames(self._session.pk, after=self._writer.head - 1, limit=1)
        return found[0][1] if found else None

    def _check_rerun(self, event: EncodedEvent) -> None:
        if event.event_id < self._skip_through or self._last_frame is None:
            return
        counts.events_encoded += 1
        if frames.encode_frame(event.event, event.data_json, event.event_id) != self._last_frame:
            self._fail(
                RerunDiffers(
                    f"Event {event.event_id} of the rerun differs from the log: the data set or the engine has "
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
            self._changed.wait_for(lambda: self.waiting > 0 or self._is_closing, timeout=CANCEL_POLL_SECONDS)
            if self.waiting and self._flush_seconds:
                left = self._waiting_since + self._flush_seconds - time.monotonic()
                self._changed.wait_for(lambda: self.waiting >= MAX_WAITING or self._is_closing, timeout=max(left, 0.0))
            batch = self._take()
            may_go_on = bool(batch) or not self._is_closing
            self._changed.notify_all()
        if batch:
            with meters.timed_batch(sum(waiting.stretch.event_count for waiting in batch)):
                self._commit(batch)
        self._look_for_cancel()
        return may_go_on

    def _take(self) -> list[Waiting]:
        """Take what is to be committed now. The caller holds the lock."""
        batch, self._segments, self._events_in_segments = self._segments, [], 0
        is_rest_young = time.monotonic() < self._rest_since + self._flush_seconds
        if batch and is_rest_young and not self._is_closing:
            # It may wait for the rest of its segment, which then is one row from the beginning.
            self._waiting_since = self._rest_since
        elif self._rest:
            batch.append(self._compress(len(self._rest)))
        return batch

    def _commit(self, batch: Sequence[Waiting]) -> None:
        with transaction.atomic():
            self._writer.store([waiting.stretch for waiting in batch])
            grip_publisher.publish_after_commit(
                self._session.session_id, [event for waiting in batch for event in waiting.events]
            )
            ticks = [waiting.stretch.last_tick for waiting in batch if waiting.stretch.last_tick is not None]
            if ticks and ticks[-1].point is not None:
                with connection.cursor() as cursor:
                    cursor.execute(_NOTE_PROGRESS, [ticks[-1].point.tick, self._session.pk])
            if batch[-1].stretch.ends_session:
                self._finish(batch[-1].stretch.others[-1].data)

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
            self._rest.clear()
            self._segments, self._events_in_segments = [], 0
            self._changed.notify_all()


def _seconds_for_company(pace: float | None) -> float:
    """Return how long an event may wait for others, for a session of so many ticks a second; None is full speed."""
    if pace is None:
        return FLUSH_SECONDS
    return FAST_FLUSH_SECONDS if pace > FAST_PACE else 0.0
