"""Conditions as text: what is printed is read back into equal records, and a fault is told with its column."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.condition_names import ConditionNames, readable_names
from strategies.engine.condition_parser import ConditionParser, ConditionTextInvalid, excerpt
from strategies.engine.condition_text import ConditionPrinter, seconds_of_day
from strategies.engine.declarations import MAX_DEPTH, MAX_LOOKBACK, Declarations
from strategies.engine.expressions import (
    ARITHMETIC_SIGNS,
    CANDLE_FIELDS,
    COMPARISONS,
    GROUP_LOGICS,
    LIVE_FIELDS,
    PNL_FIELDS,
    POSITION_FIELDS,
    Arithmetic,
    CandleData,
    Condition,
    ConditionGroup,
    Constant,
    CurrentTime,
    Expression,
    IndicatorData,
    InstrumentRole,
    LiveData,
    NodeVariable,
    PnlData,
    PositionData,
    TimeOfDay,
)

DECLARED = Declarations(
    roles=frozenset({"TI", "SI"}),
    timeframes=frozenset({("TI", "1m"), ("TI", "5m"), ("SI", "1.5 h")}),
    indicators=frozenset({("TI", "1m", "rsi_1"), ("TI", "1m", "macd_1"), ("TI", "5m", "b[a]d"), ("SI", "1.5 h", "x")}),
    variables=frozenset(
        {("entry-condition-1", "SignalLow"), ("entry-condition-1", "SignalLow2"), ("2 times", "Low"), ("a_b", "X")}
    ),
    positions=frozenset({"entry-2-pos1", "entry-2-pos1].quantity"}),
    display_names={
        ("TI", "1m", "rsi_1"): "rsi(14,close)",
        ("TI", "1m", "macd_1"): "macd [fast]",
        ("TI", "5m", "b[a]d"): "no ] bracket",
        ("SI", "1.5 h", "x"): "a AND b",
    },
    outputs={
        ("TI", "1m", "rsi_1"): ("value",),
        ("TI", "1m", "macd_1"): ("macd", "signal", "histogram"),
    },
)
PARSER = ConditionParser(ConditionNames.of(DECLARED))
PRINTER = ConditionPrinter(readable_names(DECLARED.display_names, DECLARED.outputs))


def without_ids(group: ConditionGroup) -> ConditionGroup:
    """Return a group whose conditions have no ids: text does not hold them."""
    members = (
        without_ids(member) if isinstance(member, ConditionGroup) else replace(member, id="")
        for member in group.members
    )
    return replace(group, members=tuple(members))


def fault_of(text: str) -> ConditionTextInvalid:
    """Return the first fault of a text."""
    with pytest.raises(ConditionTextInvalid) as refused:
        PARSER.group(text)
    return refused.value


# The law: print, then read.

numbers = st.one_of(
    st.integers(-(2**53), 2**53), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.1, -0.5, 1e-7])
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.sampled_from(['"', "\\", "a AND b"])
)
clocks = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59)).flatmap(
    lambda t: st.sampled_from([f"{t[0]}:{t[1]:02d}", f"{t[0]:02d}:{t[1]:02d}", f"{t[0]:02d}:{t[1]:02d}:{t[2]:02d}"])
)
offsets = st.integers(-MAX_LOOKBACK, 0)


def indicator_values(place: tuple[str, str, str]) -> st.SearchStrategy[Expression]:
    """Draw a value of one indicator."""
    role, timeframe_id, key = place
    outputs = st.sampled_from((None, *DECLARED.outputs.get(place, ())))
    roles: dict[str, InstrumentRole] = {"TI": "TI", "SI": "SI"}
    return st.builds(IndicatorData, st.just(key), outputs, offsets, st.just(timeframe_id), st.just(roles[role]))


leaves: st.SearchStrategy[Expression] = st.one_of(
    st.builds(Constant, st.one_of(numbers, texts, st.booleans())),
    st.just(CurrentTime()),
    clocks.map(lambda text: TimeOfDay(seconds_of_day(text) or 0, text)),
    st.builds(LiveData, st.sampled_from(LIVE_FIELDS), st.sampled_from(("TI", "SI"))),
    st.builds(CandleData, st.sampled_from(CANDLE_FIELDS), offsets, st.sampled_from(("1m", "5m")), st.just("TI")),
    st.builds(CandleData, st.sampled_from(CANDLE_FIELDS), offsets, st.just("1.5 h"), st.just("SI")),
    st.sampled_from(sorted(DECLARED.indicators)).flatmap(indicator_values),
    st.sampled_from(sorted(DECLARED.variables)).map(lambda variable: NodeVariable(*variable)),
    st.builds(PositionData, st.sampled_from(sorted(DECLARED.positions)), st.sampled_from(POSITION_FIELDS)),
    st.builds(PnlData, st.sampled_from(PNL_FIELDS)),
)
expressions = st.recursive(
    leaves, lambda inner: st.builds(Arithmetic, inner, st.sampled_from(ARITHMETIC_SIGNS), inner), max_leaves=5
)


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    """Draw one comparison."""
    sign = draw(st.sampled_from(COMPARISONS))
    upper = draw(expressions) if sign == "between" else None
    return Condition("", draw(expressions), sign, draw(expressions), upper)


def groups_of(members: st.SearchStrategy[Condition | ConditionGroup]) -> st.SearchStrategy[ConditionGroup]:
    """Draw groups; the logic of a group with one member says nothing, and text does not hold it."""
    return st.builds(
        ConditionGroup, st.sampled_from(GROUP_LOGICS), st.lists(members, min_size=2, max_size=3).map(tuple)
    ) | (members.map(lambda member: ConditionGroup("AND", (member,))))


groups = st.recursive(conditions(), groups_of, max_leaves=6).flatmap(
    lambda found: st.just(found) if isinstance(found, ConditionGroup) else st.just(ConditionGroup("AND", (found,)))
)


@settings(deadline=None, max_examples=300)
@given(groups)
def test_what_is_printed_is_read_back_into_equal_records(group: ConditionGroup) -> None:
    text = PRINTER.group(group)

    read = PARSER.group(text)

    assert without_ids(read) == group
    assert PRINTER.group(read) == text
    assert without_ids(PARSER.group(PRINTER.group_lines(group))) == group


@settings(deadline=None, max_examples=100)
@given(expressions)
def test_a_printed_expression_is_read_back_into_an_equal_record(expression: Expression) -> None:
    read = PARSER.expression(PRINTER.expression(expression))

    assert read == expression
    # True == 1 in Python; the text tells them apart.
    assert PRINTER.expression(read) == PRINTER.expression(expression)


PIECES = """
( ) [ ] AND OR and between > >= == crosses_above + -% - * 30 -0.5 1e5 09:17 25:99 true 'a' " \\ . é
TI.ltp TI.1m.Low Previous Previous( Current[ Current Time PnL.total_pnl Position[ a_b.X x.y
"""
pieces = st.sampled_from([*PIECES.split(), "\n", "\t"])


@settings(deadline=None, max_examples=300)
@given(st.lists(pieces, max_size=12), st.sampled_from([" ", ""]))
def test_any_text_is_read_or_refused_at_a_place_inside_it(words: list[str], space: str) -> None:
    text = space.join(words)

    group, faults = PARSER.read_group(text)

    for fault in faults:
        lines = text.split("\n")
        assert 1 <= fault.column <= len(lines[fault.line - 1]) + 1
    if not faults:
        assert without_ids(PARSER.group(PRINTER.group(group))) == without_ids(group)


# What people write


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        (
            "Current Time >= 09:17 AND Previous[TI.1m.rsi(14,close)] < 30",
            "Current Time >= 09:17 AND Previous[TI.1m.rsi(14,close)] < 30",
        ),
        ("Previous[TI.1m.rsi_1] < 30", "Previous[TI.1m.rsi(14,close)] < 30"),
        ("Previous(1)[ TI.1m.Low ]<TI.ltp", "Previous[TI.1m.Low] < TI.ltp"),
        ("Previous(3)[TI.1m.macd [fast].signal] > 0", "Previous(3)[TI.1m.macd [fast].signal] > 0"),
        ("entry-condition-1.SignalLow < 1", "entry_condition_1.SignalLow < 1"),
        (
            "TI.ltp > 1\n  and TI.oi > 2\n\tAND (TI.ltp > 3 or 4 < 5)",
            "TI.ltp > 1 AND TI.oi > 2 AND (TI.ltp > 3 OR 4 < 5)",
        ),
        ("(TI.ltp) > ((1 + 2))", "TI.ltp > (1 + 2)"),
        ("(TI.ltp-5) > -5", "(TI.ltp - 5) > -5"),
        ("(TI.ltp--5) > 1", "(TI.ltp - -5) > 1"),
        ("(100+%5) > 1", "(100 +% 5) > 1"),
        ("TI.ltp between 1 AND 2 AND TI.oi > 3", "TI.ltp between 1 and 2 AND TI.oi > 3"),
        ("'it' != \"it's\"", '"it" != "it\'s"'),
        ("Current  Time < 9:05", "Current Time < 9:05"),
        ("1 == 007", "1 == 7"),
    ],
)
def test_what_a_person_writes_is_read_and_printed_in_one_form(written: str, printed: str) -> None:
    assert PRINTER.group(PARSER.group(written)) == printed


def test_conditions_are_numbered_in_reading_order() -> None:
    group, faults = PARSER.read_group("1 > 2 AND (3 > 4 OR 5 > 6) AND 7 > 8", "data.conditions")

    inner = group.members[1]
    assert faults == ()
    assert isinstance(inner, ConditionGroup)
    flat = [*group.members[:1], *inner.members, *group.members[2:]]
    assert [member.id for member in flat if isinstance(member, Condition)] == [
        f"data.conditions[{number}]" for number in range(4)
    ]


# Faults


@pytest.mark.parametrize(
    ("text", "column", "found", "expected"),
    [
        ("", 1, "the end of the text", "a value"),
        ("TI.ltp", 7, "the end of the text", "a comparison: >"),
        ("TI.ltp > 3 AND", 15, "the end of the text", "a value"),
        ("TI.ltp > 3 AND TI.oi > 1 OR TI.oi < 5", 26, "OR after AND", "AND, or parentheses"),
        ("TI.ltp > 3 OR (1 > 2 OR 3 > 4 AND 5 > 6)", 31, "AND after OR", "OR, or parentheses"),
        ("TI.ltp + 5 > 3", 8, "'+'", "such as (TI.ltp + 5)"),
        ("(1 + 2 + 3) > 3", 8, "'+'", ") for the ( in column 1; arithmetic"),
        ("TI.ltp = 5", 8, "'='", "equal is written =="),
        ("1 > 2 && 3 > 4", 7, "'&&'", "joined by AND and OR"),
        ("1 < TI.ltp < 3", 12, "'<'", "AND, OR or the end"),
        ("TI.ltp crosses 3", 8, "'crosses'", "crosses_above"),
        ("TI.ltp between 1 or 2", 18, "'or'", "and, with the upper end"),
        ("Current Time > 25:99", 16, "'25:99'", "a time of day, HH:MM"),
        ("Current Time > 9:5", 16, "'9:5'", "a time of day, HH:MM"),
        ("1 > 1e999", 5, "a number out of range", "at most"),
        ("1 > 30abc", 5, "'30abc'", "a value"),
        ("1 > 'abc", 5, "a quote that is not closed", "another '"),
        ('1 > "\\x"', 6, "a \\ that begins", "\\uXXXX"),
        ('1 > "\\ud800"', 5, "half of a surrogate pair", "\\uXXXX"),
        ("1 > (2 + 3", 11, "the end of the text", ") for the ( in column 5"),
        ("(1 > 2", 7, "the end of the text", "AND, OR or ) for the ( in column 1"),
        ("1 > 2)", 6, "')'", "AND, OR or the end"),
        ("1 > (2 > 3)", 5, "conditions in parentheses", "a value"),
        ("Previous[TI.1m.Low > 5", 23, "the end of the text", "] for the [ in column 9"),
        ("Previous(0)[TI.1m.Low] > 5", 10, "0", "from 1 to 5000; the candle being built is Current[…]"),
        (f"Previous({MAX_LOOKBACK + 1})[TI.1m.Low] > 5", 10, "5001", "from 1 to 5000"),
        ("Current(2)[TI.1m.Low] > 5", 1, "Current(2)", "Previous(2)[…]"),
        ("Previous[TI.2m.Low] > 5", 10, "TI.2m.Low", "the start node declares: 1m or 5m"),
        ("Previous[TI.1m.rsi(15,close)] > 5", 10, "TI.1m.rsi(15,close)", "TI.1m.rsi(14,close), TI.1m.Open"),
        ("Previous[TI.1m.macd_1.signa] > 5", 10, "TI.1m.macd_1.signa", "macd, signal or histogram"),
        ("Previous[1m.Low] > 5", 10, "1m.Low", "TI.… or SI.…"),
        ("Previous[] > 5", 10, "nothing", "TI.… or SI.…"),
        ("TI.price > 5", 1, "TI.price", "TI.underlying_ltp, TI.ltp"),
        ("TI.1m.Low > 5", 1, "TI.1m.Low", "in brackets, such as Previous[TI.1m.Close]"),
        ("PnL.total > 5", 1, "PnL.total", "PnL.total_pnl"),
        ("Position[nobody].quantity > 5", 1, "Position[nobody].quantity", "entry-2-pos1"),
        ("Position[entry-2-pos1].size > 5", 1, "Position[entry-2-pos1].size", "entry_price, current_price"),
        ("entry_condition_1.SignalHigh > 5", 1, "entry_condition_1.SignalHigh", "records: entry_condition_1.SignalLow"),
        ("low > 5", 1, "'low'", "a value"),
    ],
)
def test_a_fault_is_told_with_its_column_what_was_found_and_what_was_expected(
    text: str, column: int, found: str, expected: str
) -> None:
    fault = fault_of(text)

    assert (fault.line, fault.column) == (1, column)
    assert fault.found.startswith(found)
    assert expected in fault.expected
    assert str(fault) == f"column {column}: {fault.message}\n    {text}\n    {' ' * (column - 1)}^"


def test_the_line_is_told_where_the_text_has_several() -> None:
    fault = fault_of("1 > 2\n\tAND 3 > x.y")

    assert (fault.line, fault.column) == (2, 10)
    assert str(fault).startswith("line 2, column 10: found x.y; expected a variable that a node records: ")
    assert str(fault).endswith("\n    \tAND 3 > x.y\n    \t        ^")


def test_a_long_line_is_cut_around_the_caret() -> None:
    shown, caret = excerpt("a" * 200 + "b" + "c" * 200, line=1, column=201, width=40).split("\n")

    assert shown == "    …" + "a" * 20 + "b" + "c" * 19 + "…"
    assert caret.index("^") == shown.index("b")


def test_every_unknown_name_is_told_in_one_pass() -> None:
    _, faults = PARSER.read_group("TI.foo > Previous[TI.9m.Low] AND x.y > 25:00 AND TI.ltp >")

    assert [fault.column for fault in faults] == [1, 19, 34, 40, 58]


def test_a_name_that_means_two_things_is_refused_and_says_which() -> None:
    twins = replace(
        DECLARED,
        variables=frozenset({("a-b", "X"), ("a_b", "X")}),
        display_names={**DECLARED.display_names, ("TI", "1m", "macd_1"): "rsi(14,close)"},
    )
    parser = ConditionParser(ConditionNames.of(twins))

    _, faults = parser.read_group("a_b.X > Previous[TI.1m.rsi(14,close)] AND Previous[TI.1m.rsi_1] > a-b.X")

    indicators = "the indicator with the key 'macd_1' and the indicator with the key 'rsi_1'"
    assert [(fault.column, fault.found) for fault in faults] == [
        (1, "a_b.X, which means X of node 'a-b' and X of node 'a_b'"),
        (18, f"TI.1m.rsi(14,close), which means {indicators}"),
    ]


def test_an_indicator_is_printed_by_its_key_where_its_name_means_another_thing_too() -> None:
    names = readable_names(
        {("TI", "1m", "a"): "same", ("TI", "1m", "b"): "same", ("TI", "5m", "c"): "same", ("TI", "1m", "d"): "High"}, {}
    )

    assert names == {("TI", "1m", "a"): "a", ("TI", "1m", "b"): "b", ("TI", "5m", "c"): "same", ("TI", "1m", "d"): "d"}


@pytest.mark.parametrize(
    "text",
    ["(" * 10_000 + "1 > 2", "(" * MAX_DEPTH + "(1 > 2)" + ")" * MAX_DEPTH, "1 > " + "(" * 20 + "1" + " + 1)" * 20],
)
def test_what_is_nested_too_deep_is_refused_rather_than_risking_the_stack(text: str) -> None:
    assert re.search(r"at most \d+", fault_of(text).expected)


def test_what_is_nested_as_deep_as_allowed_is_read() -> None:
    deepest = "(" * MAX_DEPTH + "1 > " + "(" * (MAX_DEPTH - 1) + "1" + " + 1)" * (MAX_DEPTH - 1) + ")" * MAX_DEPTH

    assert PRINTER.group(PARSER.group(deepest)) == deepest
