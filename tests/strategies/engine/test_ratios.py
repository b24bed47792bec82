"""Ratios: by hand on small series, undefined with a reason, laws on any series."""

import math
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from strategies.engine import ratios
from strategies.engine.equity import DayClose
from strategies.engine.metric import Metric, undefined

RETURNS = st.lists(st.floats(-0.5, 0.5).map(lambda value: round(value, 6)), min_size=2, max_size=40)


def closes(*totals: str | int) -> tuple[DayClose, ...]:
    """Return days from 2024-10-29 on that end with these totals."""
    return tuple(
        DayClose(date=date(2024, 10, 29) + timedelta(days=index), ticks=1, pnl=Decimal(0), total_pnl=Decimal(total))
        for index, total in enumerate(totals)
    )


def of(metric: Metric[float]) -> float:
    """Return a figure that must be defined."""
    assert metric.value is not None, metric.reason
    return metric.value


def test_day_returns_are_of_the_equity_before_the_day() -> None:
    assert ratios.day_returns(closes(100, 100, -10), Decimal(1_000)) == Metric((0.1, 0.0, -0.1))


def test_day_returns_need_a_capital() -> None:
    assert ratios.day_returns(closes(1, 2), None) == undefined("no capital was given")


@pytest.mark.parametrize("total", [-1_000, -1_500])
def test_a_day_that_leaves_no_equity_ends_the_returns(total: int) -> None:
    returned = ratios.day_returns(closes(1, total, 5), Decimal(1_000))

    assert returned == undefined("the equity was not above zero at the end of 2024-10-30")


def test_ratios_of_a_series_by_hand() -> None:
    """Returns 2 %, -1 %, 2 %: mean 1 %, deviation sqrt(3) %, downside deviation 1 / sqrt(3) %."""
    returns = (0.02, -0.01, 0.02)

    assert of(ratios.sharpe(returns)) == pytest.approx(1 / math.sqrt(3), rel=1e-12)
    assert of(ratios.sharpe(returns, 252)) == pytest.approx(math.sqrt(252 / 3), rel=1e-12)
    assert of(ratios.sortino(returns)) == pytest.approx(math.sqrt(3), rel=1e-12)
    assert of(ratios.sqn(returns)) == pytest.approx(1.0, rel=1e-12)
    assert of(ratios.annual_return(returns, 252)) == pytest.approx((1.02**2 * 0.99) ** 84 - 1, rel=1e-12)
    assert of(ratios.calmar(Metric(0.3), Metric(12.0))) == pytest.approx(2.5, rel=1e-12)


def test_one_day_has_no_ratio_and_says_so() -> None:
    day = ratios.of_days(Metric((0.01,)), Metric(5.0))

    assert {day.sharpe, day.sortino, day.calmar, day.annual_return_percent} == {undefined("fewer than two days")}


def test_the_reason_why_there_are_no_returns_is_handed_on() -> None:
    day = ratios.of_days(undefined("no capital was given"), undefined("no capital was given"))

    assert {day.sharpe, day.sortino, day.calmar} == {undefined("no capital was given")}


def test_equal_results_have_no_sharpe_ratio() -> None:
    assert ratios.sharpe((0.01, 0.01)) == undefined("all results are equal, so their deviation is zero")


def test_results_without_a_loss_have_no_sortino_ratio() -> None:
    assert ratios.sortino((0.01, 0.0)) == undefined("no result is below zero")


def test_a_run_without_drawdown_has_no_calmar_ratio() -> None:
    assert ratios.calmar(Metric(0.1), Metric(0.0)) == undefined("the equity was never below an earlier peak")


@pytest.mark.parametrize("ratio", [ratios.sharpe, ratios.deviation, ratios.sqn])
def test_a_single_result_has_no_deviation(ratio: object) -> None:
    assert callable(ratio)
    assert ratio((1.0,)) == undefined("fewer than two results")


def test_a_return_that_loses_all_is_not_compounded() -> None:
    assert ratios.annual_return((-1.0, 0.5), 252) == undefined("a return of -100 % or less cannot be compounded")


def test_an_annual_return_beyond_floats_is_undefined() -> None:
    assert ratios.annual_return((50.0, 50.0), 252) == undefined("the number is too large to be written")


@given(returns=RETURNS)
def test_turning_every_result_round_turns_the_sharpe_ratio_round(returns: list[float]) -> None:
    assume(ratios.deviation(returns).value)

    assert of(ratios.sharpe([-value for value in returns])) == pytest.approx(-of(ratios.sharpe(returns)), rel=1e-9)


@given(returns=RETURNS, factor=st.floats(0.001, 1_000))
def test_ratios_do_not_depend_on_the_unit(returns: list[float], factor: float) -> None:
    assume((ratios.deviation(returns).value or 0) > 1e-6)
    scaled = [value * factor for value in returns]

    assert of(ratios.sharpe(scaled)) == pytest.approx(of(ratios.sharpe(returns)), rel=1e-6, abs=1e-9)
    assert ratios.sortino(scaled).reason == ratios.sortino(returns).reason


@given(returns=RETURNS)
def test_downside_deviation_is_below_the_root_mean_square(returns: list[float]) -> None:
    square = math.sqrt(sum(value * value for value in returns) / len(returns))

    assert 0 <= of(ratios.downside_deviation(returns)) <= square * (1 + 1e-12)
