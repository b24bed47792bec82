"""
What days with published trades cost, through the engine: the fills of a real run, charged and added up.

Sources: the 52 trades that six engines make of the synthetic day, whose costs at one lot of 25 were worked out by hand
from the rates of that date (2,892.06 with STT rounded to the rupee once a day and the rest to the paisa), and the
reference day's trades.
"""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from benchmarks import sma_cross
from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.costs import indian_fno
from strategies.engine.graph import parse_strategy
from strategies.engine.result_document import result_document
from strategies.market_data.files import load_market_data
from tests.builders.runs import RecordingEngine

LOT = 25


def test_the_52_trades_of_the_synthetic_day_cost_2892_06_at_one_lot() -> None:
    document = sma_cross.strategy_document()
    entry = next(node for node in document["nodes"] if node["id"] == "entry")
    entry["data"]["positions"][0]["quantity"] = LOT
    config = BacktestConfig(
        strategy=parse_strategy(document),
        market_data=sma_cross.market_data(sma_cross.synthetic_prices()),
        costs=indian_fno(),
    )

    results = CentralizedBacktestEngine(config).run_headless().results

    (note,) = results.notes
    assert len(note.fills) == 104
    assert results.metrics.costs == results.costs.total == Decimal("2892.06")
    assert results.metrics.gross_pnl == LOT * Decimal("-471.15")
    assert results.metrics.net_pnl == results.curve.final_pnl == LOT * Decimal("-471.15") - Decimal("2892.06")


@pytest.mark.slow
def test_the_reference_day_has_one_result_full_and_headless_and_its_curve_is_its_ticks(reference_day: Path) -> None:
    """S4."""
    config = BacktestConfig(
        strategy=parse_strategy(json.loads((reference_day / "strategy.json").read_text(encoding="utf-8"))),
        market_data=load_market_data(reference_day / "ticks.parquet", reference_day / "warmup_candles_1m.csv"),
        costs=indian_fno(),
        capital=Decimal(500_000),
    )
    engine = RecordingEngine(config)
    full, headless = engine.run(), CentralizedBacktestEngine(config).run_headless()
    kept = {sample.tick: sample.units for sample in full.results.curve_before_costs.samples()}

    assert json.dumps(result_document(headless)) == json.dumps(result_document(full))
    units = 0
    for outcome in engine.outcomes:
        units = kept.get(outcome.tick, units)
        assert full.results.curve_before_costs.to_money(units) == outcome.pnl.total_pnl
    found = full.metrics()
    assert (found.gross_pnl, found.costs, found.net_pnl) == (
        Decimal("-12630.00"), Decimal("748.61"), Decimal("-13378.61"),
    )  # fmt: skip
    assert found.ticks == 22_351
