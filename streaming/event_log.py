"""
The event log of a session: appending to it, and reading it.

Who writes holds the session's lock (`session_lock`) and appends through a `LogWriter`, a batch at a time and in order.
The head is moved by an update that names the old head, so that even a writer that lost its lock without knowing can
never fork the log. Who reads several things that must fit together does so inside `one_instant`.

A batch is one block. As soon as a segment is complete its blocks become one row, in the transaction that begins the
next one; a reader finds either its pieces or the whole of it, and the same bytes in both.

A snapshot needs no table of its own: the trades and node events of a session keep the JSON of their events, in order,
and the log keeps the rest. They are written in the same transaction as the head.

    LogError
    └── LogTaken    another writer has appended meanwhile; this one must stop
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.db.models.functions import Length, Now

from strategies.models import BacktestSession, NodeEvent, Trade
from streaming.counts import counts
from streaming.models import EventBlock, SessionLog
from streaming.protocol import json_text, messages, segments, snapshots
from streaming.ring import LogBlock, Mark, Ring

#: A committed batch is announced here, with "session pk:head".
NOTIFY_CHANNEL: Final = "backtest_log"

#: The first key of every session's advisory lock; the second is the session's primary key.
_LOCK_CLASS: Final = 0x5E55
_LOCK_KEYS: Final = 2**31

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


class LogError(Exception):
    """The event log cannot be written as asked."""


class LogTaken(LogError):
    """Another writer has appended to the log meanwhile."""


class SeriesPoint(NamedTuple):
    """What the charts need of one tick."""

    tick: int
    #: Unix time of the tick.
    epoch_second: int
    #: Last price of the underlying; NaN where it has none yet.
    underlying: float
    #: Total P&L in hundredths.
    total_pnl_cents: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedEvent:
    """One event on its way into the log, serialised once."""

    event_id: int
    event_type: str
    frame: bytes
    #: JSON of the payload.
    data_json: bytes
    #: The payload; only where the log reads more of it than its JSON.
    data: dict[str, Any] | None = None
    #: Only of a tick_update.
    point: SeriesPoint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogState:
    """How far a log reaches."""

    #: None before the first event.
    head: int | None
    oldest_event_id: int
    is_finished: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dropped:
    """What a log has let go of."""

    events: int
    #: Bytes of the blocks and their series.
    stored_bytes: int


# Writing


@contextmanager
def session_lock(session_pk: int) -> Iterator[bool]:
    """
    Hold the lock of a session's one writer while the block runs.

    It is bound to this thread's database connection: where the process dies, the server lets go of it.

    Yields:
        Whether the lock was free; without it the caller must not write.
    """
    keys = [_LOCK_CLASS, session_pk % _LOCK_KEYS]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", keys)
        is_ours = bool(cursor.fetchone()[0])
    try:
        yield is_ours
    finally:
        if is_ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", keys)


def locked_sessions(session_pks: Sequence[int]) -> frozenset[int]:
    """Return those of the sessions that have a writer."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT objid FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = %s "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
            [_LOCK_CLASS],
        )
        locked = {row[0] for row in cursor.fetchall()}
    return frozenset(pk for pk in session_pks if pk % _LOCK_KEYS in locked)


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
                    series=pack_series([event.point for event in events if event.point is not None]),
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


@transaction.atomic
def trim(session_pk: int, *, keep_events: int, is_dry_run: bool = False) -> Dropped:
    """
    Drop whole segments from a log's tail.

    Args:
        session_pk: Whose.
        keep_events: How many of the newest events stay at least, >= 1; more where their segment holds more.
        is_dry_run: Whether to say only what would be dropped.
    """
    log = SessionLog.objects.filter(session_id=session_pk, head__isnull=False).first()
    blocks = EventBlock.objects.filter(session_id=session_pk)
    if log is None or log.head is None:
        return Dropped(events=0, stored_bytes=0)
    starts = blocks.filter(starts_segment=True, first_event_id__lte=log.head + 1 - keep_events)
    oldest = starts.aggregate(newest=Max("first_event_id"))["newest"]
    if oldest is None or oldest <= log.oldest_event_id:
        return Dropped(events=0, stored_bytes=0)
    tail = blocks.filter(first_event_id__lt=oldest)
    found = tail.aggregate(events=Sum("event_count"), stored=Sum(Length("body") + Length("series")))
    if not is_dry_run:
        tail.delete()
        SessionLog.objects.filter(session_id=session_pk).update(oldest_event_id=oldest)
    return Dropped(events=found["events"] or 0, stored_bytes=found["stored"] or 0)


def finished_logs(*, before: datetime | None, after_newest: int | None) -> list[int]:
    """
    Select finished sessions by age and number, the longest finished first.

    Args:
        before: Those that finished before this time; None for none by age.
        after_newest: Those that are not among so many that finished last; None for none by number.

    Returns:
        Primary keys of the sessions that either condition selects.
    """
    finished = BacktestSession.objects.filter(log__is_finished=True, finished_at__isnull=False)
    newest_first = list(finished.order_by("-finished_at", "-pk").values_list("pk", "finished_at"))
    chosen = [
        pk
        for rank, (pk, finished_at) in enumerate(newest_first)
        if (before is not None and finished_at is not None and finished_at < before)
        or (after_newest is not None and rank >= after_newest)
    ]
    return chosen[::-1]


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
        series=pack_series([point for row in rows for point in unpack_series(row.series)]),
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


# Reading


