"""
The re-entry signal: when its conditions are true it sends its target in again, one tick later, up to a limit.

The target is an entry node; or an entry signal, which then waits for its own conditions again.
"""

from __future__ import annotations

from strategies.engine.nodes.visit import NodeRunner, Recorder, Signal, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.run_state import RunState
from strategies.engine.strategy import ReEntrySignalNode


class ReEntrySignalRunner(NodeRunner[ReEntrySignalNode]):
    """Runs a re-entry signal."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Compile the conditions and the variables."""
        self._signal = Signal(self.node.conditions, compiler)
        self._recorder = Recorder(self.node.id, self.node.variables, compiler)
        self.groups = (self._signal.group,)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true, the position is closed and the limit is not reached."""
        group = self._signal.group
        is_true = group.evaluate(run.second)
        if self._is_at_limit(run):
            return Visit("ends", group, note=f"limit reached: maxReEntries {self.node.max_re_entries}")
        if not is_true:
            return self._signal.waits
        targets = run.entry_nodes_of(self.node.target_entry_node_id)
        if any(position.position_id in run.book.open for entry in targets for position in entry.positions):
            note = f"a position of {self.node.target_entry_node_id} is still open"
            return Visit("waits", group, note=note)
        return Visit(
            "completes", group, variables=self._recorder.record(run), re_entry_node_id=self.node.target_entry_node_id
        )

    def next_turn(self, run: RunState, second: int) -> int | None:
        """Return the first second at which the conditions are true, or this one if the limit is reached."""
        return second if self._is_at_limit(run) else self._signal.group.next_true(second)

    def _is_at_limit(self, run: RunState) -> bool:
        targets = run.entry_nodes_of(self.node.target_entry_node_id)
        return max(map(run.next_re_entry_num, targets), default=0) > self.node.max_re_entries
