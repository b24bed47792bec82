"""Reading conditions: each expression becomes its record, each fault is told with its place in the condition."""

from dataclasses import replace
from typing import Any

import pytest

from strategies.engine.document import Faults, Reader
from strategies.engine.expression_reader import MAX_DEPTH, Declarations, ExpressionReader, seconds_of_day
from strategies.engine.expressions import (
    Arithmetic,
    CandleData,
    Comparison,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
    Variable,
)
from tests.builders.strategy_documents import (
    Json,
    always,
    arithmetic,
    candle,
    constant,
    current_time,
    group,
    indicator,
    ltp,
    pnl_data,
    position_data,
    time_of_day,
    variable,
    when,
)

DECLARED = Declarations(
    roles=frozenset({"TI"}),
    timeframes=frozenset({("TI", "1m"), ("TI", "5m")}),
    indicators=frozenset({("TI", "1m", "rsi_14")}),
    variables=frozenset({("signal", "Low")}),
    positions=frozenset({"pos"}),
)
WITH_SUPPORT = Declarations(
    roles=frozenset({"TI", "SI"}),
    timeframes=frozenset({("SI", "1d")}),
    indicators=frozenset(),
    variables=frozenset(),
    positions=frozenset(),
)
ALWAYS = Condition("always", Constant(1), "==", Constant(1))


def read(expression: Any, declared: Declarations = DECLARED) -> tuple[Expression, list[tuple[str, str]]]:  # noqa: ANN401
    faults = Faults()
    found = ExpressionReader(declared).expression(Reader(expression, faults, node_id="n", path="lhs"))
    return found, [(fault.field, fault.message) for fault in faults.found]


def read_groups(conditions: Any) -> tuple[ConditionGroup, list[tuple[str, str]]]:  # noqa: ANN401 - any JSON
    faults = Faults()
    found = ExpressionReader(DECLARED).groups(
        Reader({"conditions": conditions}, faults, node_id="n", path="data"), "conditions"
    )
    return found, [(fault.field, fault.message) for fault in faults.found]


@pytest.mark.parametrize(
    ("json", "expression"),
    [
        (constant(30), Constant(30)),
        (constant(-0.5), Constant(-0.5)),
        (constant(True), Constant(True)),
        (constant(""), Constant("")),
        (constant("NSE"), Constant("NSE")),
        (constant("30"), Constant("30")),
        ({**constant("30"), "valueType": "string"}, Constant("30")),
        ({**constant("30"), "valueType": "number"}, Constant(30)),
        ({**constant(" -0.5 "), "valueType": "number"}, Constant(-0.5)),
        ({**constant(True), "valueType": "number"}, Constant(True)),
        (current_time(), CurrentTime()),
        (time_of_day("09:17"), TimeOfDay(33_420, "09:17")),
        (time_of_day(" 9:17:05 "), TimeOfDay(33_425, "9:17:05")),
        (ltp(), LiveData("underlying_ltp", "TI")),
        ({"type": "live_data", "field": "oi"}, LiveData("oi", "TI")),
        (candle("High", -2, "5m"), CandleData("High", -2, "5m", "TI")),
        (candle("Close", 0), CandleData("Close", 0, "1m", "TI")),
        (indicator("rsi_14"), IndicatorData("rsi_14", None, -1, "1m", "TI")),
        (variable("signal", "Low"), NodeVariable("signal", "Low")),
        (position_data("pos", "entry_price"), PositionData("pos", "entry_price")),
        (pnl_data("total_pnl"), PnlData("total_pnl")),
        (arithmetic(ltp(), "+%", 5), Arithmetic(LiveData("underlying_ltp", "TI"), "+%", Constant(5))),
    ],
)
def test_each_type_of_expression_is_read_into_its_record(json: Json, expression: Expression) -> None:
    assert read(json) == (expression, [])


def test_an_output_of_an_indicator_may_be_named_if_it_has_it() -> None:
    bands = ("TI", "1m", "bb")
    declared = replace(DECLARED, indicators=frozenset({bands}), outputs={bands: ("middle", "upper", "lower")})

    assert read(indicator("bb", parameter="upper"), declared) == (IndicatorData("bb", "upper", -1, "1m", "TI"), [])
    assert read(indicator("bb", parameter="top"), declared)[1] == [
        ("lhs.parameter", "'top' is no output of 'bb'; it has: middle, upper, lower")
    ]


def test_a_supporting_instrument_may_be_named_where_there_is_one() -> None:
    assert read(ltp("ltp", "SI"), WITH_SUPPORT) == (LiveData("ltp", "SI"), [])
    assert read(candle("Low", -1, "1d", "SI"), WITH_SUPPORT) == (CandleData("Low", -1, "1d", "SI"), [])


