"""
Appending to an event log, in order: a stretch of events is compressed, then stored with all that is told with it.

The two steps are apart, for they may happen on two threads, and several stretches may be stored at once. A stretch is
one block, or several where a segment ends in it. As soon as a segment is complete its blocks become one row, in the
transaction that begins the next one; a reader finds either its pieces or the whole of it, and the same bytes in both.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from django.conf import settings
from django.db import connection
from django.db.models import Max
from isal import isal_zlib

from streaming.counts import counts
from streaming.event_log import copying, history, series
from streaming.event_log.records import BlockRow, LogError, LogTaken, Stretch
from streaming.event_log.trimming import trim
from streaming.models import EventBlock, SessionLog
from streaming.protocol import frames, json_text, messages, segments, snapshots
from streaming.ring import Mark
from streaming.sse_event_emitter import EncodedEvent

#: A committed batch is announced here, with "session pk:head".
NOTIFY_CHANNEL: Final = "backtest_log"

#: A segment ends at the latest this long after it began: so long a viewer that joins inside one waits for shared bytes.
#: Shorter than the time after which a silent line is given a sign of life, so that what comes then begins a segment.
SEGMENT_SECONDS: Final = 10.0

_LOG_TABLE: Final = SessionLog._meta.db_table
_BLOCK_COLUMNS: Final = ("session_id", *BlockRow._fields)
_BLOCK_TYPES: Final = ("int8", "int8", "int8", "bool", "int4", "int4", "int8", "int8", "int8", "bytea", "bytea")
_DELETE_BLOCKS: Final = (
    f"DELETE FROM {EventBlock._meta.db_table} WHERE session_id = %s AND first_event_id BETWEEN %s AND %s"
)


class LogWriter:
    """Append to one session's log. The caller holds the session's lock, and uses no writer that has failed."""

    def __init__(self, session_pk: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Read how far the log reaches; a new segment begins with the first batch."""
        self._clock = clock
        self.session_pk = session_pk
        log, _ = SessionLog.objects.get_or_create(session_id=session_pk)
        #: What is stored.
        self.head = log.head
        self.is_finished = log.is_finished
        #: None that the log still has is older; who else trims it may have dropped more.
        self._oldest_event_id = log.oldest_event_id
        self._encoder = segments.SegmentEncoder()
        self._segment_began = 0.0
        #: The stored rows of the segment that is not complete.
        self._pieces = _read_newest_segment(session_pk)
        self._mark = _mark_after(self._pieces)
        #: The event that is compressed next, and whether the last one is compressed.
        self._next_event_id = 0 if log.head is None else log.head + 1
        self._is_complete = log.is_finished

    @property
    def room(self) -> int:
        """How many events the segment in hand takes until it is complete; at least 1."""
        return self._encoder.room

    def append(self, batch: Sequence[EncodedEvent]) -> None:
        """
        Compress and store a batch; all of it or nothing. The caller has opened a transaction.

        Args:
            batch: Events with consecutive ids, the first one following the head; a tick_update has its point.

        Raises:
            LogTaken: If somebody else has appended meanwhile.
            LogError: If the ids do not follow the head, or the log has its last event already.
        """
        self.store([self.compress(batch)])

    def compress(self, events: Sequence[EncodedEvent]) -> Stretch:
        """
        Compress events, without the database.

        Args:
            events: At least one, with consecutive ids, the first one following those that were compressed before.

        Raises:
            LogError: If the ids do not follow, or the log has its last event already.
        """
        self._check_order(events)
        now = self._clock()
        if now - self._segment_began > SEGMENT_SECONDS:
            self._encoder = segments.SegmentEncoder()
        rows: list[BlockRow] = []
        start = 0
        while start < len(events):
            if self._encoder.room == segments.DEFAULT_EVENTS_PER_SEGMENT:
                self._segment_began = now
            part = events[start : start + self._encoder.room]
            rows.append(self._row(part))
            start += len(part)
        ticks = [event for event in events if event.event == messages.TICK_UPDATE]
        others = [event for event in events if event.event != messages.TICK_UPDATE] if len(ticks) < len(events) else ()
        stretch = Stretch(rows=rows, last_tick=ticks[-1] if ticks else None, others=others)
        self._next_event_id += len(events)
        self._is_complete = stretch.ends_session
        return stretch

    def store(self, stretches: Sequence[Stretch]) -> None:
        """
        Write compressed events and announce them; all of it or nothing. The caller has opened a transaction.

        Args:
            stretches: What `compress` returned since the last call, all of it or the first of it, in its order.

        Raises:
            LogTaken: If somebody else has appended meanwhile.
        """
        last = stretches[-1]
        rows = [row for stretch in stretches for row in stretch.rows]
        pieces = self._store_rows(rows, is_last=last.ends_session)
        others = [event for stretch in stretches for event in stretch.others]
        history.copy_trades(self.session_pk, others)
        history.copy_node_events(self.session_pk, others)
        changes = _log_changes(stretches)
        if not self._move_head(changes):
            raise LogTaken(f"The log of session {self.session_pk} does not end at event {self.head} any more.")
        self.head, self.is_finished = last.last_event_id, last.ends_session
        before, self._pieces = self._pieces, pieces
        if settings.EVENT_LOG_MAX_EVENTS and pieces[:1] != before[:1]:
            self._trim(settings.EVENT_LOG_MAX_EVENTS)
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_notify(%s, %s)", [NOTIFY_CHANNEL, f"{self.session_pk}:{self.head}"])

    def _move_head(self, changes: Mapping[str, int | str | bytes]) -> bool:
        """Change the log's row, unless its head is another than we know."""
        assignments = ", ".join([f"{column} = %s" for column in changes])
        with connection.cursor() as cursor:
            # A run at full speed does this between its engine's steps: Django takes four times as long to write it.
            cursor.execute(
                f"UPDATE {_LOG_TABLE} SET {assignments}, written_at = statement_timestamp() "
                "WHERE session_id = %s AND head IS NOT DISTINCT FROM %s",
                [*changes.values(), self.session_pk, self.head],
            )
            return bool(cursor.rowcount)

    def _trim(self, keep_events: int) -> None:
        # Nothing to drop yet: most runs are shorter than what is kept, and this is asked in each of their batches.
        if self.head is not None and self.head + 1 - keep_events > self._oldest_event_id:
            self._oldest_event_id += trim(self.session_pk, keep_events=keep_events).events

    def _check_order(self, events: Sequence[EncodedEvent]) -> None:
        if self._is_complete:
            raise LogError(f"The log of session {self.session_pk} has its last event already.")
        for following, event in enumerate(events, start=self._next_event_id):
            if event.event_id != following:
                raise LogError(f"Event {event.event_id} cannot follow event {following - 1} of the log.")

    def _row(self, events: Sequence[EncodedEvent]) -> BlockRow:
        """Compress events that fit into the segment."""
        raw = frames.encode_frames([(event.event, event.data_json, event.event_id) for event in events])
        block = self._encoder.encode(raw, first_event_id=events[0].event_id, events=len(events))
        before = self._mark
        self._mark = Mark(isal_zlib.crc32(raw, before.crc32), before.raw_bytes + len(raw))
        counts.events_encoded += len(events)
        counts.events_compressed += len(events)
        counts.bytes_encoded += len(raw)
        counts.bytes_compressed += len(block.body)
        return BlockRow(
            first_event_id=block.first_event_id,
            last_event_id=block.last_event_id,
            starts_segment=block.starts_segment,
            event_count=len(events),
            raw_bytes=len(raw),
            raw_through=self._mark.raw_bytes,
            crc32_before=before.crc32,
            crc32_through=self._mark.crc32,
            body=block.body,
            series=series.pack_series(_points(events)),
        )

    def _store_rows(self, rows: list[BlockRow], *, is_last: bool) -> list[BlockRow]:
        """Write new rows, and complete segments as one row each; return the rows of the one that is not complete."""
        by_segment: list[list[BlockRow]] = []
        for row in self._pieces + rows:
            if row.starts_segment or not by_segment:
                by_segment.append([])
            by_segment[-1].append(row)
        pieces = [] if is_last else by_segment.pop()
        stored = len(self._pieces)
        if stored and by_segment and len(by_segment[0]) > 1:
            first, last = self._pieces[0].first_event_id, self._pieces[-1].first_event_id
            with connection.cursor() as cursor:
                cursor.execute(_DELETE_BLOCKS, [self.session_pk, first, last])
            stored = 0
        written = [_merge(segment) for segment in by_segment] + pieces
        new = [(self.session_pk, *row) for row in written[stored:]]
        copying.copy_rows(EventBlock, _BLOCK_COLUMNS, new, types=_BLOCK_TYPES)
        return pieces


