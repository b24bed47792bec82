"""
Positions, the trades that they become, and the session's profit and loss.

P&L of one trade = (exit - entry) * quantity, negated for a sell, each trade by itself. Money is ``Decimal``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

from strategies.engine.market import Quote
from strategies.engine.money import TWO_PLACES, ZERO, to_money
from strategies.engine.strategy import Side


@dataclass(slots=True, kw_only=True)
class Position:
    """One open position."""

    position_id: str
    re_entry_num: int
    entry_node_id: str
    #: The node whose signal sent the entry node in.
    entry_trigger: str
    symbol: str
    side: Side
    #: Units of the contract, > 0.
    quantity: int
    entry_price: Decimal
    entry_time: datetime
    entry_tick: int
    #: The symbol's live quote; it changes with the market.
    quote: Quote

    @property
    def current_price(self) -> Decimal:
        """Return the last price, quote currency per unit."""
        return to_money(self.quote.ltp)

    @property
    def unrealized_pnl(self) -> Decimal:
        """Return the profit if the position were closed at the last price."""
        return profit(self.side, self.quantity, self.entry_price, self.current_price)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionMark:
    """An open position as of one tick."""

    position_id: str
    re_entry_num: int
    entry_node_id: str
    symbol: str
    side: Side
    quantity: int
    entry_price: Decimal
    entry_time: datetime
    current_price: Decimal
    unrealized_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One closed position."""

    trade_id: str
    position_id: str
    #: 0 for the first entry, 1 for the first re-entry, and so on.
    re_entry_num: int
    symbol: str
    side: Side
    #: Units of the contract, > 0.
    quantity: int
    #: Quote currency per unit.
    entry_price: Decimal
    entry_time: datetime
    exit_price: Decimal
    exit_time: datetime
    #: Quote currency; negative is a loss. Costs not included.
    pnl: Decimal
    #: The node whose signal opened it.
    entry_trigger: str
    #: The node that closed it.
    exit_reason: str
    status: str = "CLOSED"


@dataclass(frozen=True, slots=True, kw_only=True)
class PnlSummary:
    """Profit and loss of the session so far."""

    realized_pnl: Decimal
    unrealized_pnl: Decimal
    closed_trades: int
    open_trades: int

    @property
    def total_pnl(self) -> Decimal:
        """Return realised and unrealised profit together."""
        return self.realized_pnl + self.unrealized_pnl


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSummary:
    """Closed trades counted. A trade of exactly zero is neither won nor lost."""

    total_trades: int
    total_pnl: Decimal
    winning_trades: int
    losing_trades: int

    @property
    def win_rate(self) -> Decimal:
        """Return winning trades per hundred trades, two places; 0.00 where there is no trade."""
        if self.total_trades == 0:
            return ZERO
        return (Decimal(100 * self.winning_trades) / self.total_trades).quantize(TWO_PLACES, ROUND_HALF_UP)


NO_TRADES = TradeSummary(total_trades=0, total_pnl=ZERO, winning_trades=0, losing_trades=0)


class PositionBook:
    """Open positions and closed trades of one run."""

    def __init__(self) -> None:
        #: Open positions by position id, in the order of opening.
        self.open: dict[str, Position] = {}
        self.trades: list[Trade] = []
        #: The summary after each of ``trades``.
        self.summaries: list[TradeSummary] = []
        #: How often each position id was opened.
        self.entries: dict[str, int] = {}

    @property
    def summary(self) -> TradeSummary:
        """Return the closed trades counted so far."""
        return self.summaries[-1] if self.summaries else NO_TRADES

    def add(self, position: Position) -> None:
        """Take a position that was just filled."""
        self.open[position.position_id] = position
        self.entries[position.position_id] = self.entries.get(position.position_id, 0) + 1

    def close(self, position_id: str, *, at: datetime, exit_reason: str) -> Trade:
        """Close an open position at its last price."""
        position = self.open.pop(position_id)
        trade = Trade(
            trade_id=f"{position.position_id}-r{position.re_entry_num}",
            position_id=position.position_id,
            re_entry_num=position.re_entry_num,
            symbol=position.symbol,
            side=position.side,
            quantity=position.quantity,
            entry_price=position.entry_price,
            entry_time=position.entry_time,
            exit_price=position.current_price,
            exit_time=at,
            pnl=position.unrealized_pnl,
            entry_trigger=position.entry_trigger,
            exit_reason=exit_reason,
        )
        self.trades.append(trade)
        self.summaries.append(_with(self.summary, trade))
        return trade

    def marks(self) -> tuple[PositionMark, ...]:
        """Return the open positions as of now."""
        return tuple(
            PositionMark(
                position_id=position.position_id,
                re_entry_num=position.re_entry_num,
                entry_node_id=position.entry_node_id,
                symbol=position.symbol,
                side=position.side,
                quantity=position.quantity,
                entry_price=position.entry_price,
                entry_time=position.entry_time,
                current_price=position.current_price,
                unrealized_pnl=position.unrealized_pnl,
            )
            for position in self.open.values()
        )

    def pnl(self) -> PnlSummary:
        """Return profit and loss as of now."""
        return PnlSummary(
            realized_pnl=self.summary.total_pnl,
            unrealized_pnl=_total(position.unrealized_pnl for position in self.open.values()),
            closed_trades=self.summary.total_trades,
            open_trades=len(self.open),
        )


def profit(side: Side, quantity: int, entry: Decimal, now: Decimal) -> Decimal:
    """Return the profit of a position, quote currency; negative is a loss."""
    return (now - entry) * quantity if side == "buy" else (entry - now) * quantity


def _total(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def _with(summary: TradeSummary, trade: Trade) -> TradeSummary:
    return TradeSummary(
        total_trades=summary.total_trades + 1,
        total_pnl=summary.total_pnl + trade.pnl,
        winning_trades=summary.winning_trades + (trade.pnl > 0),
        losing_trades=summary.losing_trades + (trade.pnl < 0),
    )