@pytest.mark.parametrize("json", [ltp("ltp", "SI"), candle("Low", -1, "1m", "SI")])
def test_a_supporting_instrument_that_is_not_switched_on_is_a_fault(json: Json) -> None:
    assert read(json)[1] == [
        ("lhs.instrumentType", "the start node has no instrument 'SI'; enable the supporting instrument")
    ]


def test_a_whole_number_too_large_for_a_viewers_json_becomes_a_float() -> None:
    found, faults = read(constant(10**300))

    assert (found, faults) == (Constant(1e300), [])
    assert isinstance(found, Constant)
    assert isinstance(found.value, float)


TYPES = (
    "constant, current_time, time_function, live_data, candle_data, indicator, node_variable, position_data, "
    "pnl_data, expression"
)


@pytest.mark.parametrize(
    ("json", "field", "message"),
    [
        (None, "", "expected an object, found null"),
        ("TI.ltp", "", "expected an object, found a text"),
        ({}, ".type", f"is missing; allowed: {TYPES}"),
        ({"type": "moon_phase"}, ".type", f"'moon_phase' is unknown; allowed: {TYPES}"),
        ({"type": ["constant"]}, ".type", f"['constant'] is unknown; allowed: {TYPES}"),
        ({"type": "constant"}, ".value", "is missing; expected a finite number, a text or a truth value"),
        (
            {"type": "constant", "value": [1]},
            ".value",
            "[1] does not fit; expected a finite number, a text or a truth value",
        ),
        (
            constant(float("nan")),
            ".value",
            "nan does not fit; expected a finite number, a text or a truth value",
        ),
        (
            constant(float("-inf")),
            ".value",
            "-inf does not fit; expected a finite number, a text or a truth value",
        ),
        *(
            ({**constant(text), "valueType": "number"}, ".value", f"{text!r} is no number, though valueType says that")
            for text in ("", "NSE", "nan", "inf", "1e999", "12:30")
        ),
        (time_of_day(""), ".timeValue", "is missing; expected a text"),
        (time_of_day("24:00"), ".timeValue", "'24:00' is not a time of day; expected HH:MM or HH:MM:SS"),
        (time_of_day("noon"), ".timeValue", "'noon' is not a time of day; expected HH:MM or HH:MM:SS"),
        (ltp("bid"), ".field", "'bid' is unknown; allowed: underlying_ltp, ltp, volume, oi"),
        (ltp("ltp", "XX"), ".instrumentType", "'XX' is unknown; allowed: TI, SI"),
        (candle("Middle"), ".field", "'Middle' is unknown; allowed: Open, High, Low, Close, Volume"),
        (candle("Low", 1), ".offset", "1 does not fit; expected a whole number from -5000 to 0"),
        (candle("Low", -5001), ".offset", "-5001 does not fit; expected a whole number from -5000 to 0"),
        (candle("Low", -1, "3m"), ".timeframeId", "'3m' is not declared by the start node; declared: ['1m', '5m']"),
        (indicator("ema"), ".name", "indicator 'ema' is not declared for timeframe '1m'"),
        (indicator("rsi_14", -1, "5m"), ".name", "indicator 'rsi_14' is not declared for timeframe '5m'"),
        (
            indicator("rsi_14", -1, "3m"),
            ".timeframeId",
            "'3m' is not declared by the start node; declared: ['1m', '5m']",
        ),
        ({**indicator("rsi_14"), "parameter": 5}, ".parameter", "expected a text or null"),
        (variable("signal", "High"), ".variableName", "no node 'signal' records a variable 'High'"),
        (variable("entry", "Low"), ".variableName", "no node 'entry' records a variable 'Low'"),
        (position_data("other", "quantity"), ".positionId", "no entry node opens a position 'other'"),
        (
            position_data("pos", "age"),
            ".field",
            "'age' is unknown; allowed: entry_price, current_price, quantity, unrealized_pnl",
        ),
        (
            pnl_data("tax"),
            ".field",
            "'tax' is unknown; allowed: realized_pnl, unrealized_pnl, total_pnl, day_pnl, closed_trades, open_trades",
        ),
        (arithmetic(1, "^", 2), ".operation", "'^' is unknown; allowed: +, -, *, /, %, +%, -%"),
        ({"type": "expression", "operation": "+", "left": constant(1)}, ".right", "is missing; expected an object"),
        (arithmetic(arithmetic(1, "+", ltp("bid")), "+", 1), ".left.right.field", "'bid' is unknown; allowed: "),
    ],
)
def test_a_fault_in_an_expression_is_told_with_its_place(json: Any, field: str, message: str) -> None:  # noqa: ANN401
    first_field, first_message = read(json)[1][0]

    assert first_field == f"lhs{field}"
    assert first_message.startswith(message)


def deep_arithmetic(levels: int) -> Json:
    found = constant(1)
    for _ in range(levels):
        found = arithmetic(found, "+", 1)
    return found


