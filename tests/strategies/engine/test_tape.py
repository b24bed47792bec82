"""The tape of a day: what a symbol's last tick was as of each second, without a look ahead."""

from dataclasses import replace
from math import isnan

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.tape import DayTape
from strategies.engine.ticks import FloatColumn, Tick, TickList, TickSecond
from tests.builders.market_data import WrittenDays, at, market_data

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


def tape_of(data: TickList) -> DayTape:
    [day] = data.days()
    return DayTape(day)


def plain(column: FloatColumn | None) -> list[float | None]:
    assert column is not None
    return [None if isnan(value) else value for value in column.tolist()]


def test_a_second_ends_with_the_last_of_its_ticks_and_seconds_without_one_keep_it() -> None:
    tape = tape_of(market_data({"NIFTY": [100, 101]}, {PUT: [5, 7, 6]}, {"NIFTY": 99}))

    assert plain(tape.prices("NIFTY")) == [101, 101, 99]
    assert plain(tape.prices(PUT)) == [None, 6, 6]
    assert (tape.quoted_at("NIFTY"), tape.quoted_at(PUT)) == ([0, 0, 2], [-1, 1, 1])
    assert plain(np.array(tape.price_list(PUT))) == [None, 6, 6]


def test_volume_and_open_interest_are_those_of_the_last_tick() -> None:
    ticks = [Tick("NIFTY", 100, 7, 70), Tick(PUT, 5, 1, 10), Tick("NIFTY", 101, 8, 80)]
    tape = tape_of(TickList([TickSecond(at("09:15:00"), ticks), TickSecond(at("09:15:05"), [Tick(PUT, 5, 2, 20)])]))

    assert (plain(tape.volumes("NIFTY")), plain(tape.open_interest("NIFTY"))) == ([8, 8], [80, 80])
    assert (plain(tape.volumes(PUT)), plain(tape.open_interest(PUT))) == ([1, 2], [10, 20])


def test_the_raw_ticks_of_a_symbol_keep_their_order_and_their_seconds() -> None:
    tape = tape_of(market_data({"NIFTY": [100, 102, 101], PUT: 9}, {PUT: 8}, {"NIFTY": 99}))

    ticks = tape.ticks("NIFTY")

    assert (ticks.at.tolist(), ticks.ltp.tolist()) == ([0, 0, 0, 2], [100, 102, 101, 99])


def test_a_symbol_that_does_not_tick_today_has_no_price_at_any_second() -> None:
    tape = tape_of(market_data({"NIFTY": 100}, {"NIFTY": 101}))

    assert (tape.has("NIFTY"), tape.has(PUT)) == (True, False)
    assert (plain(tape.prices(PUT)), tape.quoted_at(PUT), len(tape.ticks(PUT).at)) == ([None, None], [-1, -1], 0)
    assert plain(tape.volumes(PUT)) == [None, None]


def test_seconds_know_their_time_of_day_and_are_found_by_it() -> None:
    tape = tape_of(market_data({"NIFTY": 1}, {"NIFTY": 2}, start="15:29:59"))

    assert (tape.times, tape.seconds_of_day.tolist(), len(tape)) == ([55_799, 55_800], [55_799, 55_800], 2)
    assert [tape.second_at(at(moment)) for moment in ("09:15:00", "15:29:59", "15:30:00", "15:30:01")] == [0, 0, 1, 2]


def test_bid_and_ask_are_known_as_of_each_second_where_the_data_have_them() -> None:
    without = tape_of(market_data({"NIFTY": 100, PUT: 10}))
    data = market_data({"NIFTY": 100}, {PUT: 10}, {PUT: 12})
    [day] = data.days()
    tape = DayTape(replace(day, bid=day.ltp - 0.5, ask=day.ltp + 1))

    assert (without.quotes(PUT, "bid"), without.quotes(PUT, "ask")) == (None, None)
    assert (plain(tape.quotes(PUT, "bid")), plain(tape.quotes(PUT, "ask"))) == ([None, 9.5, 11.5], [None, 11, 13])


@given(
    days=st.lists(
        st.lists(st.tuples(st.sampled_from(["NIFTY", "A", "B"]), st.integers(1, 50)), min_size=1, max_size=4),
        min_size=1,
        max_size=25,
    )
)
def test_what_is_known_at_a_second_is_what_was_seen_up_to_it(days: list[list[tuple[str, int]]]) -> None:
    tape = tape_of(
        WrittenDays(
            TickSecond(at(f"09:15:{place:02d}"), [Tick(name, float(price)) for name, price in ticks])
            for place, ticks in enumerate(days)
        )
    )

    for name in ("NIFTY", "A", "B"):
        seen: list[float | None] = []
        last: float | None = None
        for ticks in days:
            last = next((float(price) for each, price in reversed(ticks) if each == name), last)
            seen.append(last)
        assert plain(tape.prices(name)) == seen
