"""
The messages of a session: their names, their payloads and the two documents that a snapshot holds.

Field names, nesting and types are a contract with every client: fields may be added, never renamed.
Prices and P&L inside positions, trades and summaries are decimal text with two places ("215.00"); last prices and
condition operands are numbers; timestamps are exchange time with their offset ("2024-10-29 09:19:00+05:30").
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypedDict

EventType = Literal["initial_state", "tick_update", "node_event", "trade_update", "backtest_complete"]

INITIAL_STATE: Final = "initial_state"
TICK_UPDATE: Final = "tick_update"
NODE_EVENT: Final = "node_event"
TRADE_UPDATE: Final = "trade_update"
BACKTEST_COMPLETE: Final = "backtest_complete"
#: Every event type, in the order in which a session first tells them.
EVENT_TYPES: Final[tuple[EventType, ...]] = (INITIAL_STATE, TICK_UPDATE, NODE_EVENT, TRADE_UPDATE, BACKTEST_COMPLETE)

#: How a session ended.
CompletionStatus = Literal["completed", "cancelled", "failed"]

#: The fields that every payload carries before its own; a node event in `events_history` is stored without them.
ENVELOPE_FIELDS: Final = ("event_id", "session_id")


class Envelope(TypedDict):
    """What every payload carries."""

    event_id: int
    session_id: str


class UncompressedSizes(TypedDict):
    """Bytes of a snapshot's two JSON documents before compression."""

    diagnostics: int
    trades: int


class InitialState(Envelope):
    """A viewer starts afresh: the whole state up to and including `event_id`."""

    #: gzip, then base64, of the `Diagnostics` document.
    diagnostics: str
    #: gzip, then base64, of the `TradesDocument`.
    trades: str
    uncompressed_sizes: UncompressedSizes
    strategy_id: str
    #: First and last day of market data, ISO 8601.
    start_date: str
    end_date: str


class OpenPosition(TypedDict):
    """One position that is open after the tick, marked to market."""

    position_id: str
    symbol: str
    side: Literal["buy", "sell"]
    quantity: int
    entry_price: str
    current_price: str
    unrealized_pnl: str
    entry_time: NotRequired[str]
    re_entry_num: NotRequired[int]
    entry_node_id: NotRequired[str]


class PnlSummary(TypedDict):
    """Profit and loss of the session after the tick; negative is a loss."""

    realized_pnl: str
    unrealized_pnl: str
    total_pnl: str
    closed_trades: int
    open_trades: int


class LastPrice(TypedDict):
    """A symbol's last price and the exchange time of the tick that gave it (no offset)."""

    ltp: float
    timestamp: str


class NodeExecution(TypedDict):
    """What one active node found in this tick. `evaluated_conditions` is null for nodes without conditions."""

    node_id: str
    node_name: str
    node_type: str
    signal_emitted: bool
    evaluated_conditions: dict[str, Any] | None


class TickUpdate(Envelope):
    """One second of market data went through the engine."""

    #: 1 for the first tick of the session.
    tick: int
    timestamp: str
    execution_count: int
    #: By execution id, in execution order.
    node_executions: dict[str, NodeExecution]
    open_positions: list[OpenPosition]
    pnl_summary: PnlSummary
    #: By symbol.
    ltp: dict[str, LastPrice]
    active_nodes: list[str]


class NodeEvent(Envelope):
    """A node completed its logic. Further fields hold its full record."""

    execution_id: str
    parent_execution_id: str | None
    node_id: str
    node_name: str
    node_type: str
    timestamp: str
    event_type: Literal["logic_completed"]
    signal_emitted: bool
    conditions_preview: str | None


class ClosedTrade(TypedDict):
    """One closed position."""

    trade_id: str
    position_id: str
    re_entry_num: int
    symbol: str
    side: Literal["buy", "sell"]
    quantity: int
    entry_price: str
    entry_time: str
    exit_price: str
    exit_time: str
    pnl: str
    status: Literal["CLOSED"]
    entry_trigger: str
    exit_reason: str
    closed_by: NotRequired[str]


class TradesSummary(TypedDict):
    """The closed trades in five numbers; `win_rate` is per cent with two places, "0.00" without a trade."""

    total_trades: int
    total_pnl: str
    winning_trades: int
    losing_trades: int
    win_rate: str


class TradeUpdate(Envelope):
    """A position closed."""

    trade: ClosedTrade
    summary: TradesSummary


class BacktestComplete(InitialState):
    """The last event: the final state, and how the session ended."""

    total_ticks: int
    status: CompletionStatus
    #: Only where the session failed: one sentence for a person.
    error: NotRequired[str]


class Diagnostics(TypedDict):
    """The first document of a snapshot."""

    #: Node events without their envelope, by execution id.
    events_history: dict[str, Any]
    #: The payload of the last tick_update, or null before the first.
    current_state: dict[str, Any] | None


class TradesDocument(TypedDict):
    """The second document of a snapshot."""

    #: ISO 8601.
    date: str
    summary: TradesSummary
    trades: list[ClosedTrade]


def empty_diagnostics() -> Diagnostics:
    """Build the diagnostics of a session in which nothing has happened yet."""
    return {"events_history": {}, "current_state": None}


def empty_trades(date: str) -> TradesDocument:
    """Build the trades document of a session without a closed trade; `date` is its first day, ISO 8601."""
    summary: TradesSummary = {
        "total_trades": 0,
        "total_pnl": "0.00",
        "winning_trades": 0,
        "losing_trades": 0,
        "win_rate": "0.00",
    }
    return {"date": date, "summary": summary, "trades": []}
