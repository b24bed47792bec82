"""
The strategy graph as typed records.

``strategies.engine.graph`` makes them from the visual builder's document; everything after it trusts them.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from strategies.engine.candles import Timeframe
from strategies.engine.condition_names import readable_names
from strategies.engine.condition_text import ConditionPrinter
from strategies.engine.expressions import ConditionGroup, Variable
from strategies.engine.indicators import IndicatorSpec

Side = Literal["buy", "sell"]
StrikeType = Literal["ATM", "ITM", "OTM", "premium"]
ExpiryCycle = Literal["W", "M"]
Unit = Literal["percentage", "points", "pnl"]
ProtectionKind = Literal["stop_loss", "take_profit", "trailing_stop"]


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
class ExpiryPick:
    """Which expiry: W0 is the next one, W1 the one after it, M0 the next monthly, M1 the one after that."""

    cycle: ExpiryCycle
    index: int

    def __str__(self) -> str:
        return f"{self.cycle}{self.index}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionPick:
    """Which option contract a position takes."""

    expiry: ExpiryPick
    strike_type: StrikeType
    #: Strikes away from the money; 0 for ATM.
    strike_steps: int = 0
    #: The premium to come closest to, quote currency per unit; None unless the strike is picked by premium.
    premium: float | None = None
    right: Literal["CE", "PE"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FuturePick:
    """Which future a position takes."""

    expiry: ExpiryPick


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitPrice:
    """The worst price at which a limit order fills."""

    #: ``price`` is the limit itself; ``points`` and ``percentage`` count from the last price when the order is
    #: placed: below it for a buy, above it for a sell.
    unit: Literal["price", "points", "percentage"]
    amount: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionSpec:
    """One position that an entry node opens."""

    position_id: str
    side: Side
    #: Units of the contract: the node's quantity times its multiplier.
    quantity: int
    #: How often the position may be opened in a day, the first time included.
    max_entries: int
    #: What to trade; None trades the underlying itself.
    contract: OptionPick | FuturePick | None
    #: None is a market order.
    limit: LimitPrice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A stop loss, a take profit or a trailing stop on a position."""

    kind: ProtectionKind
    #: What the numbers count: per cent of the price, points of the price, or money of the whole position.
    unit: Unit
    #: Distance from the entry price (from the best price, for a trailing stop), > 0.
    distance: float
    #: Profit from which on a trailing stop works; 0 works from the entry on.
    activation: float = 0.0
    #: A trailing stop moves in steps of this; 0 follows every tick.
    step: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExitQuantity:
    """How much of a position an exit closes."""

    kind: Literal["all", "percentage", "specific"]
    #: Per cent of the quantity at entry, or units; 0 for all.
    amount: float = 0.0


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
    quantity: ExitQuantity = ExitQuantity(kind="all")
    #: None is a market order.
    limit: LimitPrice | None = None
    #: Guard the target position from the tick after its entry on.
    protections: tuple[Protection, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReEntrySignalNode(Node):
    """Waits for its conditions, then sends an entry node (or an entry signal) in again."""

    class_name: ClassVar[str] = "ReEntrySignalNode"

    conditions: ConditionGroup
    variables: tuple[Variable, ...]
    target_entry_node_id: str
    max_re_entries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SquareOffNode(Node):
    """Ends the day: closes everything, deactivates every node."""

    class_name: ClassVar[str] = "SquareOffNode"

    #: Seconds from midnight from which on the day is over; None where no fixed time ends it.
    at: int | None = None
    #: Minutes before the close of the session; None where the close does not end it.
    minutes_before_close: int | None = None
    is_immediate: bool = False
    #: The day's profit that ends it, quote currency, > 0; None where profit does not end it.
    profit_target: float | None = None
    #: The day's loss that ends it, quote currency, > 0; None where loss does not end it.
    loss_limit: float | None = None


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
    def protections(self) -> Mapping[str, tuple[tuple[str, Protection], ...]]:
        """Return, for each position id, its protections with the exit node that each belongs to."""
        found: dict[str, tuple[tuple[str, Protection], ...]] = {}
        for node in self.nodes.values():
            if isinstance(node, ExitNode):
                own = tuple((node.id, protection) for protection in node.protections)
                found[node.target_position_id] = found.get(node.target_position_id, ()) + own
        return found

    @property
    def exit_targets(self) -> Mapping[str, tuple[str, ...]]:
        """Return, for each exit signal's node id, the positions that it waits for."""
        return {node.id: node.target_position_ids for node in self.nodes.values() if isinstance(node, ExitSignalNode)}

    def printer(self) -> ConditionPrinter:
        """Return the printer of this strategy's conditions."""
        names: dict[tuple[str, str, str], str] = {}
        outputs: dict[tuple[str, str, str], tuple[str, ...]] = {}
        for role, instrument in (("TI", self.start.instrument), ("SI", self.start.supporting)):
            for spec in instrument.timeframes if instrument else ():
                for indicator in spec.indicators:
                    names[role, spec.timeframe.id, indicator.key] = indicator.display_name
                    outputs[role, spec.timeframe.id, indicator.key] = indicator.kind.outputs
        return ConditionPrinter(readable_names(names, outputs))


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
