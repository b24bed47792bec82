"""
One thousand random graphs: they run or are refused with reasons, and what every run must obey holds in each.

The equity is kept here a second time, from fills and raw ticks alone: cash, less what was bought, plus what was sold,
plus open positions at their last prices.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.errors import GraphInvalid
from strategies.engine.graph import parse_strategy
from strategies.engine.money import to_money
from strategies.engine.outcomes import BacktestResult, TickOutcome
from tests.oracles import random_graphs
from tests.oracles.random_graphs import Graph

pytestmark = pytest.mark.slow

CHUNKS = tuple(range(0, 1_000, 100))
CHUNK = 100
ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of one graph."""

    seed: int
    #: None where it was refused.
    result: BacktestResult | None
    #: Faults of a refused graph.
    faults: tuple[str, ...] = ()
    #: Broken rules, in words.
    broken: tuple[str, ...] = ()
    #: Days that a square-off ended.
    days_squared_off: int = 0


@dataclass(slots=True)
class Ledger:
    """The equity of a run, from fills and raw ticks alone."""

    cash: Decimal = ZERO
    #: Position id and entry time to signed units and symbol.
    held: dict[tuple[str, datetime], tuple[int, str]] = field(default_factory=dict)
    last: dict[str, Decimal] = field(default_factory=dict)

    def take(self, outcome: TickOutcome) -> None:
        """Book what a tick closed and opened."""
        for trade in outcome.trades:
            sign = 1 if trade.side == "buy" else -1
            key = (trade.position_id, trade.entry_time)
            units, symbol = self.held[key]
            self.cash += sign * trade.quantity * trade.exit_price
            if units == sign * trade.quantity:
                del self.held[key]
            else:
                self.held[key] = (units - sign * trade.quantity, symbol)
        for mark in outcome.positions:
            key = (mark.position_id, mark.entry_time)
            if key not in self.held:
                units = mark.quantity if mark.side == "buy" else -mark.quantity
                self.held[key] = (units, mark.symbol)
                self.cash -= units * mark.entry_price

    @property
    def equity(self) -> Decimal:
        """Return cash and open positions at their last prices."""
        return self.cash + sum((units * self.last[symbol] for units, symbol in self.held.values()), ZERO)


class Watched(CentralizedBacktestEngine):
    """The engine, every tick of it checked."""

    def __init__(self, config: BacktestConfig, graph: Graph) -> None:
        super().__init__(config)
        self.graph = graph
        self.ledger = Ledger()
        self.broken: list[str] = []
        self.ended: set[date] = set()
        self._late = 0

    def on_tick(self, outcome: TickOutcome) -> None:
        """Check one tick."""
        second = self.graph.seconds[outcome.tick - 1]
        for tick in second.ticks:
            self.ledger.last[tick.symbol] = to_money(tick.ltp)
        self.ledger.take(outcome)
        if self.ledger.equity != outcome.pnl.total_pnl:
            self._note(outcome, f"equity is {self.ledger.equity}, the tick says {outcome.pnl.total_pnl}")
        if outcome.timestamp != second.timestamp:
            self._note(outcome, f"the tick of {second.timestamp} is told as {outcome.timestamp}")
        self._check_end_of_day(outcome)

    def _check_end_of_day(self, outcome: TickOutcome) -> None:
        today = outcome.timestamp.date()
        if any(done.execution.node_type == "SquareOffNode" for done in outcome.completions):
            self.ended.add(today)
        if today in self.ended and (outcome.positions or outcome.active_nodes):
            self._note(outcome, "something is open or active after the square-off")
        at = self.graph.square_off_at
        is_late = at is not None and _second_of_day(outcome.timestamp) >= at
        self._late = self._late + 1 if is_late else 0
        # An order of the tick that ends the day fills in the next one, where the policy says so.
        if self._late > (self.graph.fills.timing == "next_tick") and outcome.positions:
            self._note(outcome, f"{len(outcome.positions)} positions are open after the time of the square-off")

    def _note(self, outcome: TickOutcome, what: str) -> None:
        self.broken.append(f"tick {outcome.tick} ({outcome.timestamp:%H:%M:%S}): {what}")


