"""What a node's turn comes to, and what every runner offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Generic, Literal, NamedTuple, TypeVar

from strategies.engine.condition_groups import CompiledGroup, compile_group
from strategies.engine.expressions import ConditionGroup, Variable
from strategies.engine.operand_compiler import OperandCompiler
from strategies.engine.operands import Value
from strategies.engine.outcomes import OrderFilled
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.run_state import RunState
from strategies.engine.strategy import Node

NodeKind = TypeVar("NodeKind", bound=Node)

_NO_VARIABLES: Mapping[str, Value] = MappingProxyType({})


class Visit(NamedTuple):
    """
    One node's turn.

    ``completes``: the logic is done, the children become active. ``waits``: the node stays active. ``ends``: the
    node becomes inactive without a signal, since it can never act again.
    """

    outcome: Literal["completes", "waits", "ends"]
    conditions: CompiledGroup | None = None
    #: Why nothing happened although the conditions might have allowed it.
    note: str = ""
    variables: Mapping[str, Value] = _NO_VARIABLES
    orders: tuple[OrderFilled, ...] = ()
    opened: tuple[PositionMark, ...] = ()
    closed: tuple[Trade, ...] = ()
    #: A node to send in again.
    re_entry_node_id: str | None = None
    #: No node is to be activated any more.
    day_is_over: bool = False


class NodeRunner(ABC, Generic[NodeKind]):
    """Runs one node; made once for each run."""

    #: Conditions whose days the engine begins and ends.
    groups: tuple[CompiledGroup, ...] = ()

    def __init__(self, node: NodeKind, compiler: OperandCompiler) -> None:
        self.node = node
        self.prepare(compiler)

    def prepare(self, compiler: OperandCompiler) -> None:
        """Compile what the node needs."""

    def begin_day(self, *, every_tick: bool) -> None:
        """
        Begin a day with nothing left of the one before.

        Args:
            every_tick: Whether the node will be visited at every second of it.
        """
        for group in self.groups:
            group.begin_day(every_tick=every_tick)

    def end_day(self, last_second: int) -> None:
        """Keep what the next day needs of this one."""
        for group in self.groups:
            group.end_day(last_second)

    @abstractmethod
    def visit(self, run: RunState) -> Visit:
        """Take the node's turn in this tick."""

    def next_turn(self, run: RunState, second: int) -> int | None:
        """
        Return the first second, from a given one on, at which a turn could do more than wait.

        None where there is none today, the state of the run staying as it is. An earlier second than needed is
        harmless, a later one would be wrong.
        """
        return second


class Recorder:
    """Reads a node's variables when it completes, and keeps them for conditions elsewhere."""

    def __init__(self, node_id: str, variables: tuple[Variable, ...], compiler: OperandCompiler) -> None:
        self._node_id = node_id
        self._operands = [(variable.name, compiler.operand(variable.expression)) for variable in variables]

    def record(self, run: RunState) -> dict[str, Value]:
        """Record every variable as of this tick."""
        values = {name: operand.at(run.second) for name, operand in self._operands}
        for name, value in values.items():
            run.variables[self._node_id, name] = value
        return values


class Signal:
    """Conditions of a node, with the visit that says they do not hold made once."""

    def __init__(self, group: ConditionGroup, compiler: OperandCompiler) -> None:
        self.group = compile_group(group, compiler)
        self.waits = Visit("waits", self.group)
