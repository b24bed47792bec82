"""The sample strategy on the sample day is worth watching."""

from datetime import time

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy


@pytest.fixture(scope="module")
def result() -> BacktestResult:
    config = BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=sample_day())
    return CentralizedBacktestEngine(config).run()


def test_the_run_goes_through_the_whole_day(result: BacktestResult) -> None:
    assert (result.status, result.total_ticks) == ("completed", 22_351)


def test_the_day_has_at_least_six_trades_of_both_legs_wins_losses_and_re_entries(result: BacktestResult) -> None:
    trades = result.trades

    assert len(trades) >= 6
    assert {trade.symbol[-2:] for trade in trades} == {"CE", "PE"}
    assert {trade.pnl > 0 for trade in trades} == {True, False}
    assert {trade.position_id for trade in trades if trade.re_entry_num} == {"put-entry-pos1", "call-entry-pos1"}


def test_positions_close_at_target_at_stop_and_by_square_off(result: BacktestResult) -> None:
    assert {trade.exit_reason for trade in result.trades} == {
        "put-target-exit",
        "put-stop-exit",
        "call-target-exit",
        "call-stop-exit",
        "square-off",
    }
    assert result.trades[-1].exit_time.time() == time(15, 25)


def test_trades_are_spread_over_the_day(result: BacktestResult) -> None:
    hours = {trade.entry_time.hour for trade in result.trades}

    assert hours == {9, 10, 12, 13, 14}


def test_the_trades_of_the_sample_run_are_pinned(result: BacktestResult) -> None:
    """S2: the same input gives the same trades."""
    found = [f"{trade.entry_time:%H:%M:%S} {trade.trade_id} {trade.symbol[6:]} {trade.pnl}" for trade in result.trades]

    assert found == [
        "09:22:03 put-entry-pos1-r0 2024-11-07:OPT:24250:PE -753.75",
        "09:26:52 put-entry-pos1-r1 2024-11-07:OPT:24250:PE -1676.25",
        "10:37:44 put-entry-pos1-r2 2024-11-07:OPT:24150:PE -888.75",
        "10:50:50 put-entry-pos1-r3 2024-11-07:OPT:24150:PE 4290.00",
        "12:53:14 call-entry-pos1-r0 2024-11-07:OPT:24350:CE 2865.00",
        "13:32:02 put-entry-pos1-r4 2024-11-07:OPT:24250:PE 3723.75",
        "14:14:47 call-entry-pos1-r1 2024-11-07:OPT:24400:CE -596.25",
        "14:31:58 call-entry-pos1-r2 2024-11-07:OPT:24400:CE -858.75",
        "14:37:39 call-entry-pos1-r3 2024-11-07:OPT:24450:CE -273.75",
        "14:52:23 call-entry-pos1-r4 2024-11-07:OPT:24500:CE 165.00",
    ]
