"""Conditions evaluated: every operator, every kind of operand, what is missing, and when a record is built anew."""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.condition_groups import CompiledGroup, first_true
from strategies.engine.operands import Value
from strategies.engine.ticks import TickSecond
from streaming.protocol import json_text
from tests.builders.condition_bench import Bench
from tests.builders.market_data import second, seconds
from tests.builders.strategy_documents import (
    Json,
    always,
    arithmetic,
    candle,
    current_time,
    group,
    indicator,
    ltp,
    never,
    pnl_data,
    position_data,
    time_of_day,
    variable,
    when,
)


def one(price: float, time_of_day: str = "09:15:00") -> TickSecond:
    return second(time_of_day, {"NIFTY": price})


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize("price", [99.95, 100.0, 100.05])
def test_every_operator_compares_numbers(sign: str, price: float) -> None:
    assert Bench(when(ltp(), sign, 100)).evaluate(one(price)) is OPERATORS[sign](price, 100)


@pytest.mark.parametrize("sign", OPERATORS)
@pytest.mark.parametrize(("left", "right"), [("a", "b"), ("b", "b"), (True, False), (False, False)])
def test_every_operator_compares_texts_and_truth_values(sign: str, left: str | bool, right: str | bool) -> None:
    assert Bench(when(left, sign, right)).evaluate(one(1)) is OPERATORS[sign](left, right)


def test_a_record_says_what_was_compared_with_what_came_of_it() -> None:
    bench = Bench(when(ltp(), ">", candle("High"), "breakout"), warmup=(100.0, 101.0))

    assert bench.record(one(103.456)) == {
        "id": "breakout",
        "raw": "TI.underlying_ltp > Previous[TI.1m.High]",
        "evaluated": "103.46 > 102.00",
        "lhs_value": 103.456,
        "rhs_value": 102.0,
        "operator": ">",
        "result": True,
    }


@pytest.mark.parametrize(
    ("now", "is_late"), [("09:16:59", False), ("09:17:00", True), ("09:17:01", True), ("15:30:00", True)]
)
def test_the_time_of_day_is_compared_by_the_second(now: str, is_late: bool) -> None:
    assert Bench(when(current_time(), ">=", time_of_day("09:17"))).evaluate(one(1, now)) is is_late


def test_times_are_shown_as_times() -> None:
    bench = Bench(when(current_time(), ">=", time_of_day("09:17:30"), "late"))

    assert bench.record(one(1, "15:05:09")) == {
        "id": "late",
        "raw": "Current Time >= 09:17:30",
        "evaluated": "15:05:09 >= 09:17:30",
        "lhs_value": 54_309,
        "rhs_value": 33_450,
        "operator": ">=",
        "result": True,
    }


@pytest.mark.parametrize(
    ("missing", "reason"),
    [
        (candle("High", -3), "fewer than 3 1m candles are finished"),
        (candle("High", -1, "5m"), "fewer than 1 5m candles are finished"),
        (indicator("rsi_2"), "Previous[TI.1m.rsi(2,close)] has seen too few candles"),
        (indicator("rsi_2", 0), "Current[TI.1m.rsi(2,close)] has seen too few candles"),
        (variable("signal", "Low"), "signal has not recorded Low yet"),
        (position_data("pos", "entry_price"), "pos is not open"),
        (ltp("ltp", "SI"), "BANKNIFTY has no tick yet"),
        (candle("Close", 0, "1m", "SI"), "no 1m candle is being built yet"),
        (arithmetic(variable("signal", "Low"), "+", 1), "signal has not recorded Low yet"),
        (arithmetic(1, "/", arithmetic(ltp("ltp", "SI"), "+", ltp("oi", "SI"))), "BANKNIFTY has no tick yet"),
        (arithmetic("text", "+", 1), "a part is not a number"),
        (arithmetic(True, "+", 1), "a part is not a number"),
    ],
)
@pytest.mark.parametrize("sign", OPERATORS)
def test_a_missing_value_makes_a_condition_false_and_the_record_says_why(missing: Json, reason: str, sign: str) -> None:
    on_the_left = Bench(when(missing, sign, 30, "c"), supporting="BANKNIFTY")
    on_the_right = Bench(when(30, sign, missing, "c"), supporting="BANKNIFTY")

    left, right = on_the_left.record(one(100)), on_the_right.record(one(100))

    expected = {"id": "c", "operator": sign, "result": False, "reason": reason}
    assert {key: left[key] for key in expected} == expected
    assert {key: right[key] for key in expected} == expected
    assert (left["lhs_value"], left["rhs_value"], left["evaluated"]) == (None, 30, f"no value {sign} 30.00")
    assert (right["lhs_value"], right["rhs_value"], right["evaluated"]) == (30, None, f"30.00 {sign} no value")


