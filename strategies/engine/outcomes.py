"""What happened in a tick: the records that the engine hands out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple

from strategies.engine.candles import Candle
from strategies.engine.costs import CostModel
from strategies.engine.fills import FillPolicy
from strategies.engine.metrics import Metrics
from strategies.engine.operands import Value
from strategies.engine.positions import PnlSummary, PositionMark, Trade, TradeSummary
from strategies.engine.results import RunResults
from strategies.engine.strategy import Side

CANDLES_SHOWN = 4
"""How many finished candles the record of a completed node holds."""


class QuoteView(NamedTuple):
    """A last price and when it came."""

    ltp: float
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesView:
    """Candles and indicators of one timeframe as of a tick."""

    #: The last finished candles, oldest first, at most ``CANDLES_SHOWN``.
    finished: tuple[Candle, ...]
    #: The candle being built.
    current: Candle | None
    #: Indicator (by the name that people read) to its value on the last finished candle.
    indicators: Mapping[str, float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderFilled:
    """An order was filled."""

    #: The position that the order opened or closed.
    position_id: str
    symbol: str
    side: Side
    #: Units of the contract, > 0.
    quantity: int
    order_type: Literal["market", "limit"]
    #: Quote currency per unit.
    fill_price: Decimal
    filled_at: datetime
    #: Seconds since the contract's last tick when the order was filled.
    quote_age_seconds: int


class NodeExecution(NamedTuple):
    """One node had its turn in a tick."""

    execution_id: str
    #: The execution that activated the node; None for the start node.
    parent_execution_id: str | None
    node_id: str
    node_name: str
    node_type: str
    #: Whether the node completed its logic in this tick.
    signal_emitted: bool
    #: The record of every condition; None for a node without conditions.
    evaluated_conditions: Mapping[str, Any] | None
    #: Why nothing happened although the conditions might have allowed it; empty where there is nothing to say.
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeCompletion:
    """A node completed its logic: the full record, to be read again a month later."""

    execution: NodeExecution
    tick: int
    timestamp: datetime
    #: The conditions as text; empty for a node without conditions.
    conditions_preview: str
    #: Variables that the node recorded now.
    variables: Mapping[str, Value]
    orders: tuple[OrderFilled, ...]
    opened: tuple[PositionMark, ...]
    closed: tuple[Trade, ...]
    #: Nodes that were activated by it.
    activated: tuple[str, ...]
    #: By instrument role and timeframe id, such as ``TI.1m``.
    series: Mapping[str, SeriesView]
    quotes: Mapping[str, QuoteView]
    #: Every variable that was recorded so far, ``node id.name``.
    known_variables: Mapping[str, Value]
    #: Open positions, profit and active nodes after the tick.
    positions: tuple[PositionMark, ...]
    pnl: PnlSummary
    active_nodes: tuple[str, ...]


class TickOutcome(NamedTuple):
    """Everything that one second of market data brought about, already in effect."""

    #: 1 for the first tick of the run.
    tick: int
    timestamp: datetime
    #: Nodes in the order in which they had their turn.
    executions: tuple[NodeExecution, ...]
    completions: tuple[NodeCompletion, ...]
    trades: tuple[Trade, ...]
    #: The summary after each of ``trades``.
    summaries: tuple[TradeSummary, ...]
    positions: tuple[PositionMark, ...]
    pnl: PnlSummary
    #: The underlying, every contract traded today, and the contracts that entry nodes would pick now.
    quotes: Mapping[str, QuoteView]
    #: Nodes that are active after the tick, in visiting order.
    active_nodes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestResult:
    """What a run came to."""

    status: Literal["completed", "cancelled"]
    total_ticks: int
    trades: tuple[Trade, ...]
    summary: TradeSummary
    #: Empty after a headless run.
    completions: tuple[NodeCompletion, ...]
    #: Positions that the data ended on.
    open_positions: tuple[PositionMark, ...]
    #: SHA-256 of the strategy document and of the market data, in hex.
    strategy_fingerprint: str
    market_data_fingerprint: str
    #: The assumptions of the run: how orders filled, what they cost, what the run began with (None where not given).
    fills: FillPolicy
    costs: CostModel
    capital: Decimal | None
    #: Costs, net profit, equity curve and figures, worked out when first asked for.
    results: RunResults = field(compare=False, repr=False)

    def metrics(self) -> Metrics:
        """Return the run in figures."""
        return self.results.metrics
