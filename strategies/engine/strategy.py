"""
The strategy graph as typed records.

``strategies.engine.graph`` makes them from the visual builder's document; everything after it trusts them.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import ClassVar, Literal

from strategies.engine.candles import Timeframe
from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.expressions import ConditionGroup, Variable

Side = Literal["buy", "sell"]
StrikeType = Literal["ATM", "ITM", "OTM"]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpec:
    """One indicator that the start node declares."""

    #: The builder's key, by which conditions refer to it.
    key: str
    #: Name in the engine's indicator table, such as ``rsi``.
    name: str
    #: What people read, such as ``rsi(14,close)``.
    display_name: str
    #: Number of candles.
    length: int
    #: ``open``, ``high``, ``low`` or ``close``.
    price_field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeframeSpec:
    """One timeframe of an instrument, and the indicators computed on it."""

    timeframe: Timeframe
    indicators: tuple[IndicatorSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentSpec:
    """The trading instrument."""

    symbol: str
    timeframes: tuple[TimeframeSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionPick:
    """Which option contract a position takes."""

    #: 0 is the next expiry (W0), 1 the one after it (W1).
    expiry_index: int
    strike_type: StrikeType
    #: Strikes away from the money; 0 for ATM.
    strike_steps: int
    right: Literal["CE", "PE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSpec:
    """One position that an entry node opens."""

    position_id: str
    side: Side
    #: Units of the contract: the node's quantity times its multiplier.
    quantity: int
    #: How often the position may be opened in a session, the first time included.
    max_entries: int
    #: The option to trade; None trades the underlying itself.
    option: OptionPick | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """What all nodes have."""

    class_name: ClassVar[str] = "Node"

    id: str
    label: str
    children: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNode(Node):
    """Names the instrument, its timeframes and indicators."""

    class_name: ClassVar[str] = "StartNode"

    instrument: InstrumentSpec
    #: An instrument that is watched beside the traded one; None where there is none.
    supporting: InstrumentSpec | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySignalNode(Node):
    """Waits for its conditions, then sends its children in."""

    class_name: ClassVar[str] = "EntrySignalNode"

    conditions: ConditionGroup
    variables: tuple[Variable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryNode(Node):
    """Opens positions."""

    class_name: ClassVar[str] = "EntryNode"

    positions: tuple[PositionSpec, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitSignalNode(Node):
    """Waits for its conditions while the position is open."""

    class_name: ClassVar[str] = "ExitSignalNode"

    conditions: ConditionGroup
    #: Replaces ``conditions`` once the position is a re-entry; None where the first ones stay.
    re_entry_conditions: ConditionGroup | None
    #: Positions that the exit nodes behind this signal close.
    target_position_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitNode(Node):
    """Closes one position."""

    class_name: ClassVar[str] = "ExitNode"

    target_position_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReEntrySignalNode(Node):
    """Waits for its conditions, then sends an entry node in again."""

    class_name: ClassVar[str] = "ReEntrySignalNode"

    conditions: ConditionGroup
    variables: tuple[Variable, ...]
    target_entry_node_id: str
    max_re_entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareOffNode(Node):
    """Ends the day: closes everything, deactivates every node."""

    class_name: ClassVar[str] = "SquareOffNode"

    #: Exchange time from which on the day is over; None where time does not end it.
    at: time | None
    #: As people read it: "5 minutes before the close", "at 15:20".
    description: str
    is_immediate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyGraph:
    """A valid strategy."""

    strategy_id: str
    name: str
    #: Nodes by id, in the order of the document.
    nodes: Mapping[str, Node]
    edges: tuple[tuple[str, str], ...]
    #: Node ids in the order in which a tick visits them.
    order: tuple[str, ...]
    #: SHA-256 of the canonical document, in hex.
    fingerprint: str

    @property
    def start(self) -> StartNode:
        """Return the start node; a valid graph has exactly one."""
        return next(node for node in self.nodes.values() if isinstance(node, StartNode))

    @property
    def underlying(self) -> str:
        """Return the symbol that candles are built from."""
        return self.start.instrument.symbol

    @property
    def exit_targets(self) -> Mapping[str, tuple[str, ...]]:
        """Return, for each exit signal's node id, the positions that it waits for."""
        return {node.id: node.target_position_ids for node in self.nodes.values() if isinstance(node, ExitSignalNode)}

    def printer(self) -> ConditionPrinter:
        """Return the printer of this strategy's conditions."""
        names: dict[tuple[str, str, str], str] = {}
        for role, instrument in (("TI", self.start.instrument), ("SI", self.start.supporting)):
            for spec in instrument.timeframes if instrument else ():
                for indicator in spec.indicators:
                    names[role, spec.timeframe.id, indicator.key] = indicator.display_name
        return ConditionPrinter(names)


def visiting_order(
    nodes: Mapping[str, Node], edges: tuple[tuple[str, str], ...]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Sort nodes so that each comes after its parents; edges out of a re-entry signal point back and do not count.

    Among nodes that are free to go, a square-off goes first (nothing may open in the tick that ends the day), then
    the order of the document decides.

    Returns:
        The order, and the ids that stand in a cycle (empty in a valid graph).
    """
    rank = {
        node_id: (0 if isinstance(node, SquareOffNode) else 1, index)
        for index, (node_id, node) in enumerate(nodes.items())
    }
    forward = [(s, t) for s, t in edges if not isinstance(nodes[s], ReEntrySignalNode)]
    waiting = dict.fromkeys(nodes, 0)
    children: dict[str, list[str]] = {node_id: [] for node_id in nodes}
    for source, target in forward:
        waiting[target] += 1
        children[source].append(target)
    free = [(rank[node_id], node_id) for node_id, count in waiting.items() if count == 0]
    heapq.heapify(free)
    order: list[str] = []
    while free:
        _, node_id = heapq.heappop(free)
        order.append(node_id)
        for child in children[node_id]:
            waiting[child] -= 1
            if waiting[child] == 0:
                heapq.heappush(free, (rank[child], child))
    return tuple(order), _cycle([node_id for node_id in nodes if waiting[node_id] > 0], forward)


def _cycle(left_over: list[str], forward: list[tuple[str, str]]) -> tuple[str, ...]:
    """Leave out the nodes that merely come after a cycle: those from which no way leads back into one."""
    inside = set(left_over)
    parents: dict[str, list[str]] = {node_id: [] for node_id in left_over}
    ways_out = dict.fromkeys(left_over, 0)
    for source, target in forward:
        if source in inside and target in inside:
            parents[target].append(source)
            ways_out[source] += 1
    ends = [node_id for node_id, count in ways_out.items() if count == 0]
    while ends:
        node_id = ends.pop()
        inside.remove(node_id)
        for parent in parents[node_id]:
            ways_out[parent] -= 1
            if ways_out[parent] == 0:
                ends.append(parent)
    return tuple(node_id for node_id in left_over if node_id in inside)