def test_two_missing_values_are_both_explained_and_not_equal() -> None:
    bench = Bench(when(position_data("pos", "quantity"), "==", variable("signal", "Low")))

    record = bench.record(one(100))

    assert (record["result"], record["reason"]) == (False, "pos is not open; signal has not recorded Low yet")


@pytest.mark.parametrize("sign", OPERATORS)
def test_a_text_and_a_number_are_not_compared(sign: str) -> None:
    record = Bench(when(ltp(), sign, "100", "c")).record(one(100))

    assert (record["result"], record["reason"], record["evaluated"]) == (
        False,
        "a text and a number cannot be compared",
        f"100.00 {sign} 100",
    )


def test_truth_values_are_shown_as_words() -> None:
    assert Bench(when(True, "!=", False)).record(one(1))["evaluated"] == "true != false"


@pytest.mark.parametrize(
    ("field", "offset", "value"),
    [
        ("Open", 0, 110.0),
        ("High", 0, 115.0),
        ("Low", 0, 109.0),
        ("Close", 0, 111.0),
        ("Volume", 0, 0),
        ("Open", -1, 101.0),
        ("High", -1, 103.0),
        ("Low", -1, 100.0),
        ("Close", -1, 102.0),
        ("Volume", -1, 10),
        ("Close", -2, 101.0),
        ("Close", -3, 100.0),
    ],
)
def test_a_candles_field_is_read_at_its_offset(field: str, offset: int, value: float) -> None:
    bench = Bench(when(candle(field, offset), "==", value), warmup=(100.0, 101.0, 102.0))

    record = bench.record(second("09:15:00", {"NIFTY": [110.0, 115.0, 109.0, 111.0]}))

    assert (record["lhs_value"], record["result"]) == (value, True)


def test_an_indicator_is_read_on_finished_candles_and_with_offset_zero_on_the_one_being_built_too() -> None:
    finished = Bench(when(indicator("rsi_2", -1), "==", 100), warmup=(100.0, 101.0, 102.0))
    before = Bench(when(indicator("rsi_2", -2), "==", 100), warmup=(100.0, 101.0, 102.0))
    building = Bench(when(indicator("rsi_2", 0), "==", 0), warmup=(102.0, 101.0))

    assert finished.record(one(50))["lhs_value"] == 100.0
    assert before.record(one(50))["lhs_value"] is None
    # The candle being built closes at 50 so far, so all that moved went down.
    assert building.record(one(50))["lhs_value"] == 0.0


def test_quotes_are_those_of_the_last_tick_of_the_second() -> None:
    bench = Bench(when(ltp("volume"), "==", 7), when(ltp("oi"), "==", 9), when(ltp("ltp"), "==", 102))

    assert bench.evaluate(second("09:15:00", {"NIFTY": [101, 102]}, volume=7, oi=9)) is True


def test_a_variable_is_what_its_node_recorded_last() -> None:
    bench = Bench(when(ltp(), "<", variable("signal", "Low")))
    bench.begin(*seconds({"NIFTY": 100}, {"NIFTY": 100}))

    bench.variables["signal", "Low"] = 99.0
    first = bench.next()
    bench.variables["signal", "Low"] = 101.0

    assert (first, bench.next()) == (False, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [("entry_price", 100.0), ("current_price", 104.0), ("quantity", 75.0), ("unrealized_pnl", 300.0)],
)
def test_an_open_positions_fields_are_read_as_of_this_tick(field: str, value: float) -> None:
    bench = Bench(when(position_data("pos", field), "==", value))
    bench.open()

    record = bench.record(*seconds({"NIFTY": 100}, {"NIFTY": 104}))

    assert (record["lhs_value"], record["result"]) == (value, True)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("realized_pnl", 225.0),
        ("unrealized_pnl", -300.0),
        ("total_pnl", -75.0),
        ("day_pnl", -150.0),
        ("closed_trades", 2.0),
        ("open_trades", 1.0),
    ],
)
def test_the_sessions_profit_and_loss_is_read_as_of_this_tick(field: str, value: float) -> None:
    bench = Bench(when(pnl_data(field), "==", value))
    bench.open()
    bench.close(101.0)
    bench.book.begin_day("@20241029")
    bench.open()
    bench.close(102.0)
    bench.open("sell", entry_price="100.00")

    record = bench.record(*seconds({"NIFTY": 100}, {"NIFTY": 104}))

    assert (record["lhs_value"], record["result"]) == (value, True)


