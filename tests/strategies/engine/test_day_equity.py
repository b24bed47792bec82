"""A day's profit, worked out when it is over, is the profit that each of its ticks had (S4)."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.costs import no_costs
from strategies.engine.day_equity import in_units
from strategies.engine.equity import EquityCurve
from strategies.engine.excursions import Excursion
from strategies.engine.graph import parse_strategy as parse
from strategies.engine.money import to_money
from strategies.engine.outcomes import BacktestResult, TickOutcome
from strategies.engine.ticks import EXCHANGE_ZONE, Tick, TickList, TickSecond
from tests.builders.runs import RecordingEngine
from tests.oracles import strategy_writer as write
from tests.strategies.engine.random_days import config

SEEDS = st.integers(0, 10**9)
FEW = settings(max_examples=50)


def values_by_tick(curve: EquityCurve) -> list[Decimal]:
    """Return the curve's total after every tick, from the ticks that it keeps."""
    values: list[Decimal] = []
    for sample in curve.samples():
        values += [values[-1]] * (sample.tick - len(values) - 1) if values else []
        values.append(curve.to_money(sample.units))
    return values


def excursions_by_marks(result: BacktestResult, outcomes: Sequence[TickOutcome]) -> list[Excursion]:
    """Return each trade's excursion from the marks that the ticks showed of its position."""
    prices: dict[tuple[str, datetime], list[Decimal]] = {}
    found: dict[str, Excursion] = {}
    for outcome in outcomes:
        for trade in outcome.trades:
            per_unit = [trade.exit_price - trade.entry_price, Decimal(0)]
            per_unit += [price - trade.entry_price for price in prices[trade.position_id, trade.entry_time]]
            profits = [profit * trade.quantity * (1 if trade.side == "buy" else -1) for profit in per_unit]
            found[trade.trade_id] = Excursion(mae=min(profits), mfe=max(profits))
        for mark in outcome.positions:
            prices.setdefault((mark.position_id, mark.entry_time), []).append(mark.current_price)
    return [found[trade.trade_id] for trade in result.trades]


@FEW
@given(SEEDS)
def test_the_curve_is_the_total_profit_of_every_tick_and_exposure_counts_the_ticks_with_a_position(seed: int) -> None:
    engine = RecordingEngine(config(seed))
    result = engine.run()

    curve = result.results.curve_before_costs

    assert values_by_tick(curve) == [outcome.pnl.total_pnl for outcome in engine.outcomes]
    assert curve.exposed_ticks == sum(outcome.pnl.open_trades > 0 for outcome in engine.outcomes)
    assert [day.total_pnl for day in curve.days()] == [
        [outcome.pnl.total_pnl for outcome in engine.outcomes if outcome.timestamp.date() == day.date][-1]
        for day in curve.days()
    ]


@FEW
@given(SEEDS)
def test_excursions_are_the_range_of_the_marks_and_of_the_fill(seed: int) -> None:
    engine = RecordingEngine(config(seed))
    result = engine.run()

    assert [costed.excursion for costed in result.results.trades] == excursions_by_marks(result, engine.outcomes)


@FEW
@given(SEEDS)
def test_a_headless_run_has_the_same_results_as_a_full_one(seed: int) -> None:
    full, headless = (
        CentralizedBacktestEngine(config(seed)).run(),
        CentralizedBacktestEngine(config(seed)).run_headless(),
    )

    assert values_by_tick(headless.results.curve) == values_by_tick(full.results.curve)
    assert headless.results.trades == full.results.trades
    assert headless.metrics() == full.metrics()


@FEW
@given(SEEDS, st.data())
def test_a_cancelled_run_has_the_curve_up_to_where_it_was_cancelled(seed: int, data: st.DataObject) -> None:
    case = config(seed)
    ticks = data.draw(st.integers(0, case.market_data.total_ticks))
    engine = RecordingEngine(case)

    result = engine.run(should_continue=lambda: len(engine.outcomes) < ticks)

    assert values_by_tick(result.results.curve_before_costs) == [outcome.pnl.total_pnl for outcome in engine.outcomes]
    assert len(result.results.trades) == len(result.trades)


def test_the_random_cases_do_what_they_are_meant_to() -> None:
    results = [CentralizedBacktestEngine(config(seed)).run_headless() for seed in range(60)]
    trades = [trade for result in results for trade in result.trades]

    assert any("-p" in trade.trade_id for trade in trades)
    assert any(trade.re_entry_num > 0 for trade in trades)
    assert {trade.exit_type for trade in trades} >= {"signal", "stop_loss", "take_profit", "square_off", "market_close"}
    assert any(result.open_positions for result in results)
    assert any(trade.pnl.as_tuple().exponent < -2 for trade in trades)  # type: ignore[operator]  # finite amounts


def bought_at_the_first_tick(quantity: int, *prices: float) -> BacktestResult:
    """Buy the underlying at the first price, and hold it to the end of the data."""
    ticks = [
        TickSecond(datetime(2024, 10, 29, 9, 15, second, tzinfo=EXCHANGE_ZONE), [Tick("NIFTY", price)])
        for second, price in enumerate(prices)
    ]
    document = write.document(
        [
            write.start([write.timeframe("seconds", 1)]),
            write.square_off(at="15:20"),
            write.entry_signal("in", write.always()),
            write.entry("entry", write.position("bought", "buy", quantity=quantity)),
        ],
        [("start", "square-off"), ("start", "in"), ("in", "entry")],
    )
    made = config(0, strategy=parse(document), market_data=TickList(ticks), costs=no_costs())
    return CentralizedBacktestEngine(
        BacktestConfig(strategy=made.strategy, market_data=made.market_data)
    ).run_headless()


@pytest.mark.parametrize(
    ("quantity", "prices", "totals"),
    [
        (2, (100.0, 100.05, 99.9), ("0.00", "0.10", "-0.20")),
        (1, (0.00001234, 0.00001235, 0.00001230), ("0.00", "0.00000001", "-0.00000004")),
        # Ten decimals: exact while it runs, rounded to eight in the curve.
        (1, (0.0000000011, 0.0000000311), ("0.00", "0.00000003")),
        # Beyond 64 bits.
        (10**6, (1.0, 123456789012.12), ("0.00", "123456789011120000.00")),
    ],
)
def test_prices_of_any_size_and_grid_are_counted_exactly(
    quantity: int, prices: tuple[float, ...], totals: tuple[str, ...]
) -> None:
    result = bought_at_the_first_tick(quantity, *prices)

    assert values_by_tick(result.results.curve)[-len(totals) :] == [Decimal(total) for total in totals]


@given(st.lists(st.floats(1e-9, 1e9) | st.integers(1, 10**9).map(lambda ticks: ticks / 20), max_size=5))
def test_prices_in_units_are_the_prices_as_money(prices: list[float]) -> None:
    units, places = in_units(np.array(prices, dtype=np.float64))

    assert [Decimal(int(unit)).scaleb(-places) for unit in units] == [to_money(price) for price in prices]
