"""
What each kind of node does when its turn comes.

A new kind is a module with a runner, and a row in ``NODE_TYPES``.
"""

from __future__ import annotations

from typing import Any

from strategies.engine.nodes.entry import EntryRunner
from strategies.engine.nodes.entry_signal import EntrySignalRunner
from strategies.engine.nodes.exit import ExitRunner
from strategies.engine.nodes.exit_signal import ExitSignalRunner
from strategies.engine.nodes.re_entry_signal import ReEntrySignalRunner
from strategies.engine.nodes.square_off import SquareOffRunner
from strategies.engine.nodes.start import StartRunner
from strategies.engine.nodes.visit import NodeRunner, Visit
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.strategy import (
    EntryNode,
    EntrySignalNode,
    ExitNode,
    ExitSignalNode,
    Node,
    ReEntrySignalNode,
    SquareOffNode,
    StartNode,
)

__all__ = ["NODE_TYPES", "NodeRunner", "Visit", "runner_of"]

NODE_TYPES: dict[type[Node], type[NodeRunner[Any]]] = {
    StartNode: StartRunner,
    EntrySignalNode: EntrySignalRunner,
    EntryNode: EntryRunner,
    ExitSignalNode: ExitSignalRunner,
    ExitNode: ExitRunner,
    ReEntrySignalNode: ReEntrySignalRunner,
    SquareOffNode: SquareOffRunner,
}


def runner_of(node: Node, compiler: OperandCompiler) -> NodeRunner[Any]:
    """Return the runner of a node, its conditions compiled."""
    return NODE_TYPES[type(node)](node, compiler)
