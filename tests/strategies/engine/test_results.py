"""Gross less costs is net, for trades, days, the curve and the run, to the paisa."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.cost_rates import CostDateUnknown
from strategies.engine.costs import COMPONENTS, Costs, indian_fno, percent_and_fixed, total_costs
from strategies.engine.graph import parse_strategy
from strategies.engine.money import ZERO
from strategies.engine.outcomes import BacktestResult
from strategies.engine.results import LARGEST_CAPITAL, CapitalInvalid
from strategies.engine.ticks import EXCHANGE_ZONE, Tick, TickList, TickSecond
from tests.oracles import strategy_writer as write
from tests.oracles.strategy_writer import Json
from tests.strategies.engine import random_days

OPTION = "NIFTY:2024-11-07:OPT:24350:PE"
SEEDS = st.integers(0, 10**9)
FEW = settings(max_examples=50)


def second(at: int, price: float, *, day: int = 29) -> TickSecond:
    """Make one second of the index at 24,350 and of the option, ``at`` seconds after 09:15."""
    minutes, seconds = divmod(at, 60)
    time = datetime(2024, 10, day, 9, 15 + minutes, seconds, tzinfo=EXCHANGE_ZONE)
    return TickSecond(time, [Tick("NIFTY", 24_350.0), Tick(OPTION, price)])


def from_second(at: int) -> Json:
    """Write: it is so many seconds after 09:15, or later."""
    return write.group(write.condition(write.time_now(), ">=", write.time_of_day(f"09:15:{at:02d}")))


def run_of(*seconds: TickSecond, part: Json | None = None, guards: Json | None = None, **config: Any) -> BacktestResult:  # noqa: ANN401 - any field of the record
    """Sell 75 units of the option at the first tick; close a part from 09:15:10 on and the rest from 09:15:20 on."""
    document = write.document(
        [
            write.start([write.timeframe("seconds", 1)], traded="options"),
            write.square_off(at="15:20"),
            write.entry_signal("in", write.always()),
            write.entry("entry", write.position("put", "sell", quantity=75, max_entries=1, option=write.option("PE"))),
            write.exit_signal("some", from_second(10)),
            write.exit_node("part", "put", guards=guards, **(part or {})),
            write.exit_signal("others", from_second(20)),
            write.exit_node("rest", "put"),
        ],
        [
            ("start", "square-off"),
            ("start", "in"),
            ("in", "entry"),
            ("entry", "some"),
            ("some", "part"),
            ("entry", "others"),
            ("others", "rest"),
        ],
    )
    made = BacktestConfig(strategy=parse_strategy(document), market_data=TickList(list(seconds)), **config)
    return CentralizedBacktestEngine(made).run_headless()


DAY = (second(0, 181.60), second(5, 190.00), second(10, 168.55), second(15, 185.00), second(20, 170.00))
A_THIRD: Json = {"quantity": "specific", "specificQuantity": 25}


def test_two_exits_of_one_entry_share_the_brokerage_of_its_order() -> None:
    result = run_of(*DAY, part=A_THIRD, costs=percent_and_fixed(Decimal(0), Decimal(20)))

    assert [(trade.trade.trade_id, trade.costs.brokerage) for trade in result.results.trades] == [
        ("put-r0-p1", Decimal("26.67")),
        ("put-r0", Decimal("33.33")),
    ]


def test_the_day_pays_one_contract_note() -> None:
    """One lot sold at 181.60 and bought at 168.55, the example of the costs' reference page."""
    result = run_of(*DAY[:3], part={"quantity": "percentage", "quantityPercentage": 100}, costs=indian_fno())
    (costed,) = result.results.trades

    per_lot = Costs(
        brokerage=Decimal("40.00"), stt=Decimal("14.00"), exchange=Decimal("9.20"), ipft=Decimal("0.13"),
        sebi=Decimal("0.03"), stamp_duty=Decimal("0.38"), gst=Decimal("8.88"),
    )  # fmt: skip
    assert costed.costs == result.results.notes[0].rounded == result.results.costs == per_lot
    assert (costed.gross_pnl, costed.net_pnl) == (Decimal("978.75"), Decimal("978.75") - per_lot.total)


def test_the_curve_pays_each_fill_at_its_second() -> None:
    result = run_of(*DAY, part=A_THIRD, costs=percent_and_fixed(Decimal(0), Decimal(20)))

    assert [(point.epoch % 3600 - 2700, point.total_pnl) for point in result.results.curve.points()] == [
        (0, Decimal("-20.00")),
        (5, Decimal("-650.00")),
        (10, Decimal("978.75") - 40),
        (15, Decimal("326.25") - 170 - 40),
        (20, Decimal("326.25") + 580 - 60),
    ]
    assert [point.total_pnl for point in result.results.curve_before_costs.points()][-1] == Decimal("906.25")


