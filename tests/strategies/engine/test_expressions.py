"""Conditions as records: taking them apart."""

from strategies.engine.expressions import (
    Arithmetic,
    CandleData,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    LiveData,
    TimeOfDay,
    expressions_of,
    leaves,
)

LTP = LiveData("ltp", "TI")
HIGH = CandleData("High", -1, "1m", "TI")
NINE = TimeOfDay(9 * 3600, "09:00")


def test_arithmetic_is_taken_apart_from_left_to_right() -> None:
    sum_of_three = Arithmetic(Arithmetic(LTP, "+", HIGH), "*", Constant(2))

    assert leaves(sum_of_three) == (LTP, HIGH, Constant(2))


def test_another_expression_is_its_own_only_leaf() -> None:
    assert leaves(LTP) == (LTP,)


def test_the_expressions_of_a_group_come_in_reading_order_nested_groups_included() -> None:
    inner = ConditionGroup("OR", (Condition("b", Arithmetic(HIGH, "-", Constant(1)), "<", LTP),))
    outer = ConditionGroup("AND", (Condition("a", CurrentTime(), ">=", NINE), inner))

    assert expressions_of(outer) == (CurrentTime(), NINE, HIGH, Constant(1), LTP)


def test_an_empty_group_has_no_expressions() -> None:
    assert expressions_of(ConditionGroup("AND", ())) == ()
