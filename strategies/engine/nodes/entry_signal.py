"""The entry signal: when its conditions are true it records its variables, completes and activates its children."""

from __future__ import annotations

from strategies.engine.conditions import ConditionCompiler
from strategies.engine.nodes.visit import NodeRunner, Recorder, Visit
from strategies.engine.run_state import RunState
from strategies.engine.strategy import EntrySignalNode


class EntrySignalRunner(NodeRunner[EntrySignalNode]):
    """Runs an entry signal."""

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Compile the conditions and the variables."""
        self._conditions = compiler.group(self.node.conditions)
        self._recorder = Recorder(self.node.id, self.node.variables, compiler)

    def visit(self, run: RunState) -> Visit:
        """Complete when the conditions are true."""
        if not self._conditions.evaluate():
            return Visit(outcome="waits", conditions=self._conditions)
        return Visit(outcome="completes", conditions=self._conditions, variables=self._recorder.record(run))
