"""
The exit signal: conditions on an open position.

Once the position is a re-entry, the re-entry conditions replace the first ones. A position is never closed in the
tick that opened it, so a signal that is true in that tick waits for the next.
"""

from __future__ import annotations

from strategies.engine.nodes.visit import NodeRunner, Signal, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.positions import Position
from strategies.engine.run_state import RunState
from strategies.engine.strategy import ExitSignalNode

NEVER_AT_ONCE = "a position is never closed in the tick that opened it"


class ExitSignalRunner(NodeRunner[ExitSignalNode]):
    """Runs an exit signal."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Compile both sets of conditions."""
        self._first = Signal(self.node.conditions, compiler)
        again = self.node.re_entry_conditions
        self._again = self._first if again is None else Signal(again, compiler)
        self.groups = (self._first.group,) if again is None else (self._first.group, self._again.group)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true and there is a position that may be closed."""
        positions = self._positions(run)
        if not positions:
            return Visit("ends", note="no position is open that this signal could close")
        signal = self._signal(positions)
        if not signal.group.evaluate(run.second):
            return signal.waits
        if all(position.entry_tick == run.tick for position in positions):
            return Visit("waits", signal.group, note=NEVER_AT_ONCE)
        return Visit("completes", signal.group)

    def next_turn(self, run: RunState, second: int) -> int | None:
        """Return the first second at which the conditions are true."""
        positions = self._positions(run)
        return self._signal(positions).group.next_true(second) if positions else second

    def _positions(self, run: RunState) -> list[Position]:
        return [run.book.open[name] for name in self.node.target_position_ids if name in run.book.open]

    def _signal(self, positions: list[Position]) -> Signal:
        return self._again if any(position.re_entry_num for position in positions) else self._first
