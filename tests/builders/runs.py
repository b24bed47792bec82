"""Runs of small strategies over small days, with every outcome kept."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.fills import FillPolicy
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult, NodeCompletion, TickOutcome
from strategies.engine.positions import PositionMark, Trade
from strategies.engine.ticks import MarketData
from tests.builders.strategy_documents import Json

_GUARDS = ("stop_loss", "take_profit", "trailing_stop")


class RecordingEngine(CentralizedBacktestEngine):
    """The engine, keeping what it hands out."""

    def __init__(self, config: BacktestConfig) -> None:
        super().__init__(config)
        self.outcomes: list[TickOutcome] = []

    def on_tick(self, outcome: TickOutcome) -> None:
        """Keep a tick's outcome."""
        self.outcomes.append(outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What a run came to, and how it went."""

    result: BacktestResult
    outcomes: list[TickOutcome] = field(repr=False)

    @property
    def completed(self) -> list[tuple[int, str]]:
        """Return (tick, node id) of every node that completed, in order."""
        return [(completion.tick, completion.execution.node_id) for completion in self.result.completions]

    @property
    def trades(self) -> list[tuple[str, str, str, str, str]]:
        """Return (trade id, entry time, exit time, P&L, closed by) of every trade; times without the date."""
        return [_in_short(trade) for trade in self.result.trades]

    @property
    def notes(self) -> list[tuple[int, str, str]]:
        """Return (tick, node id, note) of every execution that has something to say."""
        return [
            (outcome.tick, execution.node_id, execution.note)
            for outcome in self.outcomes
            for execution in outcome.executions
            if execution.note
        ]

    @property
    def visited(self) -> list[list[str]]:
        """Return, for each tick, the nodes that had their turn, in order."""
        return [[execution.node_id for execution in outcome.executions] for outcome in self.outcomes]

    @property
    def active(self) -> list[tuple[str, ...]]:
        """Return, for each tick, the nodes that are active after it."""
        return [outcome.active_nodes for outcome in self.outcomes]

    @property
    def open(self) -> list[list[str]]:
        """Return, for each tick, the positions that are open after it."""
        return [[mark.position_id for mark in outcome.positions] for outcome in self.outcomes]

    def completion(self, node_id: str, number: int = 0) -> NodeCompletion:
        """Return the record of the time (0 is the first) that a node completed."""
        return [each for each in self.result.completions if each.execution.node_id == node_id][number]


def run(
    document: Json,
    data: MarketData,
    *,
    start_date: date | None = None,
    end_date: date | None = None,
    fills: FillPolicy | None = None,
    should_continue: Callable[[], bool] = lambda: True,
) -> Run:
    """Run a strategy document over market data; what is run to its end comes to the same headless."""
    config = BacktestConfig(
        strategy=parse_strategy(document), market_data=data, start_date=start_date, end_date=end_date,
        fills=fills or FillPolicy(),
    )  # fmt: skip
    engine = RecordingEngine(config)
    done = Run(result=engine.run(should_continue=should_continue), outcomes=engine.outcomes)
    for outcome in done.outcomes:
        assert len({execution.execution_id for execution in outcome.executions}) == len(outcome.executions)
    if done.result.status == "completed":
        headless = CentralizedBacktestEngine(config).run_headless()
        assert headless == replace(done.result, completions=()), "the headless run came to something else"
    return done


def guards_told(outcomes: list[TickOutcome]) -> list[tuple[Decimal | None, Decimal]]:
    """
    Return, for each exit by a guard, the level of that guard as it was last told, and the price that triggered it.

    Where orders fill in their own tick, what was last told was told in the tick before the exit.
    """
    told: dict[tuple[str, datetime], PositionMark] = {}
    found: list[tuple[Decimal | None, Decimal]] = []
    for outcome in outcomes:
        for trade in outcome.trades:
            if trade.exit_type in _GUARDS:
                mark = told[trade.position_id, trade.entry_time]
                found.append((getattr(mark, f"{trade.exit_type}_price"), trade.trigger_price))
        for mark in outcome.positions:
            if (mark.stop_loss_price, mark.take_profit_price, mark.trailing_stop_price) != (None, None, None):
                told[mark.position_id, mark.entry_time] = mark
    return found


def _in_short(trade: Trade) -> tuple[str, str, str, str, str]:
    return (
        trade.trade_id,
        f"{trade.entry_time:%H:%M:%S}",
        f"{trade.exit_time:%H:%M:%S}",
        str(trade.pnl),
        trade.exit_reason,
    )