@pytest.mark.parametrize(
    ("left", "sign", "right", "value"),
    [
        (10, "+", 4, 14.0),
        (10, "-", 4, 6.0),
        (10, "*", 4, 40.0),
        (10, "/", 4, 2.5),
        (10, "%", 4, 2.0),
        (-10, "%", 4, 2.0),
        (200, "+%", 5, 210.0),
        (200, "-%", 5, 190.0),
        (arithmetic(2, "+", 3), "*", arithmetic(10, "-", 4), 30.0),
    ],
)
def test_arithmetic_joins_two_expressions(left: Json | int, sign: str, right: Json | int, value: float) -> None:
    record = Bench(when(arithmetic(left, sign, right), "==", value)).record(one(1))

    assert (record["lhs_value"], record["result"]) == (value, True)


@pytest.mark.parametrize("sign", ["/", "%"])
def test_a_division_by_zero_is_a_missing_value(sign: str) -> None:
    record = Bench(when(arithmetic(ltp(), sign, 0), "!=", 1)).record(one(100))

    assert (record["lhs_value"], record["result"], record["reason"]) == (
        None,
        False,
        "it divides by zero",
    )


@pytest.mark.parametrize(
    "too_large",
    [
        arithmetic(1e308, "*", 1e308),
        arithmetic(1e308, "+", 1e308),
        arithmetic(1e308, "+%", 1e308),
        arithmetic(arithmetic(1e308, "*", 10), "-", arithmetic(1e308, "*", 10)),
        arithmetic(1e308, "/", 1e-308),
        arithmetic(10**300, "*", 10**300),
        arithmetic(10**300, "*", 1.5e300),
    ],
)
@pytest.mark.parametrize("sign", OPERATORS)
def test_a_result_too_large_for_a_number_is_a_missing_value(too_large: Json, sign: str) -> None:
    bench = Bench(when(too_large, sign, 1))

    record = bench.record(one(100))

    assert (record["lhs_value"], record["result"], record["reason"]) == (None, False, "it is too large for a number")


@given(
    left=st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=5)),
    right=st.one_of(
        st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(max_size=5)
    ),
    inner=st.sampled_from(["+", "-", "*", "/", "%", "+%", "-%"]),
    sign=st.sampled_from(sorted(OPERATORS)),
)
def test_whatever_the_constants_are_evaluation_never_raises_and_its_record_is_json(
    left: float | str, right: float | str, inner: str, sign: str
) -> None:
    bench = Bench(when(arithmetic(left, inner, right), sign, left), when(left, sign, right))

    bench.evaluate(one(100))

    record = bench.group.record()
    assert json_text.decode(json_text.encode(record)) == record


def test_a_record_is_the_same_object_while_nothing_changes_and_another_when_an_operand_does() -> None:
    bench = Bench(when(ltp(), ">", 100, "price"), when(1, "==", 1, "fixed"))

    records = bench.records(*seconds({"NIFTY": 101}, {"NIFTY": 101}, {"NIFTY": 102}, {"NIFTY": 99}))

    first, same, dearer, _ = records
    assert same is first
    assert dearer is not first
    # The part that did not change is shared.
    assert dearer["conditions"][1] is first["conditions"][1]
    assert [record["conditions"][0]["lhs_value"] for record in records] == [101, 101, 102, 99]
    assert [record["result"] for record in records] == [True, True, True, False]


def test_a_missing_values_record_is_the_same_object_until_the_reason_changes() -> None:
    bench = Bench(when(arithmetic(variable("signal", "Low"), "/", 0), "<", 1, "c"))
    bench.begin(*seconds(*[{"NIFTY": 100}] * 4))

    found = []
    for low in (None, None, 99.0, None):
        if low is not None:
            bench.variables["signal", "Low"] = low
        bench.next()
        found.append(bench.group.record())

    assert found[0] is found[1]
    assert found[2] is found[3]
    assert [record["conditions"][0]["reason"] for record in (found[0], found[2])] == [
        "signal has not recorded Low yet", "it divides by zero",
    ]  # fmt: skip


def test_a_record_that_was_handed_out_does_not_change_afterwards() -> None:
    bench = Bench(when(ltp(), ">", 100, "price"))
    bench.begin(*seconds({"NIFTY": 101}, {"NIFTY": 99}))
    bench.next()
    handed_out = bench.group.record()
    text = json_text.encode(handed_out)

    bench.next()
    bench.group.record()

    assert json_text.encode(handed_out) == text


