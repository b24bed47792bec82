"""
The state of one run between and during ticks: who is active, what was recorded, what is open.

Node runners read it and act through its methods; the engine owns it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from strategies.engine import guards
from strategies.engine.chain import Chain
from strategies.engine.fills import Broker
from strategies.engine.guard_levels import GuardLevels
from strategies.engine.guards import Guarded, GuardPlan
from strategies.engine.market import Market
from strategies.engine.operands import Value
from strategies.engine.positions import ExitType, Position, PositionBook, Trade
from strategies.engine.strategy import EntryNode, Node, Protection, StrategyGraph


class Activation(NamedTuple):
    """Why a node is active."""

    #: The execution that activated it; None for the start node.
    parent_execution_id: str | None
    #: The node that activated it; empty for the start node.
    by_node_id: str
    #: 1 for the node's first activation in the run.
    number: int
    #: The first tick of the run in which the node has its turn.
    from_tick: int


@dataclass(slots=True)
class RunState:
    """All that changes while a strategy runs."""

    strategy: StrategyGraph
    market: Market
    book: PositionBook
    chain: Chain
    broker: Broker
    protections: Mapping[str, tuple[tuple[str, Protection], ...]]
    tick: int = 0
    #: Index of this tick on the day's tape.
    second: int = 0
    #: (node id, name) to the value that the node recorded when it last completed.
    variables: dict[tuple[str, str], Value] = field(default_factory=dict)
    active: dict[str, Activation] = field(default_factory=dict)
    #: Counts the changes of ``active``.
    active_version: int = 0
    #: Contracts that were ordered today, in that order.
    traded_symbols: dict[str, None] = field(default_factory=dict)
    #: By position id: the guard that will trigger first.
    guard_plans: dict[str, GuardPlan] = field(default_factory=dict)
    _activations: dict[str, int] = field(default_factory=dict)
    _exit_targets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._exit_targets = self.strategy.exit_targets

    @property
    def now(self) -> datetime:
        """Return the exchange time of this tick."""
        return self.market.now

    def move_to(self, second: int, tick: int) -> None:
        """Let the current tick be the one at an index of the day's tape."""
        self.second = second
        self.tick = tick
        self.market.move_to(second)

    def move_positions(self) -> None:
        """Give every open position its last price as of this tick."""
        for position in self.book.open.values():
            position.move_to(self.market.tape.price_list(position.symbol)[self.second], self.second)

    def begin_day(self) -> None:
        """Let every node and variable start afresh."""
        self.active.clear()
        self.active_version += 1
        self.variables.clear()
        self.traded_symbols.clear()
        self.guard_plans.clear()

    def activate(self, node_id: str, *, parent_execution_id: str | None, by_node_id: str, from_tick: int = 0) -> None:
        """Make a node active; one that is active already keeps its first activation."""
        if node_id in self.active:
            return
        number = self._activations.get(node_id, 0) + 1
        self._activations[node_id] = number
        self.active_version += 1
        self.active[node_id] = Activation(parent_execution_id, by_node_id, number, from_tick)

    def deactivate(self, node_ids: Iterable[str]) -> None:
        """Make nodes inactive."""
        for node_id in node_ids:
            self.active.pop(node_id, None)
        self.active_version += 1

    def open_position(self, position: Position) -> None:
        """Take a position that was just filled, and plan its guards."""
        position.second = self.second
        self.book.add(position)
        self._plan_guards(position, float(position.entry_price))

    def release_guards(self, position_id: str) -> None:
        """Take note that a position's guard has triggered: its order is on its way, and none works any more."""
        del self.guard_plans[position_id]
        self.book.open[position_id].guards = None

    def close_position(
        self,
        position_id: str,
        *,
        price: Decimal,
        trigger_price: Decimal,
        exit_reason: str,
        exit_type: ExitType,
        quantity: int | None = None,
        at: datetime | None = None,
    ) -> Trade:
        """Close a position or a part of it; once it is closed whole, its remaining exit signals are deactivated."""
        trade = self.book.close(
            position_id, quantity=quantity, price=price, at=at or self.now, trigger_price=trigger_price,
            exit_reason=exit_reason, exit_type=exit_type,
        )  # fmt: skip
        self.guard_plans.pop(position_id, None)
        if position_id in self.book.open:
            self._plan_guards(self.book.open[position_id], self._best_price(self.book.open[position_id]))
        else:
            self.deactivate(self._exit_signals_of(position_id))
        return trade

    def next_re_entry_num(self, node: EntryNode) -> int:
        """Return the number that the next entry of a node has: 0 for the first, 1 for the first re-entry."""
        return max(self.book.entries.get(position.position_id, 0) for position in node.positions)

    def entry_nodes_of(self, node_id: str) -> tuple[EntryNode, ...]:
        """Return the entry node of that id, or the entry nodes that an entry signal of that id sends in."""
        node: Node = self.strategy.nodes[node_id]
        if isinstance(node, EntryNode):
            return (node,)
        children = (self.strategy.nodes[child] for child in node.children)
        return tuple(child for child in children if isinstance(child, EntryNode))

    def _exit_signals_of(self, position_id: str) -> list[str]:
        """Return the active exit signals that have no open position left to wait for."""
        targets = self._exit_targets
        return [
            node_id
            for node_id in self.active
            if position_id in (waited_for := targets.get(node_id, ())) and self.book.open.keys().isdisjoint(waited_for)
        ]

    def _plan_guards(self, position: Position, best: float) -> None:
        protections = self.protections.get(position.position_id, ())
        if not protections:
            return
        guarded = Guarded(
            symbol=position.symbol, direction=position.direction, quantity=position.quantity,
            entry_price=position.entry_price,
        )  # fmt: skip
        found = guards.plan(self.market.tape, guarded, protections, self.second, best)
        position.guards = GuardLevels(
            self.market.tape, guarded, [protection for _, protection in protections], after=self.second, best=best
        )
        if found is not None:
            self.guard_plans[position.position_id] = found

    def _best_price(self, position: Position) -> float:
        """Return the best price that a position has seen since it was opened today."""
        tape = self.market.tape
        opened = tape.second_at(position.entry_time)
        prices = tape.prices(position.symbol)[opened : self.second + 1]
        return float(guards.best_prices(prices, position.direction, float(position.entry_price))[-1])