def deep_group(levels: int) -> Json:
    found = always()
    for _ in range(levels):
        found = group("AND", found)
    return found


def test_arithmetic_may_be_nested_to_a_limit() -> None:
    as_deep_as_allowed, too_deep = read(deep_arithmetic(MAX_DEPTH - 1))[1], read(deep_arithmetic(MAX_DEPTH))[1]

    assert as_deep_as_allowed == []
    assert [message for _, message in too_deep] == [f"arithmetic is nested more than {MAX_DEPTH} deep"] * 2


def test_groups_may_be_nested_to_a_limit() -> None:
    as_deep_as_allowed, too_deep = read_groups([deep_group(MAX_DEPTH)])[1], read_groups([deep_group(MAX_DEPTH + 1)])[1]

    assert as_deep_as_allowed == []
    assert [message for _, message in too_deep] == [f"groups are nested more than {MAX_DEPTH} deep"]


def test_one_root_group_is_the_condition_and_several_are_joined_by_and() -> None:
    one, several = [group("OR", always())], [group("OR", always()), group("AND", always())]

    assert read_groups(one) == (ConditionGroup("OR", (ALWAYS,)), [])
    assert read_groups(several) == (
        ConditionGroup("AND", (ConditionGroup("OR", (ALWAYS,)), ConditionGroup("AND", (ALWAYS,)))),
        [],
    )


def test_a_group_without_logic_is_joined_by_and_and_a_condition_without_id_is_named_by_its_place() -> None:
    nested = {"conditions": [when(1, "==", 1), {"conditions": [when(2, "<", 3)]}]}

    assert read_groups([nested]) == (
        ConditionGroup(
            "AND",
            (
                Condition("data.conditions[0].conditions[0]", Constant(1), "==", Constant(1)),
                ConditionGroup(
                    "AND",
                    (Condition("data.conditions[0].conditions[1].conditions[0]", Constant(2), "<", Constant(3)),),
                ),
            ),
        ),
        [],
    )


@pytest.mark.parametrize("sign", ["crosses_above", "crosses_below"])
def test_a_crossing_is_read_like_any_comparison(sign: Comparison) -> None:
    assert read_groups([group("AND", when(ltp(), sign, 2, "c"))]) == (
        ConditionGroup("AND", (Condition("c", LiveData("underlying_ltp", "TI"), sign, Constant(2)),)),
        [],
    )


def test_between_has_a_second_bound_and_lacks_it_nowhere() -> None:
    whole, halved = when(ltp(), "between", 2, "c", upper=5), when(ltp(), "between", 2, "c")

    assert read_groups([group("AND", whole)])[0].members == (
        Condition("c", LiveData("underlying_ltp", "TI"), "between", Constant(2), Constant(5)),
    )
    assert read_groups([group("AND", halved)])[1][0] == (
        "data.conditions[0].conditions[0].rhs2", "is missing; expected an object",
    )  # fmt: skip


@pytest.mark.parametrize("sign", ["crosses", "in", "=", "", None, 5, []])
def test_an_operator_that_is_not_known_is_a_fault(sign: Any) -> None:  # noqa: ANN401 - any JSON
    [(field, message)] = read_groups([group("AND", when(1, sign, 2))])[1]

    assert field == "data.conditions[0].conditions[0].operator"
    assert message.endswith("; allowed: >, <, >=, <=, ==, !=, crosses_above, crosses_below, between")


def test_both_sides_of_a_condition_must_be_there() -> None:
    faults = read_groups([group("AND", {"operator": ">"})])[1]

    assert {field for field, message in faults if message == "is missing; expected an object"} == {
        "data.conditions[0].conditions[0].lhs",
        "data.conditions[0].conditions[0].rhs",
    }


def test_variables_are_read_with_their_names() -> None:
    faults = Faults()
    node = {"variables": [{"name": "Low", "expression": candle("Low")}, {"name": "Now", "expression": ltp()}]}

    found = ExpressionReader(DECLARED).variables(Reader(node, faults, node_id="n", path="data"))

    assert found == (
        Variable("Low", CandleData("Low", -1, "1m", "TI")),
        Variable("Now", LiveData("underlying_ltp", "TI")),
    )
    assert faults.found == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:00", 0),
        ("0:00", 0),
        ("09:15", 33_300),
        ("9:15:01", 33_301),
        ("23:59:59", 86_399),
        ("24:00", None),
        ("12:60", None),
        ("12:00:60", None),
        ("12", None),
        ("12:5", None),
        ("-1:00", None),
        ("12:00:00.5", None),
        ("noon", None),
        ("", None),
    ],
)
def test_a_time_of_day_is_hours_and_minutes_and_perhaps_seconds(text: str, seconds: int | None) -> None:
    assert seconds_of_day(text) == seconds
