"""The result document: everything a run came to, as JSON, the same bytes for the same run."""

import dataclasses
import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.centralized_backtest_engine import CentralizedBacktestEngine
from strategies.engine.cost_config import parse_cost_model
from strategies.engine.costs import indian_fno
from strategies.engine.fills import FillPolicy, read_policy
from strategies.engine.outcomes import BacktestResult
from strategies.engine.result_document import ENGINE_VERSION, exact, result_document
from tests.strategies.engine import random_days

SEEDS = st.integers(0, 10**9)
FEW = settings(max_examples=25)


def result_of(seed: int) -> BacktestResult:
    """Run a random case with the costs of Indian derivatives."""
    config = random_days.config(seed, costs=indian_fno(), capital=Decimal(100_000))
    return CentralizedBacktestEngine(config).run_headless()


@FEW
@given(SEEDS)
def test_equal_runs_give_equal_bytes(seed: int) -> None:
    config = random_days.config(seed)
    full, headless = CentralizedBacktestEngine(config).run(), CentralizedBacktestEngine(config).run_headless()

    assert json.dumps(result_document(full), allow_nan=False) == json.dumps(result_document(headless), allow_nan=False)


@FEW
@given(SEEDS)
def test_the_trades_of_the_document_add_up_to_its_totals(seed: int) -> None:
    document = result_document(result_of(seed))

    gross = sum((Decimal(trade["gross_pnl"]) for trade in document["trades"]), Decimal(0))
    net = sum((Decimal(trade["net_pnl"]) for trade in document["trades"]), Decimal(0))
    paid = sum((Decimal(note["costs"]["total"]) for note in document["contract_notes"]), Decimal(0))
    assert gross - net + Decimal(document["open_costs"]["total"]) == paid == Decimal(document["costs"]["total"])
    for trade in document["trades"]:
        parts = [Decimal(amount) for name, amount in trade["costs"].items() if name != "total"]
        assert Decimal(trade["gross_pnl"]) - sum(parts) == Decimal(trade["net_pnl"])
        assert Decimal(trade["mae"]) <= Decimal(trade["gross_pnl"]) <= Decimal(trade["mfe"])


def test_the_assumptions_can_be_read_back() -> None:
    config = random_days.config(
        1, costs=indian_fno(), capital=Decimal("250000.5"), fills=FillPolicy(timing="next_tick", slippage_points=0.05)
    )

    document = result_document(CentralizedBacktestEngine(config).run_headless())

    assumptions = json.loads(json.dumps(document["assumptions"]))
    assert read_policy(assumptions["fills"]) == config.fills
    assert parse_cost_model(assumptions["costs"]) == config.costs
    assert assumptions["capital"] == "250000.50"


def test_the_document_names_what_ran() -> None:
    result = result_of(3)
    document = result_document(result)

    assert document["engine_version"] == ENGINE_VERSION
    assert (document["status"], document["total_ticks"]) == ("completed", result.total_ticks)
    assert document["strategy_fingerprint"] == result.strategy_fingerprint
    assert document["market_data_fingerprint"] == result.market_data_fingerprint


@FEW
@given(SEEDS)
def test_the_minutes_end_on_the_final_totals(seed: int) -> None:
    result = result_of(seed)
    columns = result_document(result)["equity_by_minute"]

    assert len(columns["time"]) == len(columns["total_pnl"]) == len(columns["total_pnl_before_costs"])
    assert all(time % 60 == 0 for time in columns["time"])
    paid = Decimal(columns["total_pnl_before_costs"][-1]) - Decimal(columns["total_pnl"][-1])
    assert abs(paid - result.results.costs.total) <= Decimal("0.01")


def test_every_figure_of_a_trade_is_in_the_document() -> None:
    """A field that a trade gains later is not forgotten."""
    result = next(result for seed in range(50) if (result := result_of(seed)).trades)
    trade = result_document(result)["trades"][0]

    fields = {field.name for field in dataclasses.fields(result.trades[0])}
    # All trades are closed, so their status says nothing.
    assert fields - {"pnl", "status"} | {"gross_pnl"} <= set(trade)


@pytest.mark.parametrize(
    ("amount", "text"),
    [("181.6", "181.60"), ("-0.00", "0.00"), ("1E+3", "1000.00"), ("0.000120", "0.00012"), ("-12630", "-12630.00")],
)
def test_amounts_are_written_exactly_with_two_places_at_least(amount: str, text: str) -> None:
    assert exact(Decimal(amount)) == text
