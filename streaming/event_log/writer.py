"""
Appending to an event log, a batch at a time and in order.

A batch is one block. As soon as a segment is complete its blocks become one row, in the transaction that begins the
next one; a reader finds either its pieces or the whole of it, and the same bytes in both.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from django.conf import settings
from django.db import connection
from django.db.models import Max
from django.db.models.functions import Now

from strategies.models import NodeEvent, Trade
from streaming.counts import counts
from streaming.event_log import series
from streaming.event_log.records import LogError, LoggedEvent, LogTaken
from streaming.event_log.trimming import trim
from streaming.models import EventBlock, SessionLog
from streaming.protocol import json_text, messages, segments, snapshots
from streaming.ring import Mark

#: A committed batch is announced here, with "session pk:head".
NOTIFY_CHANNEL: Final = "backtest_log"

#: Columns that have the names of the events' fields.
_TRADE_COLUMNS: Final = (
    "trade_id",
    "position_id",
    "re_entry_num",
    "symbol",
    "side",
    "quantity",
    "entry_price",
    "entry_time",
    "exit_price",
    "exit_time",
    "pnl",
    "exit_type",
    "trigger_price",
    "status",
    "entry_trigger",
    "exit_reason",
    "closed_by",
)
_NODE_EVENT_COLUMNS: Final = (
    "execution_id",
    "parent_execution_id",
    "node_id",
    "node_name",
    "node_type",
    "timestamp",
    "event_type",
    "conditions_preview",
)


#: A segment ends at the latest this long after it began: so long a viewer that joins inside one waits for shared bytes.
#: Shorter than the time after which a silent line is given a sign of life, so that what comes then begins a segment.
SEGMENT_SECONDS: Final = 10.0


class LogWriter:
    """Append to one session's log. The caller holds the session's lock."""

    def __init__(self, session_pk: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read how far the log reaches; a new segment begins with the first batch."""
        self._clock = clock
        self.session_pk = session_pk
        log, _ = SessionLog.objects.get_or_create(session_id=session_pk)
        self.head = log.head
        self.is_finished = log.is_finished
        self._encoder = segments.SegmentEncoder()
        self._segment_began = 0.0
        #: The rows of the segment that is not complete.
        self._pieces = _read_newest_segment(session_pk)
        self._mark = _mark_after(self._pieces)

    def append(self, batch: Sequence[LoggedEvent]) -> None:
        """
        Write a batch and announce it; all of it or nothing. The caller has opened a transaction.

        Args:
            batch: Events with consecutive ids, the first one following the head.

        Raises:
            LogTaken: If somebody else has appended meanwhile.
            LogError: If the ids do not follow the head, or the log has its last event already.
        """
        self._check_order(batch)
        is_last = batch[-1].event_type == messages.BACKTEST_COMPLETE
        pieces = self._store(self._blocks(batch), is_last=is_last)
        Trade.objects.bulk_create(
            [_trade_row(self.session_pk, event) for event in batch if event.event_type == messages.TRADE_UPDATE]
        )
        NodeEvent.objects.bulk_create(
            [_node_event_row(self.session_pk, event) for event in batch if event.event_type == messages.NODE_EVENT]
        )
        changes = _log_changes(batch)
        if not SessionLog.objects.filter(session_id=self.session_pk, head=self.head).update(**changes):
            raise LogTaken(f"The log of session {self.session_pk} does not end at event {self.head} any more.")
        self.head, self.is_finished = changes["head"], changes["is_finished"]
        before, self._pieces = self._pieces, pieces
        if settings.EVENT_LOG_MAX_EVENTS and pieces[:1] != before[:1]:
            trim(self.session_pk, keep_events=settings.EVENT_LOG_MAX_EVENTS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, f"{self.session_pk}:{self.head}"])

    def _check_order(self, batch: Sequence[LoggedEvent]) -> None:
        if self.is_finished:
            raise LogError(f"The log of session {self.session_pk} has its last event already.")
        following = 0 if self.head is None else self.head + 1
        for event in batch:
            if event.event_id != following:
                raise LogError(f"Event {event.event_id} cannot follow event {following - 1} of the log.")
            following += 1

    def _blocks(self, batch: Sequence[LoggedEvent]) -> list[EventBlock]:
        first = batch[0].event_id
        crc32, raw_through = self._mark
        rows = []
        now = self._clock()
        if now - self._segment_began > SEGMENT_SECONDS:
            self._encoder = segments.SegmentEncoder()
        for block in self._encoder.add([(event.event_id, event.frame) for event in batch]):
            events = batch[block.first_event_id - first : block.last_event_id - first + 1]
            raw_through += block.raw_bytes
            before = crc32
            if block.starts_segment:
                self._segment_began = now
            counts.events_compressed += len(events)
            counts.bytes_encoded += block.raw_bytes
            counts.bytes_compressed += len(block.body)
            for event in events:
                crc32 = zlib.crc32(event.frame, crc32)
            rows.append(
                EventBlock(
                    session_id=self.session_pk,
                    first_event_id=block.first_event_id,
                    last_event_id=block.last_event_id,
                    starts_segment=block.starts_segment,
                    event_count=len(events),
                    raw_bytes=block.raw_bytes,
                    raw_through=raw_through,
                    crc32_before=before,
                    crc32_through=crc32,
                    body=block.body,
                    series=series.pack_series([event.point for event in events if event.point is not None]),
                )
            )
        self._mark = Mark(crc32, raw_through)
        return rows

    def _store(self, rows: list[EventBlock], *, is_last: bool) -> list[EventBlock]:
        """Write new rows, and complete segments as one row each; return the rows of the one that is not complete."""
        by_segment: list[list[EventBlock]] = []
        for row in self._pieces + rows:
            if row.starts_segment or not by_segment:
                by_segment.append([])
            by_segment[-1].append(row)
        pieces = [] if is_last else by_segment.pop()
        whole = [pieces[0] if len(pieces) == 1 else _merge(pieces) for pieces in by_segment]
        replaced = [row.pk for pieces in by_segment if len(pieces) > 1 for row in pieces if not row._state.adding]
        if replaced:
            EventBlock.objects.filter(pk__in=replaced).delete()
        EventBlock.objects.bulk_create([row for row in whole + pieces if row._state.adding])
        return pieces


