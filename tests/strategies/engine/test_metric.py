"""A figure is a value or a reason, never both, never NaN."""

import math
from decimal import Decimal

import pytest

from strategies.engine.metric import Metric, number, quotient, undefined


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_no_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite number"):
        Metric(value)


def test_a_figure_without_value_and_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="a value or a reason"):
        Metric(None)


def test_a_figure_with_value_and_reason_is_refused() -> None:
    with pytest.raises(ValueError, match="a value or a reason"):
        Metric(1.0, "no trade")


def test_zero_is_a_value() -> None:
    assert Metric(0.0).value == 0.0


def test_a_number_beyond_floats_is_undefined() -> None:
    assert number(math.inf) == undefined("the number is too large to be written")


def test_division_by_zero_gives_the_reason() -> None:
    assert quotient(Decimal(1), 0, if_zero="no losing trade") == undefined("no losing trade")


def test_a_quotient_of_money_is_divided_before_it_is_rounded() -> None:
    assert quotient(Decimal("0.3"), Decimal("0.1"), if_zero="-").value == 3.0