@pytest.mark.parametrize(
    ("root", "result"),
    [
        (group("AND", always(), always()), True),
        (group("AND", always(), never()), False),
        (group("OR", never(), always()), True),
        (group("OR", never(), never()), False),
        (group("AND", always(), group("OR", never(), always())), True),
        (group("AND", always(), group("OR", never(), never())), False),
        (group("OR", never(), group("AND", always(), group("OR", never(), always()))), True),
    ],
)
def test_groups_join_by_and_and_or_however_deep(root: Json, result: bool) -> None:
    assert Bench(root).evaluate(one(1)) is result


def test_every_member_of_a_group_is_evaluated_even_where_the_first_decides() -> None:
    bench = Bench(group("OR", always(), when(ltp(), ">", 100, "price")), never())

    bench.evaluate(one(101))

    assert bench.group.record() == {
        "logic": "AND",
        "result": False,
        "conditions": [
            {
                "logic": "OR",
                "result": True,
                "conditions": [
                    _record("always", "1 == 1", "1.00 == 1.00", 1, 1, "==", True),
                    _record("price", "TI.underlying_ltp > 100", "101.00 > 100.00", 101, 100, ">", True),
                ],
            },
            _record("never", "1 == 2", "1.00 == 2.00", 1, 2, "==", False),
        ],
    }


@pytest.mark.parametrize("logic", ["AND", "OR"])
def test_a_group_without_members_is_never_true(logic: str) -> None:
    empty = CompiledGroup(logic, "", ())

    assert (empty.evaluate(0), empty.mask(), empty.next_true(0)) == (False, False, None)
    assert empty.record() == {"logic": logic, "result": False, "conditions": []}
    assert (empty.evaluate(0), empty.record()) == (False, {"logic": logic, "result": False, "conditions": []})
    assert empty.record() is empty.record()


def _record(name: str, raw: str, evaluated: str, left: Value, right: Value, sign: str, result: bool) -> dict[str, Any]:
    return {
        "id": name, "raw": raw, "evaluated": evaluated, "lhs_value": left, "rhs_value": right, "operator": sign,
        "result": result,
    }  # fmt: skip


def held(bench: Bench, *prices: float) -> list[bool]:
    """Return where the conditions hold on a day of the index."""
    bench.begin(*seconds(*({"NIFTY": price} for price in prices)))
    return [bench.next() for _ in prices]


def test_a_crossing_needs_one_side_before_and_the_other_now_and_a_touch_before_counts() -> None:
    above, below = Bench(when(ltp(), "crosses_above", 100)), Bench(when(ltp(), "crosses_below", 100))
    prices = (99, 100, 101, 102, 100, 101, 99, 99, 100, 98)

    assert [place for place, result in enumerate(held(above, *prices)) if result] == [2, 5]
    assert [place for place, result in enumerate(held(below, *prices)) if result] == [6, 9]


def test_nothing_crosses_in_the_first_tick_of_a_run_and_in_that_of_a_day_the_day_before_counts() -> None:
    bench = Bench(when(ltp(), "crosses_above", 100))

    first_day, second_day, third_day = held(bench, 101, 99), held(bench, 101, 102), held(bench, 103, 104)

    assert (first_day, second_day, third_day) == ([False, False], [True, False], [False, False])


def test_a_value_that_has_just_come_has_crossed_nothing() -> None:
    bench = Bench(when(candle("Close", -1, "1s"), "crosses_above", 100))

    # The first finished candle closes at 90, after a second without any.
    assert held(bench, 90, 105, 106, 90, 90, 120, 120) == [False, False, True, False, False, False, True]


def test_two_indicators_may_cross_each_other() -> None:
    bench = Bench(when(ltp(), "crosses_below", indicator("sma", 0, "1s")))

    #                  means: -, -, 101, 102, 102.33, 102.67, 101.67
    assert held(bench, 100, 101, 102, 103, 102, 103, 100) == [False, False, False, False, True, False, True]


@pytest.mark.parametrize("sign", ["crosses_above", "crosses_below"])
@pytest.mark.parametrize("right", ["100", 1000, variable("signal", "Low"), position_data("pos", "quantity")])
def test_texts_and_missing_values_are_never_crossed(sign: str, right: str | int | Json) -> None:
    assert held(Bench(when(ltp(), sign, right)), 99, 101, 99) == [False] * 3


