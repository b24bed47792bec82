"""Reading an event log; who reads several things that must fit together does so inside `one_instant`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from django.db import connection, transaction

from strategies.models import BacktestSession, NodeEvent, Trade
from streaming.event_log.records import LogState, SnapshotParts
from streaming.models import EventBlock, SessionLog
from streaming.protocol import json_text, messages, snapshots
from streaming.ring import LogBlock, Ring


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
