"""
The state of one run between and during ticks: who is active, what was recorded, what is open.

Node runners read it and act through its methods; the engine owns it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from strategies.engine.chain import OptionChain
from strategies.engine.conditions import Value
from strategies.engine.market import Market
from strategies.engine.positions import PositionBook, Trade
from strategies.engine.strategy import EntryNode, StrategyGraph


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """Why a node is active."""

    #: The execution that activated it; None for the start node.
    parent_execution_id: str | None
    #: The node that activated it; empty for the start node.
    by_node_id: str
    #: 1 for the node's first activation in the run.
    number: int


@dataclass(slots=True)
class RunState:
    """All that changes while a strategy runs."""

    strategy: StrategyGraph
    market: Market
    book: PositionBook
    chain: OptionChain
    tick: int = 0
    #: (node id, name) to the value that the node recorded when it last completed.
    variables: dict[tuple[str, str], Value] = field(default_factory=dict)
    active: dict[str, Activation] = field(default_factory=dict)
    #: Contracts that were ever ordered, in that order.
    traded_symbols: dict[str, None] = field(default_factory=dict)
    _activations: dict[str, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        """Return the exchange time of this tick."""
        return self.market.now

    def activate(self, node_id: str, *, parent_execution_id: str | None, by_node_id: str) -> None:
        """Make a node active; one that is active already keeps its first activation."""
        if node_id in self.active:
            return
        number = self._activations.get(node_id, 0) + 1
        self._activations[node_id] = number
        self.active[node_id] = Activation(parent_execution_id=parent_execution_id, by_node_id=by_node_id, number=number)

    def deactivate(self, node_ids: Iterable[str]) -> None:
        """Make nodes inactive."""
        for node_id in node_ids:
            self.active.pop(node_id, None)

    def close_position(self, position_id: str, *, exit_reason: str) -> Trade:
        """Close a position at its last price and deactivate the exit signals that waited for it."""
        trade = self.book.close(position_id, at=self.now, exit_reason=exit_reason)
        self.deactivate(self._exit_signals_of(position_id))
        return trade

    def next_re_entry_num(self, node: EntryNode) -> int:
        """Return the number that the next entry of a node has: 0 for the first, 1 for the first re-entry."""
        return max(self.book.entries.get(position.position_id, 0) for position in node.positions)

    def _exit_signals_of(self, position_id: str) -> list[str]:
        """Return the active exit signals that have no open position left to wait for."""
        targets = self.strategy.exit_targets
        return [
            node_id
            for node_id in self.active
            if position_id in (waited_for := targets.get(node_id, ())) and self.book.open.keys().isdisjoint(waited_for)
        ]
