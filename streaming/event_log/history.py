"""The trades and node events that a log keeps as rows beside its blocks: to be searched, and for snapshots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from strategies.models import NodeEvent, Trade
from streaming.event_log import copying
from streaming.protocol import json_text, messages
from streaming.sse_event_emitter import EncodedEvent

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


def copy_trades(session_pk: int, events: Iterable[EncodedEvent]) -> None:
    """Write a row for each trade_update among some events."""
    told = [event for event in events if event.event == messages.TRADE_UPDATE]
    if told:
        columns = ("session_id", "event_id", "record_json", *_TRADE_COLUMNS)
        copying.copy_rows(Trade, columns, [_trade_row(session_pk, event) for event in told])


def copy_node_events(session_pk: int, events: Iterable[EncodedEvent]) -> None:
    """Write a row for each node_event among some events."""
    told = [event for event in events if event.event == messages.NODE_EVENT]
    if told:
        columns = ("session_id", "event_id", "signal_emitted", "record_json", *_NODE_EVENT_COLUMNS)
        copying.copy_rows(NodeEvent, columns, [_node_event_row(session_pk, event) for event in told])


def _trade_row(session_pk: int, event: EncodedEvent) -> tuple[object, ...]:
    trade = event.data["trade"]
    columns = [_storable(trade.get(name)) for name in _TRADE_COLUMNS]
    return session_pk, event.event_id, json_text.encode(trade).decode(), *columns


def _node_event_row(session_pk: int, event: EncodedEvent) -> tuple[object, ...]:
    data = event.data
    record = {name: value for name, value in data.items() if name not in messages.ENVELOPE_FIELDS}
    columns = [_storable(data.get(name)) for name in _NODE_EVENT_COLUMNS]
    return session_pk, event.event_id, bool(data["signal_emitted"]), json_text.encode(record).decode(), *columns


def _storable(value: object) -> object:
    """Make a value fit for a column: Postgres keeps no NUL in text; the log itself and the record keep it, escaped."""
    if value is None:
        return ""
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value