def _read_newest_segment(session_pk: int) -> list[EventBlock]:
    blocks = EventBlock.objects.filter(session_id=session_pk)
    start = blocks.filter(starts_segment=True).aggregate(newest=Max("first_event_id"))["newest"]
    return [] if start is None else list(blocks.filter(first_event_id__gte=start).order_by("first_event_id"))


def _mark_after(rows: Sequence[EventBlock]) -> Mark:
    return Mark(rows[-1].crc32_through, rows[-1].raw_through) if rows else Mark(0, 0)


def _merge(rows: Sequence[EventBlock]) -> EventBlock:
    """Make one row of a segment's rows; nothing is compressed again but the series."""
    first, last = rows[0], rows[-1]
    return EventBlock(
        session_id=first.session_id,
        first_event_id=first.first_event_id,
        last_event_id=last.last_event_id,
        starts_segment=first.starts_segment,
        event_count=sum(row.event_count for row in rows),
        raw_bytes=sum(row.raw_bytes for row in rows),
        raw_through=last.raw_through,
        crc32_before=first.crc32_before,
        crc32_through=last.crc32_through,
        body=b"".join([row.body for row in rows]),
        series=series.pack_series([point for row in rows for point in series.unpack_series(row.series)]),
    )


def _log_changes(batch: Sequence[LoggedEvent]) -> dict[str, Any]:
    last = batch[-1]
    changes: dict[str, Any] = {
        "head": last.event_id,
        "is_finished": last.event_type == messages.BACKTEST_COMPLETE,
        "written_at": Now(),
    }
    for event in batch:
        if event.event_type == messages.TICK_UPDATE:
            changes["current_state_json"] = event.data_json
        elif event.event_type == messages.TRADE_UPDATE and event.data is not None:
            changes["summary_json"] = json_text.encode(event.data["summary"])
        elif event.event_type == messages.INITIAL_STATE and event.data is not None:
            trades = snapshots.unpack(event.data["trades"])
            changes |= {name: event.data[name] for name in ("strategy_id", "start_date", "end_date")}
            changes |= {"trades_date": trades["date"], "summary_json": json_text.encode(trades["summary"])}
    return changes


def _trade_row(session_pk: int, event: LoggedEvent) -> Trade:
    assert event.data is not None
    trade = event.data["trade"]
    return Trade(
        session_id=session_pk,
        event_id=event.event_id,
        record_json=json_text.encode(trade).decode(),
        **{name: _storable(trade.get(name)) for name in _TRADE_COLUMNS},
    )


def _node_event_row(session_pk: int, event: LoggedEvent) -> NodeEvent:
    assert event.data is not None
    data = event.data
    record = {name: value for name, value in data.items() if name not in messages.ENVELOPE_FIELDS}
    return NodeEvent(
        session_id=session_pk,
        event_id=event.event_id,
        signal_emitted=bool(data["signal_emitted"]),
        record_json=json_text.encode(record).decode(),
        **{name: _storable(data.get(name)) for name in _NODE_EVENT_COLUMNS},
    )


def _storable(value: object) -> object:
    """Make a value fit for a column: Postgres keeps no NUL in text; the log itself and the record keep it, escaped."""
    if value is None:
        return ""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
