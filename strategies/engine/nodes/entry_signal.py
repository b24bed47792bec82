"""The entry signal: when its conditions are true it records its variables, completes and activates its children."""

from __future__ import annotations

from strategies.engine.nodes.visit import NodeRunner, Recorder, Signal, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.run_state import RunState
from strategies.engine.strategy import EntrySignalNode


class EntrySignalRunner(NodeRunner[EntrySignalNode]):
    """Runs an entry signal."""

    def prepare(self, compiler: OperandCompiler) -> None:
        """Compile the conditions and the variables."""
        self._signal = Signal(self.node.conditions, compiler)
        self._recorder = Recorder(self.node.id, self.node.variables, compiler)
        self.groups = (self._signal.group,)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true."""
        if not self._signal.group.evaluate(run.second):
            return self._signal.waits
        return Visit("completes", self._signal.group, variables=self._recorder.record(run))

    def next_turn(self, run: RunState, second: int) -> int | None:
        """Return the first second at which the conditions are true."""
        return self._signal.group.next_true(second)