@pytest.mark.parametrize("first", CHUNKS)
def test_a_hundred_graphs_obey_every_rule(first: int) -> None:
    broken = [f"seed {checked.seed}: {text}" for checked in _checked(first) for text in checked.broken]

    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("first", CHUNKS)
def test_a_refused_graph_names_its_faults(first: int) -> None:
    refused = [checked for checked in _checked(first) if checked.result is None]

    assert all(checked.faults for checked in refused)
    assert all(len(fault.split()) > 3 for checked in refused for fault in checked.faults)


def test_the_graphs_are_worth_running() -> None:
    """A property of graphs that do nothing proves nothing."""
    every = [checked for first in CHUNKS for checked in _checked(first)]
    results = [checked.result for checked in every if checked.result is not None]
    exits = Counter(trade.exit_type for result in results for trade in result.trades)

    assert len(every) == 1_000
    assert len(results) > 700
    assert sum(checked.result is None for checked in every) > 100
    assert sum(bool(result.trades) for result in results) > 400
    assert sum(exits.values()) > 3_000
    assert set(exits) == {"signal", "stop_loss", "take_profit", "trailing_stop", "square_off", "market_close"}
    assert min(exits.values()) > 40
    assert sum(checked.days_squared_off for checked in every) > 600


def test_an_undamaged_graph_is_never_refused() -> None:
    refused = {
        checked.seed: checked.faults
        for first in CHUNKS
        for checked in _checked(first)
        if checked.result is None and not random_graphs.graph(checked.seed).is_damaged
    }

    assert refused == {}


@pytest.mark.parametrize("kind", [[], {}, 7, None])
def test_a_node_type_that_is_no_text_is_a_fault_like_others(kind: object) -> None:
    graphs = map(random_graphs.graph, range(100))
    document = next(graph.document for graph in graphs if not graph.is_damaged)
    document["nodes"].append({"id": "odd", "type": kind, "data": {}})

    with pytest.raises(GraphInvalid) as refusal:
        parse_strategy(document)

    assert [(fault.node_id, fault.field) for fault in refusal.value.faults] == [("odd", "type")]


@lru_cache(maxsize=len(CHUNKS))
def _checked(first: int) -> tuple[Checked, ...]:
    return tuple(_check(seed) for seed in range(first, first + CHUNK))


def _check(seed: int) -> Checked:
    graph = random_graphs.graph(seed)
    try:
        strategy = parse_strategy(graph.document)
    except GraphInvalid as refusal:
        return Checked(seed, None, tuple(map(str, refusal.faults)))
    config = BacktestConfig(strategy=strategy, market_data=graph.market_data, fills=graph.fills)
    engine = Watched(config, graph)
    full = engine.run()
    headless = CentralizedBacktestEngine(config).run_headless()
    broken = [*engine.broken, *_unequal(full, headless), *_wrong_sums(full)]
    return Checked(seed, full, broken=tuple(broken), days_squared_off=len(engine.ended))


def _unequal(full: BacktestResult, headless: BacktestResult) -> list[str]:
    """Return in what a headless run differs."""
    names = ("trades", "summary", "open_positions", "total_ticks", "status")
    return [
        f"headless {name} differ: {getattr(headless, name)!s:.300} instead of {getattr(full, name)!s:.300}"
        for name in names
        if getattr(full, name) != getattr(headless, name)
    ]


def _wrong_sums(result: BacktestResult) -> list[str]:
    total = sum((trade.pnl for trade in result.trades), ZERO)
    return [] if total == result.summary.total_pnl else [f"trades sum up to {total}, not {result.summary.total_pnl}"]


def _second_of_day(at: datetime) -> int:
    return at.hour * 3600 + at.minute * 60 + at.second