def test_the_record_of_a_crossing_shows_both_sides_and_why_there_is_none() -> None:
    records = Bench(when(ltp(), "crosses_above", candle("Close", -1, "1s"), "c")).records(
        *seconds({"NIFTY": 99}, {"NIFTY": 99}, {"NIFTY": 101})
    )

    assert [record["conditions"][0] for record in (records[0], records[2])] == [
        {
            **_record("c", RAW, "99.00 crosses_above no value", 99, None, "crosses_above", False),
            "reason": "fewer than 1 1s candles are finished",
        },
        _record("c", RAW, "101.00 crosses_above 99.00", 101, 99, "crosses_above", True),
    ]


RAW = "TI.underlying_ltp crosses_above Previous[TI.1s.Close]"


def test_the_record_of_a_crossing_is_another_when_the_result_is_though_the_values_are_not() -> None:
    records = Bench(when(ltp(), "crosses_above", 100, "c")).records(
        *seconds({"NIFTY": 99}, {"NIFTY": 101}, {"NIFTY": 101}, {"NIFTY": 101})
    )

    assert [record["conditions"][0]["result"] for record in records] == [False, True, False, False]
    assert records[2] is records[3]


@pytest.mark.parametrize(("price", "result"), [(98.95, False), (99, True), (100, True), (101, True), (101.05, False)])
def test_between_includes_both_bounds(price: float, result: bool) -> None:
    assert Bench(when(ltp(), "between", 99, upper=101)).evaluate(one(price)) is result


def test_between_bounds_that_are_turned_round_lies_nothing() -> None:
    assert held(Bench(when(ltp(), "between", 101, upper=99)), 98, 100, 102) == [False] * 3


def test_the_record_of_between_shows_all_three_values() -> None:
    bench = Bench(when(current_time(), "between", time_of_day("09:15"), "c", upper=time_of_day("09:15:01")))

    records = bench.records(*seconds(*[{"NIFTY": 1}] * 3))

    assert records[2]["conditions"][0] == {
        **_record(
            "c", "Current Time between 09:15 and 09:15:01", "09:15:02 between 09:15:00 and 09:15:01", 33_302, 33_300,
            "between", False,
        ),
        "rhs_upper_value": 33_301,
    }  # fmt: skip
    assert [record["result"] for record in records] == [True, True, False]


@pytest.mark.parametrize(
    ("lower", "upper", "reason"),
    [
        (variable("signal", "Low"), 5, "signal has not recorded Low yet"),
        (1, position_data("pos", "quantity"), "pos is not open"),
        (
            variable("signal", "Low"),
            position_data("pos", "quantity"),
            "signal has not recorded Low yet; pos is not open",
        ),
        (1, "5", "a text and a number cannot be compared"),
    ],
)
def test_between_with_a_bound_that_is_missing_or_a_text_is_false_and_says_why(
    lower: Json | int, upper: Json | int | str, reason: str
) -> None:
    record = Bench(when(ltp(), "between", lower, upper=upper)).record(one(3))

    assert (record["result"], record["reason"]) == (False, reason)


def test_the_output_of_an_indicator_is_the_one_that_is_named() -> None:
    bench = Bench(when(indicator("bb", 0, "1s", parameter="upper"), ">", indicator("bb", 0, "1s")))

    [record] = bench.records(*seconds({"NIFTY": 100}, {"NIFTY": 102}))[-1]["conditions"]

    # The mean is 101, one population deviation is 1, the band two of them away.
    assert (record["lhs_value"], record["rhs_value"]) == (103.0, 101.0)


def test_a_supporting_instrument_is_read_beside_the_trading_one() -> None:
    bench = Bench(
        when(candle("Close", -1, "1m", "SI"), ">", arithmetic(ltp("ltp", "SI"), "-", ltp("ltp"))),
        supporting="BANKNIFTY",
    )

    records = bench.records(
        second("09:15:59", {"NIFTY": 24_000, "BANKNIFTY": 51_000}),
        second("09:16:00", {"NIFTY": 24_010, "BANKNIFTY": 51_020}),
    )

    [record] = records[-1]["conditions"]
    assert (record["raw"], record["lhs_value"], record["rhs_value"], record["result"]) == (
        "Previous[SI.1m.Close] > (SI.ltp - TI.ltp)", 51_000, 27_010, True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mask", "second_of_day", "place"),
    [
        (True, 3, 3),
        (False, 3, None),
        (np.array([True, False, True, False]), 0, 0),
        (np.array([True, False, True, False]), 1, 2),
        (np.array([True, False, True, False]), 3, None),
        (np.array([True, False, True, False]), 4, None),
        (np.array([], dtype=np.bool_), 0, None),
    ],
)
def test_the_first_second_of_a_mask_is_found_from_a_place_on(mask: Any, second_of_day: int, place: int | None) -> None:  # noqa: ANN401
    assert first_true(mask, second_of_day) == place
