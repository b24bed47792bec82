"""
The exit node: closes one position, or a part of it, when a signal or one of its own guards says so.

Its guards (stop loss, trailing stop, take profit) watch the position from the tick after its entry on, whether the
node is active or not. What they close, they close whole, at the market.
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from strategies.engine.fills import Fill, Order
from strategies.engine.guards import GuardPlan
from strategies.engine.money import to_money
from strategies.engine.nodes.exit_signal import NEVER_AT_ONCE
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import ExitType, Position
from strategies.engine.run_state import RunState
from strategies.engine.strategy import ExitNode, LimitPrice, Side


class ExitRunner(NodeRunner[ExitNode]):
    """Runs an exit node."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Begin without an order."""
        self._order: Order | None = None
        self._trigger = Decimal(0)
        self._exit_type: ExitType = "signal"

    def begin_day(self, *, every_tick: bool) -> None:
        """Forget an order of the day before: it was good for that day."""
        super().begin_day(every_tick=every_tick)
        self._order = None

    def visit(self, run: RunState) -> Visit:
        """Close the position, unless it is not open, was opened in this very tick, or its order cannot fill yet."""
        position = run.book.open.get(self.node.target_position_id)
        if position is None:
            self._order = None
            return Visit("ends", note=f"{self.node.target_position_id} is not open")
        if position.entry_tick == run.tick:
            return Visit("waits", note=NEVER_AT_ONCE)
        if self._order is None:
            refusal = self._place(run, position, self._units(position), self.node.limit)
            if refusal:
                return Visit("waits", note=refusal)
            self._trigger, self._exit_type = to_money(position.last_price), "signal"
        return self._fill(run, position)

    def guard(self, run: RunState, plan: GuardPlan) -> Visit:
        """Close the whole position because a guard triggered, unless an order that does so is on its way already."""
        position = run.book.open[self.node.target_position_id]
        if self._order is not None and self._order.limit is None and self._order.quantity >= position.quantity:
            # With next-tick fills, a signal's order of the tick before fills now; a new one would come a tick later.
            return self._fill(run, position)
        self._place(run, position, position.quantity, None)
        self._trigger, self._exit_type = plan.trigger_price, plan.kind
        return self._fill(run, position)

    def _place(self, run: RunState, position: Position, units: int, limit: LimitPrice | None) -> str:
        side: Side = "sell" if position.side == "buy" else "buy"
        order = run.broker.place(position.symbol, side, units, limit)
        if isinstance(order, str):
            return order
        self._order = order
        return ""

    def _fill(self, run: RunState, position: Position) -> Visit:
        order = self._order
        assert order is not None
        fill = run.broker.try_fill(order)
        if isinstance(fill, str):
            return Visit("waits", note=fill)
        self._order = None
        trade = run.close_position(
            position.position_id, quantity=min(order.quantity, position.quantity), price=fill.price,
            trigger_price=order.limit if order.limit is not None else self._trigger, exit_reason=self.node.id,
            exit_type=self._exit_type,
        )  # fmt: skip
        return Visit(
            "completes", note=_words(self._exit_type), orders=(_filled(order, position, fill, run),), closed=(trade,)
        )

    def _units(self, position: Position) -> int:
        """Return how many units the node closes; at least one, at most what is open."""
        wanted = self.node.quantity
        if wanted.kind == "all":
            return position.quantity
        units = Decimal(repr(wanted.amount))
        if wanted.kind == "percentage":
            units = position.entry_quantity * units / 100
        return max(1, min(position.quantity, int(units.to_integral_value(ROUND_HALF_UP))))


def _filled(order: Order, position: Position, fill: Fill, run: RunState) -> OrderFilled:
    return OrderFilled(
        position_id=position.position_id, symbol=order.symbol, side=order.side, quantity=order.quantity,
        order_type="market" if order.limit is None else "limit", fill_price=fill.price, filled_at=run.now,
        quote_age_seconds=fill.quote_age_seconds,
    )  # fmt: skip


def _words(exit_type: ExitType) -> str:
    return "" if exit_type == "signal" else f"closed by its {exit_type.replace('_', ' ')}"
