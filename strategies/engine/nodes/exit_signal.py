"""
The exit signal: conditions on an open position.

Once the position is a re-entry, the re-entry conditions replace the first ones. A position is never closed in the
tick that opened it, so a signal that is true in that tick waits for the next.
"""

from __future__ import annotations

from strategies.engine.conditions import ConditionCompiler
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.run_state import RunState
from strategies.engine.strategy import ExitSignalNode


class ExitSignalRunner(NodeRunner[ExitSignalNode]):
    """Runs an exit signal."""

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Compile both sets of conditions."""
        self._first = compiler.group(self.node.conditions)
        again = self.node.re_entry_conditions
        self._again = self._first if again is None else compiler.group(again)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true and there is a position that may be closed."""
        positions = [run.book.open[name] for name in self.node.target_position_ids if name in run.book.open]
        if not positions:
            return Visit(outcome="ends", note="no position is open that this signal could close")
        conditions = self._again if any(position.re_entry_num for position in positions) else self._first
        if not conditions.evaluate():
            return Visit(outcome="waits", conditions=conditions)
        if all(position.entry_tick == run.tick for position in positions):
            return Visit(
                outcome="waits", conditions=conditions, note="a position is never closed in the tick that opened it"
            )
        return Visit(outcome="completes", conditions=conditions)
