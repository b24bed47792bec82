"""
The square-off node: ends the day at a time, some minutes before the close, at once, or on the day's profit or loss.

It closes every open position and deactivates every node; ticks go on to the end of the data. It has its turn before
the nodes that could open a position, so that nothing opens in the tick that ends the day. One that stands behind an
entry comes too late for that: it waits a tick, since a position is never closed in the tick that opened it. A position
whose order cannot fill at once (the policy says "next tick") is closed as soon as it can be.
"""

from __future__ import annotations

from decimal import Decimal

from strategies.engine.condition_text import clock_text
from strategies.engine.expressions import (
    BeforeClose,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    PnlData,
    TimeOfDay,
)
from strategies.engine.fills import Fill, Order
from strategies.engine.money import to_money
from strategies.engine.nodes.exit_signal import NEVER_AT_ONCE
from strategies.engine.nodes.visit import NodeRunner, Signal, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import Position, Trade
from strategies.engine.run_state import RunState
from strategies.engine.strategy import SquareOffNode


class SquareOffRunner(NodeRunner[SquareOffNode]):
    """Runs a square-off node."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Turn the ways to end the day into conditions, so that they are explained like all others."""
        self._signal = Signal(ConditionGroup("OR", tuple(self._ends())), compiler)
        self.groups = (self._signal.group,)
        self._orders: dict[str, tuple[Order, Decimal]] = {}
        self._is_ending = False

    def begin_day(self, *, every_tick: bool) -> None:
        """Forget the day before."""
        super().begin_day(every_tick=every_tick)
        self._orders = {}
        self._is_ending = False

    def visit(self, run: RunState) -> Visit:
        """Close everything when the day is over."""
        if not self._is_ending:
            if not self._signal.group.evaluate(run.second):
                return self._signal.waits
            if any(position.entry_tick == run.tick for position in run.book.open.values()):
                return Visit("waits", self._signal.group, note=NEVER_AT_ONCE)
            self._is_ending = True
            run.deactivate([node_id for node_id in run.active if node_id != self.node.id])
        orders: list[OrderFilled] = []
        trades: list[Trade] = []
        notes: list[str] = []
        for position in list(run.book.open.values()):
            self._close(position, run, orders, trades, notes)
        if run.book.open:
            return Visit("waits", self._signal.group, note="; ".join(notes), closed=tuple(trades))
        return Visit("completes", self._signal.group, orders=tuple(orders), closed=tuple(trades), day_is_over=True)

    def next_turn(self, run: RunState, second: int) -> int | None:
        """Return the first second at which the day is over."""
        return second if self._is_ending else self._signal.group.next_true(second)

    def _close(
        self, position: Position, run: RunState, orders: list[OrderFilled], trades: list[Trade], notes: list[str]
    ) -> None:
        name = position.position_id
        if name not in self._orders:
            placed = run.broker.place(
                position.symbol, "sell" if position.side == "buy" else "buy", position.quantity, None
            )
            if isinstance(placed, str):
                notes.append(placed)
                return
            self._orders[name] = (placed, to_money(position.last_price))
        order, trigger = self._orders[name]
        fill = run.broker.try_fill(order)
        if isinstance(fill, str):
            notes.append(fill)
            return
        del self._orders[name]
        trades.append(
            run.close_position(
                name, price=fill.price, trigger_price=trigger, exit_reason=self.node.id, exit_type="square_off"
            )
        )
        orders.append(_filled(order, name, fill, run))

    def _ends(self) -> list[Condition]:
        node = self.node
        ends: list[Condition] = []
        if node.is_immediate:
            ends.append(Condition("immediateExit", Constant(True), "==", Constant(True)))
        if node.at is not None:
            at = TimeOfDay(node.at, clock_text(node.at))
            ends.append(Condition("timeBasedExit", CurrentTime(), ">=", at))
        if node.minutes_before_close is not None:
            ends.append(Condition("timeBasedExit", CurrentTime(), ">=", BeforeClose(node.minutes_before_close)))
        pnl: Expression = PnlData("day_pnl")
        if node.profit_target is not None:
            ends.append(Condition("performanceBasedExit.profitTarget", pnl, ">=", Constant(node.profit_target)))
        if node.loss_limit is not None:
            ends.append(Condition("performanceBasedExit.lossLimit", pnl, "<=", Constant(-node.loss_limit)))
        return ends


def _filled(order: Order, position_id: str, fill: Fill, run: RunState) -> OrderFilled:
    return OrderFilled(
        position_id=position_id, symbol=order.symbol, side=order.side, quantity=order.quantity, order_type="market",
        fill_price=fill.price, filled_at=run.now, quote_age_seconds=fill.quote_age_seconds,
    )  # fmt: skip
