"""
The square-off node: ends the day.

It closes every open position at its last price and deactivates every node; ticks go on to the end of the data. It
has its turn before the nodes that could open a position, so that nothing opens in the tick that ends the day. One that
stands behind an entry comes too late for that: it waits a tick, since a position is never closed in the tick that
opened it.
"""

from __future__ import annotations

from strategies.engine.conditions import ConditionCompiler
from strategies.engine.expressions import Condition, ConditionGroup, Constant, CurrentTime, TimeOfDay
from strategies.engine.nodes.exit import closing_order
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.run_state import RunState
from strategies.engine.strategy import SquareOffNode


class SquareOffRunner(NodeRunner[SquareOffNode]):
    """Runs a square-off node."""

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Turn the ways to end the day into conditions, so that they are explained like all others."""
        self._conditions = compiler.group(ConditionGroup("OR", tuple(self._ends())))

    def visit(self, run: RunState) -> Visit:
        """Close everything when the day is over."""
        if not self._conditions.evaluate():
            return Visit(outcome="waits", conditions=self._conditions)
        if any(position.entry_tick == run.tick for position in run.book.open.values()):
            note = "a position is never closed in the tick that opened it"
            return Visit(outcome="waits", conditions=self._conditions, note=note)
        trades = tuple(run.close_position(name, exit_reason=self.node.id) for name in list(run.book.open))
        run.deactivate(list(run.active))
        return Visit(
            outcome="completes",
            conditions=self._conditions,
            orders=tuple(closing_order(trade) for trade in trades),
            closed=trades,
            day_is_over=True,
        )

    def _ends(self) -> list[Condition]:
        ends: list[Condition] = []
        if self.node.is_immediate:
            ends.append(Condition("immediateExit", Constant(True), "==", Constant(True)))
        if self.node.at is not None:
            at = self.node.at
            seconds = at.hour * 3600 + at.minute * 60 + at.second
            text = at.strftime("%H:%M:%S" if at.second else "%H:%M")
            ends.append(Condition("timeBasedExit", CurrentTime(), ">=", TimeOfDay(seconds, text)))
        return ends
