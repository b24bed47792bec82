"""The re-entry signal: when its conditions are true it sends its entry node in again, one tick later, up to a limit."""

from __future__ import annotations

from strategies.engine.conditions import ConditionCompiler
from strategies.engine.nodes.visit import NodeRunner, Recorder, Visit
from strategies.engine.run_state import RunState
from strategies.engine.strategy import EntryNode, ReEntrySignalNode


class ReEntrySignalRunner(NodeRunner[ReEntrySignalNode]):
    """Runs a re-entry signal."""

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Compile the conditions and the variables."""
        self._conditions = compiler.group(self.node.conditions)
        self._recorder = Recorder(self.node.id, self.node.variables, compiler)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true, the position is closed and the limit is not reached."""
        target = run.strategy.nodes[self.node.target_entry_node_id]
        if not isinstance(target, EntryNode):
            raise TypeError(f"{target.id} is no entry node, though the graph was checked")
        is_true = self._conditions.evaluate()
        if run.next_re_entry_num(target) > self.node.max_re_entries:
            note = f"limit reached: maxReEntries {self.node.max_re_entries}"
            return Visit(outcome="ends", conditions=self._conditions, note=note)
        if not is_true:
            return Visit(outcome="waits", conditions=self._conditions)
        if any(position.position_id in run.book.open for position in target.positions):
            return Visit(outcome="waits", conditions=self._conditions, note=f"a position of {target.id} is still open")
        return Visit(
            outcome="completes",
            conditions=self._conditions,
            variables=self._recorder.record(run),
            re_entry_node_id=target.id,
        )