def _points(events: Sequence[EncodedEvent]) -> list[series.Point]:
    # The text of an amount has two places, always.
    return [
        (tick, second, price, int(total.replace(".", "")))
        for tick, second, price, total in [event.point for event in events if event.point is not None]
    ]


def _read_newest_segment(session_pk: int) -> list[BlockRow]:
    blocks = EventBlock.objects.filter(session_id=session_pk)
    start = blocks.filter(starts_segment=True).aggregate(newest=Max("first_event_id"))["newest"]
    if start is None:
        return []
    newest = blocks.filter(first_event_id__gte=start).order_by("first_event_id")
    return [BlockRow._make(values) for values in newest.values_list(*BlockRow._fields)]


def _mark_after(rows: Sequence[BlockRow]) -> Mark:
    return Mark(rows[-1].crc32_through, rows[-1].raw_through) if rows else Mark(0, 0)


def _merge(rows: Sequence[BlockRow]) -> BlockRow:
    """Make one row of a segment's rows; nothing is compressed again but the series."""
    if len(rows) == 1:
        return rows[0]
    first, last = rows[0], rows[-1]
    return BlockRow(
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


def _log_changes(stretches: Sequence[Stretch]) -> dict[str, int | str | bytes]:
    last = stretches[-1]
    changes: dict[str, int | str | bytes] = {
        "head": last.last_event_id,
        "is_finished": last.ends_session,
    }
    ticks = [stretch.last_tick for stretch in stretches if stretch.last_tick is not None]
    if ticks:
        changes["current_state_json"] = ticks[-1].data_json
    for event in [event for stretch in stretches for event in stretch.others]:
        if event.event == messages.TRADE_UPDATE:
            changes["summary_json"] = json_text.encode(event.data["summary"])
        elif event.event == messages.INITIAL_STATE:
            trades = snapshots.unpack(event.data["trades"])
            changes |= {name: event.data[name] for name in ("strategy_id", "start_date", "end_date")}
            changes |= {"trades_date": trades["date"], "summary_json": json_text.encode(trades["summary"])}
    return changes
