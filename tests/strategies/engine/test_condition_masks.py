"""
A headless run asks where conditions hold and skips the rest: the answers are those of evaluating every second.

Random conditions over two random days, with a position open or not, variables recorded or not.
"""

from collections.abc import Iterator
from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine.conditions import CompiledCondition
from strategies.engine.ticks import Tick, TickSecond
from tests.builders.condition_bench import Bench
from tests.builders.market_data import DAY, NEXT_DAY, at
from tests.builders.strategy_documents import (
    Json,
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

FROM_THE_MARKET = (
    ltp(),
    ltp("ltp", "SI"),
    ltp("volume"),
    current_time(),
    time_of_day("09:15:05"),
    candle("Close", 0),
    candle("High", 0),
    candle("Open", -1),
    candle("Low", -2),
    candle("Close", 0, "1m", "SI"),
    candle("Close", -1, "1s"),
    candle("Volume", -1, "1s"),
    indicator("rsi_2", -1),
    indicator("rsi_2", 0),
    indicator("sma", 0, "1s"),
    indicator("sma", -1, "1s"),
    indicator("bb", 0, "1s", parameter="lower"),
)
FROM_THE_RUN = (
    variable("signal", "Low"),
    *(position_data("pos", field) for field in ("entry_price", "current_price", "quantity", "unrealized_pnl")),
    *(
        pnl_data(field)
        for field in ("realized_pnl", "unrealized_pnl", "total_pnl", "day_pnl", "closed_trades", "open_trades")
    ),
)
CONSTANTS = tuple(constant(value) for value in (0, 1, 98, 100, 100.5, 102, 33_303, -75, True, False, "100", "a"))
SIGNS = st.sampled_from([">", "<", ">=", "<=", "==", "!=", "crosses_above", "crosses_below", "between"])

LEAVES = st.sampled_from((*FROM_THE_MARKET, *FROM_THE_RUN, *CONSTANTS))
OPERANDS = LEAVES | st.builds(arithmetic, LEAVES, st.sampled_from(["+", "-", "*", "/", "%", "+%", "-%"]), LEAVES)


@st.composite
def conditions(draw: st.DrawFn) -> Json:
    sign = draw(SIGNS)
    return when(draw(OPERANDS), sign, draw(OPERANDS), upper=draw(OPERANDS) if sign == "between" else None)


GROUPS = st.recursive(
    conditions(),
    lambda inner: st.builds(
        lambda logic, members: group(logic, *members),
        st.sampled_from(["AND", "OR"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)


@st.composite
def days(draw: st.DrawFn) -> list[list[TickSecond]]:
    """Draw two days in which either instrument may come late."""
    found = []
    for day in (DAY, NEXT_DAY):
        moment, written = at("09:15:00", day), []
        for _ in range(draw(st.integers(1, 14))):
            names = draw(st.sampled_from([("NIFTY",), ("NIFTY",), ("NIFTY", "BANKNIFTY"), ("BANKNIFTY",)]))
            ticks = [Tick(name, draw(st.integers(97, 103)) / 1.0, draw(st.integers(0, 2))) for name in names]
            written.append(TickSecond(moment, ticks))
            moment += timedelta(seconds=draw(st.sampled_from([1, 1, 1, 61])))
        found.append(written)
    return found


@settings(max_examples=150)
@given(
    root=GROUPS,
    written=days(),
    low=st.none() | st.sampled_from([98.0, 100.0]),
    side=st.sampled_from([None, "buy", "sell"]),
    has_traded=st.booleans(),
)
def test_masks_and_next_seconds_are_those_of_evaluating_every_second(
    root: Json, written: list[list[TickSecond]], low: float | None, side: str | None, has_traded: bool
) -> None:
    by_list, by_column = (
        Bench(root, warmup=(99.0, 101.0), supporting="BANKNIFTY", every_tick=every_tick) for every_tick in (True, False)
    )
    for bench in (by_list, by_column):
        if has_traded:
            bench.open()
            bench.close(99.0)
        if low is not None:
            bench.variables["signal", "Low"] = low
        if side is not None:
            bench.open(side, entry_price="100.00")

    for day in written:
        by_list.begin(*day)
        by_column.begin(*day)
        results = [by_list.next() for _ in day]
        assert [by_column.next() for _ in day] == results

        mask = by_column.group.mask()
        assert ([mask] * len(day) if isinstance(mask, bool) else [bool(each) for each in mask]) == results
        for first in range(len(day)):
            expected = next((place for place in range(first, len(day)) if results[place]), None)
            assert by_column.group.next_true(first) == expected


@settings(max_examples=100)
@given(
    root=GROUPS,
    written=days(),
    low=st.none() | st.sampled_from([98.0, 100.0]),
    side=st.sampled_from([None, "buy", "sell"]),
)
def test_a_records_form_is_steady_for_as_long_as_the_condition_says(
    root: Json, written: list[list[TickSecond]], low: float | None, side: str | None
) -> None:
    bench = Bench(root, warmup=(99.0,), supporting="BANKNIFTY")
    if low is not None:
        bench.variables["signal", "Low"] = low
    if side is not None:
        bench.open(side, entry_price="100.00")

    for day in written:
        bench.begin(*day)
        forms, until = list[list[Form]](), list[int]()
        for second in range(len(day)):
            bench.next()
            forms.append(list(_forms(bench.group.record())))
            until.append(bench.group.steady_until(second + 1, len(day)))

        for second, form in enumerate(forms):
            changes = (later for later in range(second + 1, len(day)) if forms[later] != form)
            assert until[second] == next(changes, len(day))


Form = tuple[object, ...]


def _forms(record: Json) -> Iterator[Form]:
    """Iterate over what is missing in each condition of a group, and why."""
    for part in record["conditions"]:
        if "conditions" in part:
            yield from _forms(part)
        else:
            yield (
                *(part.get(key, 0) is None for key in ("lhs_value", "rhs_value", "rhs_upper_value")),
                part.get("reason"),
            )


@given(root=conditions(), written=days(), side=st.sampled_from([None, "buy", "sell"]))
def test_many_values_at_once_are_those_of_each_second(
    root: Json, written: list[list[TickSecond]], side: str | None
) -> None:
    bench = Bench(root, warmup=(99.0,), supporting="BANKNIFTY")
    if side is not None:
        bench.open(side, entry_price="100.00")

    for day in written:
        bench.begin(*day)
        (condition,) = bench.group.members
        assert isinstance(condition, CompiledCondition)
        for _, operand, _ in condition.sides:
            each = [operand.at(second) for second in range(len(day))]
            values = operand.between(0, len(day))
            assert (values if isinstance(values, list) else [values] * len(day)) == each
            if isinstance(values, list):
                assert operand.show_all(values, 0) == [operand.show(value) for value in each]
                assert operand.between(1, len(day)) == each[1:]


@settings(max_examples=100)
@given(root=GROUPS, written=days())
def test_a_record_is_what_a_condition_that_was_compiled_anew_would_write(
    root: Json, written: list[list[TickSecond]]
) -> None:
    [first, _] = written
    kept = Bench(root, warmup=(99.0,), supporting="BANKNIFTY").records(*first)

    for place, record in enumerate(kept):
        fresh = Bench(root, warmup=(99.0,), supporting="BANKNIFTY")
        fresh.begin(*first)
        fresh.second = place - 1
        fresh.next()
        assert fresh.group.record() == record
