"""Quiet ticks: they begin and end where a run that records every tick has nothing else to say."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult, TickOutcome
from strategies.engine.positions import PnlSummary, PositionMark
from strategies.engine.quiet_ticks import SHORTEST, QuietTeller, QuietTicks
from strategies.engine.ticks import MarketData
from tests.builders.market_data import market_data
from tests.builders.runs import Run, run
from tests.builders.strategy_documents import (
    Json,
    always,
    entry,
    entry_signal,
    exit_node,
    exit_signal,
    ltp,
    option,
    position,
    re_entry_signal,
    square_off,
    start_node,
    stop_loss,
    strategy_document,
    when,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


class Telling(CentralizedBacktestEngine):
    """An engine whose quiet ticks are told of many at once."""

    def __init__(self, config: BacktestConfig) -> None:
        super().__init__(config)
        self.told: list[int] = []
        self.quiet: list[QuietTicks] = []
        #: Positions and profit of each quiet tick, which can be asked for only while they last.
        self.values: list[list[tuple[tuple[PositionMark, ...], PnlSummary]]] = []

    def on_tick(self, outcome: TickOutcome) -> None:
        """Note a tick that was recorded."""
        self.told.append(outcome.tick)

    def quiet_teller(self) -> QuietTeller | None:
        """Note ticks that are not."""
        return self._tell

    def _tell(self, quiet: QuietTicks) -> Iterator[None]:
        self.quiet.append(quiet)
        rows = zip(*quiet.prices, strict=True) if quiet.prices else [()] * (quiet.last - quiet.first)
        self.values.append([quiet.value_at(tuple(row)) for row in rows])
        for tick in range(quiet.tick, quiet.tick + quiet.last - quiet.first):
            assert self.ticks_run == tick
            self.told.append(tick)
            yield


def document() -> Json:
    """Sell a put above 24,270, leave above 24,279, sell again."""
    return strategy_document(
        start_node(),
        entry_signal("signal", when(ltp(), ">", 24_270), variables={"Price": ltp()}),
        entry("entry", position("pos", "sell", quantity=75, max_entries=9, option=option("PE"))),
        exit_signal("leave", when(ltp(), ">", 24_279)),
        exit_node("exit", "pos", guards=stop_loss(20)),
        re_entry_signal("again", "entry", always(), max_re_entries=1),
        square_off(minutes_before_close=5),
        edges=["start > signal > entry > leave > exit > again > entry", "start > square-off"],
    )


def day(count: int = 120) -> MarketData:
    prices = [24_250 + abs(second % 40 - 20) * 1.5 for second in range(count)]
    return market_data(*({"NIFTY": price, PUT: 24_500.05 - price} for price in prices))


def engine_of(found: Json | None = None) -> Telling:
    return Telling(BacktestConfig(strategy=parse_strategy(found or document()), market_data=day()))


@pytest.fixture
def recorded() -> Run:
    """Return the run of which every tick was recorded."""
    return run(document(), day())


def test_every_tick_is_told_of_once_and_in_order(recorded: Run) -> None:
    engine = engine_of()

    result = engine.run()

    assert engine.told == list(range(1, 121))
    assert 60 < sum(quiet.last - quiet.first for quiet in engine.quiet) < 120
    assert result == recorded.result


def test_what_differs_in_quiet_ticks_is_what_recording_them_would_tell(recorded: Run) -> None:
    engine = engine_of()
    engine.run()

    for quiet, values in zip(engine.quiet, engine.values, strict=True):
        outcomes = recorded.outcomes[quiet.tick - 1 : quiet.tick - 1 + quiet.last - quiet.first]
        ids = [[execution.execution_id for execution in outcome.executions] for outcome in outcomes]
        assert [list(row) for row in zip(*quiet.execution_ids, strict=True)] == ids
        assert len(outcomes) >= SHORTEST
        assert values == [(outcome.positions, outcome.pnl) for outcome in outcomes]
        assert {outcome.active_nodes for outcome in outcomes} == {quiet.before.active_nodes}


def test_nothing_completes_opens_or_closes_in_quiet_ticks(recorded: Run) -> None:
    engine = engine_of()
    engine.run()
    quiet = {tick for each in engine.quiet for tick in range(each.tick, each.tick + each.last - each.first)}

    loud = {tick for tick, _ in recorded.completed} | {tick for tick, _, _ in recorded.notes}

    assert len(loud) > 3
    assert quiet.isdisjoint(loud)


@pytest.mark.parametrize("ticks", [0, 1, 30, 55, 119])
def test_a_run_is_asked_before_each_tick_whether_it_goes_on(ticks: int) -> None:
    def stopped(engine: CentralizedBacktestEngine) -> BacktestResult:
        answers = iter([True] * ticks + [False])
        result = engine.run(should_continue=lambda: next(answers))
        assert next(answers, "all were used") == "all were used"
        return result

    engine = engine_of()

    assert stopped(engine) == stopped(CentralizedBacktestEngine(engine.config))
    assert engine.told == list(range(1, ticks + 1))


def test_an_order_that_waits_is_never_quiet() -> None:
    waiting = strategy_document(
        start_node(),
        entry_signal("signal", always()),
        entry("entry", position("pos", "buy", option=option("PE"), orderType="limit", limitPrice=1)),
        edges=["start > signal > entry"],
    )
    engine = engine_of(waiting)

    engine.run()

    assert (len(engine.told), engine.quiet) == (120, [])