@contextmanager
def one_instant() -> Iterator[None]:
    """Let everything that is read inside be of one and the same instant."""
    if connection.in_atomic_block:
        # The caller's own transaction decides what it sees.
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def read_state(session_pk: int) -> LogState:
    """Read how far a session's log reaches; a session that never ran has an empty one."""
    row = SessionLog.objects.filter(session_id=session_pk).values_list("head", "oldest_event_id", "is_finished").first()
    head, oldest_event_id, is_finished = row or (None, 0, False)
    return LogState(head=head, oldest_event_id=oldest_event_id, is_finished=is_finished)


_BLOCK_TABLE: Final = EventBlock._meta.db_table
_LOG_TABLE: Final = SessionLog._meta.db_table

#: What a `LogBlock` is made of.
BLOCK_COLUMNS: Final = """
    b.first_event_id, b.last_event_id, b.starts_segment, b.raw_bytes, b.raw_through, b.crc32_before, b.crc32_through,
    l.is_finished AND l.head = b.last_event_id, b.body
"""
BLOCK_SOURCE: Final = f"{_BLOCK_TABLE} b JOIN {_LOG_TABLE} l ON l.session_id = b.session_id"

_READ_BLOCKS: Final = f"""
    SELECT {BLOCK_COLUMNS} FROM {BLOCK_SOURCE}
    WHERE b.session_id = %(session)s AND b.first_event_id <= %(through)s AND b.first_event_id >= (
        SELECT max(first_event_id) FROM {_BLOCK_TABLE}
        WHERE session_id = %(session)s AND starts_segment AND first_event_id <= %(from)s)
    ORDER BY b.first_event_id
"""


def read_blocks(session_pk: int, *, after: int, limit: int) -> Ring:
    """
    Read blocks from the log.

    Args:
        session_pk: Of which session.
        after: The event before the first one wanted; -1 for all from the first on.
        limit: How many events are wanted; at least 1. More come where a block holds more, and those before them in
            their segment, without which they cannot be decoded.

    Returns:
        The blocks; none where the log does not have the event after `after`, or not any more.
    """
    with connection.cursor() as cursor:
        cursor.execute(_READ_BLOCKS, {"session": session_pk, "from": after + 1, "through": after + limit})
        return Ring([LogBlock._make((*row[:-1], bytes(row[-1]))) for row in cursor.fetchall()])


def read_frames(session_pk: int, *, after: int, limit: int) -> list[tuple[int, bytes]]:
    """
    Read events from the log.

    Args:
        session_pk: Of which session.
        after: The event before the first one wanted; -1 for all from the first on.
        limit: How many at most; at least 1.

    Returns:
        Event id and frame, ids ascending without a hole; fewer than `limit` only where the log ends.
    """
    return read_blocks(session_pk, after=after, limit=limit).frames_after(after)[:limit]


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotParts:
    """A session's state at its log's head (before the last event, where it is finished), as JSON texts."""

    strategy_id: str
    start_date: str
    end_date: str
    diagnostics_json: bytes
    trades_json: bytes


def read_snapshot(session_pk: int) -> SnapshotParts:
    """
    Read a session's state; the caller reads head and state inside the same `one_instant`.

    A finished session's last event adds nothing to the tables that this reads: its state is the one at head - 1.
    """
    log = SessionLog.objects.get(session_id=session_pk)
    history = NodeEvent.objects.filter(session_id=session_pk).order_by("event_id")
    entries = [
        b"%b:%b" % (json_text.encode(execution_id), record_json.encode())
        for execution_id, record_json in history.values_list("execution_id", "record_json")
    ]
    trades = Trade.objects.filter(session_id=session_pk).order_by("event_id").values_list("record_json", flat=True)
    return SnapshotParts(
        strategy_id=log.strategy_id,
        start_date=log.start_date,
        end_date=log.end_date,
        diagnostics_json=snapshots.assemble_diagnostics(
            b"{%b}" % b",".join(entries), bytes(log.current_state_json) or b"null"
        ),
        trades_json=b'{"date":%b,"summary":%b,"trades":[%b]}'
        % (json_text.encode(log.trades_date), bytes(log.summary_json), ",".join(trades).encode()),
    )


def initial_state_frame_data(*, session_id: str, event_id: int, parts: SnapshotParts) -> bytes:
    """Write the payload of an `initial_state`; the costly part of a snapshot, it needs no database."""
    payload = snapshots.initial_state_payload(
        event_id=event_id,
        session_id=session_id,
        diagnostics=parts.diagnostics_json,
        trades=parts.trades_json,
        strategy_id=parts.strategy_id,
        start_date=parts.start_date,
        end_date=parts.end_date,
    )
    return json_text.encode(payload)


def viewer_state(session: BacktestSession) -> dict[str, Any]:
    """Read what a page shows of a session's log: `tick`, the last tick's payload or None, and the `trades` document."""
    with one_instant():
        log = SessionLog.objects.filter(session_id=session.pk).first()
        if log is None or log.head is None:
            return {"tick": None, "trades": messages.empty_trades(""), "head": None}
        parts = read_snapshot(session.pk)
    return {
        "tick": json_text.decode(bytes(log.current_state_json) or b"null"),
        "trades": json_text.decode(parts.trades_json),
        "head": log.head,
    }


# Series

_POINT: Final = struct.Struct("<Iqdq")


def pack_series(points: Sequence[SeriesPoint]) -> bytes:
    """Pack the points of a block; empty for none."""
    if not points:
        return b""
    return zlib.compress(b"".join([_POINT.pack(*point) for point in points]), 6)


def unpack_series(packed: bytes | memoryview) -> list[SeriesPoint]:
    """Read what `pack_series` wrote."""
    if not packed:
        return []
    return [SeriesPoint(*values) for values in _POINT.iter_unpack(zlib.decompress(packed))]
