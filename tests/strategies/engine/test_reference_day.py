"""
The reference day: the engine gives exactly the trades, node events and RSI values that are known of it.

The run is made once; its market data come through the real file reader.
"""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from strategies.engine import money
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.engine.positions import TradeSummary
from strategies.engine.ticks import MarketData
from strategies.market_data.files import load_market_data
from tests.builders.runs import RecordingEngine, Run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(reference_day: Path) -> MarketData:
    return load_market_data(reference_day / "ticks.parquet", reference_day / "warmup_candles_1m.csv")


@pytest.fixture(scope="module")
def done(reference_day: Path, data: MarketData) -> Run:
    document = json.loads((reference_day / "strategy.json").read_text(encoding="utf-8"))
    engine = RecordingEngine(BacktestConfig(strategy=parse_strategy(document), market_data=data))
    return Run(result=engine.run(), outcomes=engine.outcomes)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_the_day_has_22351_ticks_from_open_to_close(done: Run) -> None:
    assert (done.result.status, done.result.total_ticks, len(done.outcomes)) == ("completed", 22_351, 22_351)
    assert [str(done.outcomes[place].timestamp) for place in (0, -1)] == [
        "2024-10-29 09:15:00+05:30",
        "2024-10-29 15:30:00+05:30",
    ]


def test_the_trades_are_exactly_the_expected_ones(done: Run, reference_day: Path) -> None:
    found = [
        {
            "position_id": trade.position_id,
            "re_entry_num": str(trade.re_entry_num),
            "symbol": trade.symbol,
            "side": trade.side,
            "quantity": str(trade.quantity),
            "entry_time": f"{trade.entry_time:%Y-%m-%d %H:%M:%S}",
            "entry_price": money.text(trade.entry_price),
            "exit_time": f"{trade.exit_time:%Y-%m-%d %H:%M:%S}",
            "exit_price": money.text(trade.exit_price),
            "pnl": money.text(trade.pnl),
            "closed_by": trade.exit_reason,
        }
        for trade in done.result.trades
    ]

    assert found == rows(reference_day / "expected_trades.csv")


def test_the_summary_is_that_of_nine_trades(done: Run) -> None:
    summary = done.result.summary

    assert summary == TradeSummary(
        total_trades=9, total_pnl=money.to_money(-12_630.0), winning_trades=1, losing_trades=8
    )
    assert (money.text(summary.total_pnl), money.text(summary.win_rate)) == ("-12630.00", "11.11")


def test_the_node_events_are_exactly_the_expected_ones_in_order(done: Run, reference_day: Path) -> None:
    found = [
        {
            "timestamp": f"{completion.timestamp:%Y-%m-%d %H:%M:%S}",
            "node_id": completion.execution.node_id,
            "node_type": completion.execution.node_type,
        }
        for completion in done.result.completions
    ]

    assert found == rows(reference_day / "expected_node_events.csv")


@pytest.mark.parametrize(("moment", "value"), [("12:05:08", 73.5037312998696), ("15:09:24", 70.6780261213037)])
def test_the_rsi_of_the_last_finished_minute_is_the_published_one(done: Run, moment: str, value: float) -> None:
    [signal] = [
        each
        for each in done.result.completions
        if f"{each.timestamp:%H:%M:%S}" == moment and each.execution.node_id == "re-entry-signal-4"
    ]

    assert signal.series["TI.1m"].indicators == {"rsi(14,close)": pytest.approx(value, rel=1e-13)}
    assert (signal.execution.evaluated_conditions or {})["conditions"][0]["lhs_value"] == pytest.approx(
        value, rel=1e-13
    )


def test_the_first_signal_says_what_it_found(done: Run) -> None:
    conditions: Any = done.completion("entry-condition-1").execution.evaluated_conditions

    assert [condition["raw"] for condition in conditions["conditions"]] == [
        "Current Time >= 09:17",
        "Previous[TI.1m.rsi(14,close)] < 30",
        "TI.underlying_ltp > Previous[TI.1m.High]",
    ]
    assert conditions["conditions"][0]["evaluated"] == "09:19:00 >= 09:17:00"
    assert [condition["result"] for condition in conditions["conditions"]] == [True, True, True]


def test_nothing_is_open_or_active_after_the_square_off(done: Run) -> None:
    after = [outcome for outcome in done.outcomes if f"{outcome.timestamp:%H:%M:%S}" >= "15:25:00"]

    assert len(after) == 301
    assert {(outcome.positions, outcome.active_nodes) for outcome in after} == {((), ())}
    assert {len(outcome.executions) for outcome in after[1:]} == {0}


def test_profit_is_realised_and_unrealised_to_the_cent_in_every_tick(done: Run) -> None:
    realised = 0
    for outcome in done.outcomes:
        realised += sum(int(trade.pnl * 100) for trade in outcome.trades)
        marked = sum(int(mark.unrealized_pnl * 100) for mark in outcome.positions)
        assert (int(outcome.pnl.realized_pnl * 100), int(outcome.pnl.total_pnl * 100)) == (realised, realised + marked)


def test_the_sharing_of_records_between_ticks_keeps_each_tick_as_it_was(done: Run) -> None:
    # Records are shared while nothing changes; here each is compared with what its own tick must say.
    for outcome in done.outcomes[::50]:
        for execution in outcome.executions:
            record = execution.evaluated_conditions
            if record is not None and record["conditions"][0]["raw"].startswith("Current Time"):
                assert record["conditions"][0]["evaluated"].startswith(f"{outcome.timestamp:%H:%M:%S} >= ")