def test_what_the_data_end_on_has_paid_for_its_entry_alone() -> None:
    result = run_of(*DAY[:2], costs=percent_and_fixed(Decimal(0), Decimal(20)), capital=Decimal(10_000))
    found = result.metrics()

    assert (result.results.trades, len(result.open_positions)) == ((), 1)
    assert result.results.open_costs == Costs(brokerage=Decimal("20.00"))
    assert (found.gross_pnl, found.costs, found.net_pnl) == (ZERO, Decimal("20.00"), Decimal("-20.00"))
    assert (found.final_pnl, found.return_percent.value) == (Decimal("-650.00"), -6.5)


def test_a_position_left_over_pays_its_exit_on_its_own_day() -> None:
    """The data of the first day end early; the position is closed at its last price there."""
    result = run_of(*DAY[:2], second(0, 10.00, day=30), costs=percent_and_fixed(Decimal(0), Decimal(20)))
    notes = result.results.notes

    assert [(note.trade_date.day, len(note.fills)) for note in notes] == [(29, 2), (30, 1)]
    assert [(day.date.day, day.pnl) for day in result.metrics().days] == [
        (29, Decimal("-670.00")),
        (30, Decimal("-20.00")),
    ]


@pytest.mark.parametrize(
    ("guards", "risk"),
    [
        (None, None),
        (write.take_profit(50), None),
        (write.stop_loss(50), Decimal(2270)),
        (write.stop_loss(90, "points"), Decimal(2250)),
        (write.stop_loss(6000, "pnl"), Decimal(2000)),
    ],
)
def test_a_trades_risk_is_what_its_stop_loss_puts_at_stake_for_its_own_units(
    guards: Json | None, risk: Decimal | None
) -> None:
    """The part that is closed first is 25 of 75 units, sold at 181.60."""
    result = run_of(*DAY, part=A_THIRD, guards=guards)

    assert result.results.trades[0].risk == risk


@FEW
@given(SEEDS)
def test_costs_and_nets_add_up_in_every_way_of_adding(seed: int) -> None:
    """S4: gross less costs is net by trade, by day, by component and on the curve."""
    result = CentralizedBacktestEngine(random_days.config(seed)).run_headless()
    results, found = result.results, result.metrics()

    assert total_costs([*(trade.costs for trade in results.trades), results.open_costs]) == results.costs
    assert found.costs == sum((getattr(results.costs, name) for name in COMPONENTS), ZERO)
    assert found.gross_pnl == result.summary.total_pnl
    assert found.net_pnl == sum((trade.net_pnl for trade in results.trades), ZERO) - results.open_costs.total
    unrealized = sum((mark.unrealized_pnl for mark in result.open_positions), ZERO)
    assert results.curve.final_pnl == found.net_pnl + unrealized
    assert sum((day.pnl for day in found.days), ZERO) == found.final_pnl
    assert found.totals.trades == len(result.trades)


@FEW
@given(SEEDS)
def test_each_day_costs_its_own_note(seed: int) -> None:
    results = CentralizedBacktestEngine(random_days.config(seed)).run_headless().results

    before = {day.date: day.total_pnl for day in results.curve_before_costs.days()}
    after = {day.date: day.total_pnl for day in results.curve.days()}
    paid = {note.trade_date: note.rounded.total for note in results.notes}

    assert [before[day] - after[day] for day in before] == [
        sum((amount for paid_on, amount in paid.items() if paid_on <= day), ZERO) for day in before
    ]


@pytest.mark.parametrize("capital", [Decimal(0), Decimal(-1), Decimal("NaN"), Decimal("Infinity"), LARGEST_CAPITAL + 1])
def test_a_capital_that_is_no_amount_above_zero_is_refused(capital: Decimal) -> None:
    with pytest.raises(CapitalInvalid, match="expected an amount above zero"):
        random_days.config(1, capital=capital)


def test_a_run_from_before_the_rates_is_refused_before_its_first_tick() -> None:
    early = TickList([TickSecond(datetime(2020, 12, 1, 9, 15, tzinfo=EXCHANGE_ZONE), [Tick("NIFTY", 100.0)])])
    document = write.document(
        [
            write.start([write.timeframe("seconds", 1)]),
            write.entry_signal("in", write.always()),
            write.entry("entry", write.position("bought", "buy")),
        ],
        [("start", "in"), ("in", "entry")],
    )
    config = BacktestConfig(strategy=parse_strategy(document), market_data=early, costs=indian_fno())

    with pytest.raises(CostDateUnknown, match="2020-12-01"):
        CentralizedBacktestEngine(config)
