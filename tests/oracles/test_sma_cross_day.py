"""
The 52-trade day: our engine runs the rule as a strategy of the format and makes the trades of six other engines.

Source: backtesting.py, backtrader, nautilus_trader, vectorbt, a plain loop and numpy, whose common trade list is the
day's ``expected_trades.csv``. The same day stands in ``benchmarks``, where those engines run it again.
"""

from collections import Counter
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from benchmarks import sma_cross
from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from strategies.engine.positions import Trade
from tests.builders.runs import RecordingEngine, guards_told
from tests.oracles import synthetic_day

REASONS = {"signal": "signal", "stop_loss": "stop", "square_off": "square_off"}


@pytest.fixture(scope="module")
def config() -> BacktestConfig:
    """Return the rule over the made day."""
    prices = sma_cross.synthetic_prices()
    return BacktestConfig(
        strategy=parse_strategy(sma_cross.strategy_document()), market_data=sma_cross.market_data(prices)
    )


@pytest.fixture(scope="module")
def headless(config: BacktestConfig) -> BacktestResult:
    """Return the run for the trades alone."""
    return CentralizedBacktestEngine(config).run_headless()


def test_the_day_is_made_as_it_was_published() -> None:
    made = sma_cross.synthetic_prices()
    midnight = int(synthetic_day.MIDNIGHT.timestamp())
    published = synthetic_day.seconds()

    assert np.array_equal(made.seconds, [int(second.at.timestamp()) - midnight for second in published])
    assert np.array_equal(made.index, [float(second.underlying) for second in published])
    assert np.array_equal(made.option, [float(second.option) for second in published])


def test_the_engine_makes_the_trades_of_six_other_engines(headless: BacktestResult) -> None:
    expected = [
        {
            "entry_time": trade.entry_time,
            "entry_price": trade.entry_price,
            "exit_time": trade.exit_time,
            "exit_price": trade.exit_price,
            "reason": trade.reason,
            "pnl": trade.pnl,
        }
        for trade in synthetic_day.trades()
    ]

    assert [_facts(trade) for trade in headless.trades] == expected


def test_the_totals_are_the_published_ones(headless: BacktestResult) -> None:
    """Needs no file: what the six engines came to, as numbers."""
    assert (headless.summary.total_trades, headless.summary.total_pnl) == (52, Decimal("-471.15"))
    assert Counter(trade.exit_type for trade in headless.trades) == {"signal": 41, "stop_loss": 10, "square_off": 1}
    assert (headless.summary.winning_trades, headless.summary.losing_trades) == (15, 36)
    assert headless.open_positions == ()


def test_the_level_told_before_each_stop_is_the_one_that_triggers(config: BacktestConfig) -> None:
    engine = RecordingEngine(config)
    engine.run()

    told = guards_told(engine.outcomes)

    assert len(told) == 10
    assert [level for level, _ in told] == [trigger for _, trigger in told]


def test_every_entry_falls_into_the_tick_of_its_crossing(headless: BacktestResult) -> None:
    """A re-entry that names the entry signal costs no tick: the first trade and the later ones enter alike."""
    prices = sma_cross.synthetic_prices()
    difference = sma_cross.mean_of_last(prices.index, 60) - sma_cross.mean_of_last(prices.index, 300)
    midnight = int(synthetic_day.MIDNIGHT.timestamp())

    for trade in headless.trades:
        place = int(np.searchsorted(prices.seconds, int(trade.entry_time.timestamp()) - midnight))
        assert round(difference[place - 1], 9) <= 0 < round(difference[place], 9)


def test_the_run_with_full_diagnostics_makes_the_same_trades(config: BacktestConfig, headless: BacktestResult) -> None:
    full = CentralizedBacktestEngine(config).run()

    assert full.trades == headless.trades
    assert (full.summary, full.total_ticks) == (headless.summary, headless.total_ticks)


def test_a_stop_that_was_gapped_through_stores_its_trigger_and_the_difference(headless: BacktestResult) -> None:
    stopped = [trade for trade in headless.trades if trade.exit_type == "stop_loss"]

    for trade in stopped:
        assert trade.trigger_price == trade.entry_price * Decimal("1.2")
        assert trade.exit_difference == trade.exit_price - trade.trigger_price >= 0
    assert max(trade.exit_difference for trade in stopped) > 10


def _facts(trade: Trade) -> dict[str, Any]:
    return {
        "entry_time": trade.entry_time,
        "entry_price": trade.entry_price,
        "exit_time": trade.exit_time,
        "exit_price": trade.exit_price,
        "reason": REASONS[trade.exit_type],
        "pnl": trade.pnl,
    }
