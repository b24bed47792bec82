"""What a node's turn comes to, and what every runner offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Generic, Literal, TypeVar

from strategies.engine.conditions import CompiledGroup, ConditionCompiler, Value
from strategies.engine.expressions import Variable
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.run_state import RunState
from strategies.engine.strategy import Node

NodeKind = TypeVar("NodeKind", bound=Node)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """
    One node's turn.

    ``completes``: the logic is done, the children become active. ``waits``: the node stays active. ``ends``: the
    node becomes inactive without a signal, since it can never act again.
    """

    outcome: Literal["completes", "waits", "ends"]
    conditions: CompiledGroup | None = None
    #: Why nothing happened although the conditions might have allowed it.
    note: str = ""
    variables: Mapping[str, Value] = field(default_factory=lambda: MappingProxyType({}))
    orders: tuple[OrderFilled, ...] = ()
    opened: tuple[PositionMark, ...] = ()
    closed: tuple[Trade, ...] = ()
    #: An entry node to send in again.
    re_entry_node_id: str | None = None
    #: No node is to be activated any more.
    day_is_over: bool = False


class NodeRunner(ABC, Generic[NodeKind]):
    """Runs one node; made once for each run."""

    def __init__(self, node: NodeKind, compiler: ConditionCompiler) -> None:
        self.node = node
        self.prepare(compiler)

    def prepare(self, compiler: ConditionCompiler) -> None:
        """Compile what the node needs."""

    @abstractmethod
    def visit(self, run: RunState) -> Visit:
        """Take the node's turn in this tick."""


class Recorder:
    """Reads a node's variables when it completes, and keeps them for conditions elsewhere."""

    def __init__(self, node_id: str, variables: tuple[Variable, ...], compiler: ConditionCompiler) -> None:
        self._node_id = node_id
        self._reads: list[tuple[str, Callable[[], Value]]] = [
            (variable.name, compiler.operand(variable.expression).read) for variable in variables
        ]

    def record(self, run: RunState) -> dict[str, Value]:
        """Record every variable as of this tick."""
        values = {name: read() for name, read in self._reads}
        for name, value in values.items():
            run.variables[self._node_id, name] = value
        return values
