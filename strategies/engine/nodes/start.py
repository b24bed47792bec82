"""The start node: completes on the first tick and activates its children."""

from __future__ import annotations

from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.run_state import RunState
from strategies.engine.strategy import StartNode


class StartRunner(NodeRunner[StartNode]):
    """Runs a start node."""

    def visit(self, run: RunState) -> Visit:
        """Complete at once."""
        return Visit("completes")
