"""
Positions, the trades that they become, and the session's profit and loss.

P&L of one trade = (exit - entry) * quantity, negated for a sell, each trade by itself. Money is ``Decimal``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

from strategies.engine.guard_levels import UNGUARDED, GuardLevels, GuardPrices
from strategies.engine.money import TWO_PLACES, ZERO, to_money
from strategies.engine.strategy import Side

ExitType = Literal["signal", "stop_loss", "take_profit", "trailing_stop", "square_off", "market_close"]


class PositionMark(NamedTuple):
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
    #: Prices of the contract at which its guards trigger in the next tick; None where no such guard works now.
    stop_loss_price: Decimal | None = None
    take_profit_price: Decimal | None = None
    trailing_stop_price: Decimal | None = None


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
    #: Units of the contract that are still open, > 0.
    quantity: int
    #: Units at entry.
    entry_quantity: int
    entry_price: Decimal
    entry_time: datetime
    entry_day: date
    #: Tick of the run that opened it.
    entry_tick: int
    #: Last price of the contract, quote currency per unit.
    last_price: float
    #: Parts that were closed so far.
    parts_closed: int = 0
    #: Second of the day's tape that has come.
    second: int = 0
    #: None where nothing guards it, or what does has triggered already.
    guards: GuardLevels | None = None
    _mark: PositionMark | None = None
    _mark_guards: GuardPrices = UNGUARDED

    @property
    def direction(self) -> int:
        """Return 1 for a bought position, -1 for a sold one."""
        return 1 if self.side == "buy" else -1

    def move_to(self, price: float, second: int) -> None:
        """Take the last price as of a second; NaN, before the contract's first tick of a day, leaves the old one."""
        self.second = second
        if price == price and price != self.last_price:
            self.last_price = price
            self._mark = None

    def mark(self) -> PositionMark:
        """Return the position at its last price; the same record while nothing changed."""
        guards = UNGUARDED if self.guards is None else self.guards.at(self.second)
        if self._mark is None or guards is not self._mark_guards:
            self._mark = self._mark_at(self.last_price, guards)
            self._mark_guards = guards
        return self._mark

    def mark_at(self, last_price: float) -> PositionMark:
        """Return the position as it would be at a price, its guards where they are now."""
        return self._mark_at(last_price, UNGUARDED if self.guards is None else self.guards.at(self.second))

    def _mark_at(self, last_price: float, guards: GuardPrices) -> PositionMark:
        price = to_money(last_price)
        return PositionMark(
            self.position_id, self.re_entry_num, self.entry_node_id, self.symbol, self.side, self.quantity,
            self.entry_price, self.entry_time, price, profit(self.side, self.quantity, self.entry_price, price),
            *guards,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade:
    """One closed position, or a part of one."""

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
    #: The node that closed it; ``market_close`` where the session's end did.
    exit_reason: str
    exit_type: ExitType
    #: The price that decided the exit: a stop's level, a limit, or the last price at the signal.
    trigger_price: Decimal
    entry_node_id: str
    status: str = "CLOSED"

    @property
    def exit_difference(self) -> Decimal:
        """Return what the fill was worse than the trigger, quote currency per unit; negative is better."""
        worse = self.trigger_price - self.exit_price
        return worse if self.side == "buy" else -worse


class PnlSummary(NamedTuple):
    """Profit and loss of the session so far."""

    realized_pnl: Decimal
    unrealized_pnl: Decimal
    total_pnl: Decimal
    closed_trades: int
    open_trades: int


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


@dataclass(slots=True)
class PositionBook:
    """Open positions and closed trades of one run."""

    #: Open positions by position id, in the order of opening.
    open: dict[str, Position] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    #: The summary after each of ``trades``.
    summaries: list[TradeSummary] = field(default_factory=list)
    #: How often each position id was opened today.
    entries: dict[str, int] = field(default_factory=dict)
    #: Realised profit when today began.
    realized_before_today: Decimal = ZERO
    #: Counts whatever changed; equal numbers mean equal books.
    version: int = 0
    #: Added to trade ids from the second day of a run on, which keeps them apart.
    id_suffix: str = ""
    _pnl: PnlSummary | None = None
    _pnl_marks: tuple[PositionMark, ...] = ()

    @property
    def summary(self) -> TradeSummary:
        """Return the closed trades counted so far."""
        return self.summaries[-1] if self.summaries else NO_TRADES

    def begin_day(self, id_suffix: str) -> None:
        """Count entries and the day's profit from nothing again."""
        self.entries.clear()
        self.realized_before_today = self.summary.total_pnl
        self.id_suffix = id_suffix
        self.version += 1

    def add(self, position: Position) -> None:
        """Take a position that was just filled."""
        self.open[position.position_id] = position
        self.entries[position.position_id] = self.entries.get(position.position_id, 0) + 1
        self._changed()

    def close(
        self,
        position_id: str,
        *,
        quantity: int | None = None,
        price: Decimal,
        at: datetime,
        trigger_price: Decimal,
        exit_reason: str,
        exit_type: ExitType,
    ) -> Trade:
        """
        Close a position or a part of it.

        Args:
            position_id: An open position.
            quantity: Units to close; None, or at least as many as are open, closes it whole.
            price: Fill price, quote currency per unit.
            at: Exchange time of the fill.
            trigger_price: The price that decided the exit.
            exit_reason: The node that closed it.
            exit_type: What kind of exit it was.
        """
        position = self.open[position_id]
        is_part = quantity is not None and quantity < position.quantity
        units = quantity if is_part and quantity is not None else position.quantity
        trade_id = f"{position_id}-r{position.re_entry_num}{self.id_suffix}"
        if is_part:
            position.parts_closed += 1
            trade_id = f"{trade_id}-p{position.parts_closed}"
            position.quantity -= units
            position._mark = None
        else:
            del self.open[position_id]
        trade = Trade(
            trade_id=trade_id, position_id=position_id, re_entry_num=position.re_entry_num, symbol=position.symbol,
            side=position.side, quantity=units, entry_price=position.entry_price, entry_time=position.entry_time,
            exit_price=price, exit_time=at, pnl=profit(position.side, units, position.entry_price, price),
            entry_trigger=position.entry_trigger, exit_reason=exit_reason, exit_type=exit_type,
            trigger_price=trigger_price, entry_node_id=position.entry_node_id,
        )  # fmt: skip
        self.trades.append(trade)
        self.summaries.append(_with(self.summary, trade))
        self._changed()
        return trade

    def marks(self) -> tuple[PositionMark, ...]:
        """Return the open positions at their last prices."""
        return tuple([position.mark() for position in self.open.values()]) if self.open else ()

    def pnl(self, marks: tuple[PositionMark, ...] | None = None) -> PnlSummary:
        """
        Return profit and loss at the last prices; the same record while nothing changed.

        Args:
            marks: What ``marks`` returned just now, from a caller that has it already.
        """
        if marks is None:
            marks = self.marks()
        if self._pnl is None or marks != self._pnl_marks:
            self._pnl = self.pnl_at(marks)
            self._pnl_marks = marks
        return self._pnl

    def pnl_at(self, marks: tuple[PositionMark, ...]) -> PnlSummary:
        """Return profit and loss as they would be with the open positions at other prices."""
        realized = self.summary.total_pnl
        unrealized = sum((mark.unrealized_pnl for mark in marks), ZERO)
        return PnlSummary(realized, unrealized, realized + unrealized, self.summary.total_trades, len(marks))

    def _changed(self) -> None:
        self.version += 1
        self._pnl = None


def profit(side: Side, quantity: int, entry: Decimal, now: Decimal) -> Decimal:
    """Return the profit of a position, quote currency; negative is a loss."""
    return (now - entry) * quantity if side == "buy" else (entry - now) * quantity


def _with(summary: TradeSummary, trade: Trade) -> TradeSummary:
    return TradeSummary(
        total_trades=summary.total_trades + 1,
        total_pnl=summary.total_pnl + trade.pnl,
        winning_trades=summary.winning_trades + (trade.pnl > 0),
        losing_trades=summary.losing_trades + (trade.pnl < 0),
    )
