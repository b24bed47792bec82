"""Drawdowns: amount, percentage of the peak equity, and every date."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import drawdown
from strategies.engine.drawdown import Drawdown
from strategies.engine.equity import EquityCurve
from strategies.engine.metric import Metric, undefined
from tests.strategies.engine.outcomes_made import START

OPEN = int(START.timestamp())
MONEY = st.decimals(-10_000, 10_000, places=2)


def curve_of(*totals: str | int | Decimal, seconds: int = 1) -> EquityCurve:
    """Feed totals, one tick apart."""
    curve = EquityCurve()
    for index, total in enumerate(totals):
        curve.add(OPEN + seconds * index, Decimal(total), 0)
    return curve


def test_a_drawdown_has_its_amount_percentage_dates_and_durations() -> None:
    curve = curve_of(0, 100, 100, 40, 70, 100, 130, seconds=10)

    found = list(drawdown.drawdowns(curve, Decimal(1_900)))

    assert found == [
        Drawdown(
            amount=Decimal(60),
            percent=Metric(3.0),
            started_at=START + timedelta(seconds=20),
            trough_at=START + timedelta(seconds=30),
            recovered_at=START + timedelta(seconds=50),
            duration_seconds=30,
            duration_ticks=3,
        )
    ]


def test_published_drawdown_series_of_backtesting_py() -> None:
    """backtesting.py, test_compute_drawdown: the depths 0, 1, 7, 0, 4, 0, 0 last 3 and 2, at most 7 and 4 deep."""
    found = list(drawdown.drawdowns(curve_of(0, -1, -7, 0, -4, 0, 0), None))

    assert [(fall.duration_ticks, fall.amount) for fall in found] == [(3, Decimal(7)), (2, Decimal(4))]


def test_a_drawdown_that_is_not_recovered_lasts_to_the_end_and_says_so() -> None:
    figures = drawdown.statistics_of(curve_of(5, 3, 4), None)

    assert figures.recovered_at == undefined("not recovered by the end of the data")
    assert (figures.max_amount, figures.duration_ticks, figures.trough_at) == (
        Decimal(2),
        Metric(2),
        Metric(START + timedelta(seconds=1)),
    )


def test_the_trough_is_the_first_tick_at_the_lowest_point() -> None:
    figures = drawdown.statistics_of(curve_of(0, -5, -5, -1, -5, 0), None)

    assert figures.trough_at == Metric(START + timedelta(seconds=1))


def test_a_loss_in_the_first_tick_is_a_drawdown_from_zero() -> None:
    figures = drawdown.statistics_of(curve_of(-50, 10), Decimal(1_000))

    assert (figures.max_amount, figures.max_percent, figures.started_at, figures.duration_ticks) == (
        Decimal(50),
        Metric(5.0),
        Metric(START),
        Metric(1),
    )


def test_the_largest_amount_and_the_largest_percentage_may_be_different_drawdowns() -> None:
    figures = drawdown.statistics_of(curve_of(0, -50, 0, 900, 840, 900), Decimal(100))

    assert (figures.count, figures.max_amount, figures.max_percent) == (2, Decimal(60), Metric(50.0))


def test_the_longest_drawdown_need_not_be_the_largest() -> None:
    figures = drawdown.statistics_of(curve_of(0, -9, 0, -1, -1, -1, 0, seconds=5), None)

    assert (figures.duration_ticks, figures.longest_ticks, figures.longest_seconds) == (Metric(2), 4, 20)


def test_a_curve_that_never_fell_has_no_drawdown_and_says_so() -> None:
    figures = drawdown.statistics_of(curve_of(0, 1, 1, 2), Decimal(100))

    assert (figures.count, figures.max_amount, figures.max_percent) == (0, Decimal(0), Metric(0.0))
    assert figures.started_at == undefined("the equity was never below an earlier peak")


def test_without_capital_there_is_an_amount_but_no_percentage() -> None:
    figures = drawdown.statistics_of(curve_of(0, -10), None)

    assert (figures.max_amount, figures.max_percent) == (Decimal(10), undefined("no capital was given"))


@given(totals=st.lists(MONEY, min_size=1, max_size=50))
def test_drawdowns_equal_the_distance_from_the_running_peak(totals: list[Decimal]) -> None:
    found = list(drawdown.drawdowns(curve_of(*totals), Decimal(20_000)))

    peak, depths = Decimal(0), []
    for total in totals:
        peak = max(peak, total)
        depths.append(peak - total)
    assert max((fall.amount for fall in found), default=Decimal(0)) == max(depths)
    assert all(fall.amount > 0 and fall.duration_ticks >= 0 for fall in found)
    assert sum(fall.recovered_at is None for fall in found) == (depths[-1] > 0)


@given(pnls=st.lists(MONEY, max_size=30))
def test_closed_drawdown_is_that_of_a_curve_with_one_tick_per_trade(pnls: list[Decimal]) -> None:
    totals = [sum(pnls[: index + 1], Decimal(0)) for index in range(len(pnls))]

    assert drawdown.closed(pnls) == drawdown.statistics_of(curve_of(*totals), None).max_amount


@given(paths=st.lists(st.lists(MONEY, min_size=1, max_size=8), max_size=8))
def test_the_drawdown_by_tick_is_between_the_closed_one_and_what_excursions_allow(paths: list[list[Decimal]]) -> None:
    """One trade at a time: each path is the profit of a trade by tick, its last value is realised."""
    totals, trades, before = [], [], Decimal(0)
    for path in paths:
        totals += [before + profit for profit in path]
        trades.append((path[-1], min(*path, Decimal(0)), max(*path, Decimal(0))))
        before += path[-1]

    by_tick = drawdown.statistics_of(curve_of(*totals), None).max_amount

    assert drawdown.closed(pnl for pnl, _, _ in trades) <= by_tick <= drawdown.bounded(trades)
