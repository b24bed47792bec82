"""Candles: where they begin and end, what finishes them, and how warm-up minutes are gathered."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.candles import Candle, CandleSeries, Timeframe
from tests.builders.market_data import DAY, at, minutes

ONE_MINUTE = Timeframe("1m", "minutes", 1)


def series_of(*ticks: tuple[str, float, int], timeframe: Timeframe = ONE_MINUTE) -> CandleSeries:
    series = CandleSeries(timeframe)
    for time_of_day, price, volume in ticks:
        add(series, at(time_of_day), price, volume)
    return series


def add(series: CandleSeries, moment: datetime, price: float, volume: int = 0) -> bool:
    return series.add(moment, moment.timestamp(), price, volume)


def test_a_candle_takes_the_first_highest_lowest_and_last_price_and_the_whole_volume() -> None:
    series = series_of(("09:15:00", 100, 1), ("09:15:10", 104, 2), ("09:15:20", 97, 3), ("09:15:59", 101, 4))

    assert (series.finished, series.building()) == ([], Candle(at("09:15:00"), 100, 104, 97, 101, 10))


def test_the_first_tick_of_the_next_minute_finishes_a_candle_and_belongs_to_the_next() -> None:
    series = CandleSeries(ONE_MINUTE)

    has_finished = [
        add(series, at(moment), price)
        for moment, price in (("09:15:00", 100), ("09:15:59", 101), ("09:16:00", 102), ("09:16:59", 103))
    ]

    assert has_finished == [False, False, True, False]
    assert series.finished == [Candle(at("09:15:00"), 100, 101, 100, 101, 0)]
    assert series.building() == Candle(at("09:16:00"), 102, 103, 102, 103, 0)


def test_minutes_without_a_tick_have_no_candle() -> None:
    series = series_of(("09:15:30", 100, 0), ("09:18:05", 101, 0), ("09:19:00", 102, 0))

    assert [candle.start for candle in series.finished] == [at("09:15:00"), at("09:18:00")]


def test_before_the_first_tick_no_candle_is_being_built() -> None:
    series = CandleSeries(ONE_MINUTE)

    assert (series.is_building, series.building()) == (False, None)


@pytest.mark.parametrize(
    ("unit", "number", "moments", "starts"),
    [
        ("seconds", 1, ["09:15:00", "09:15:01", "09:15:05"], ["09:15:00", "09:15:01", "09:15:05"]),
        ("seconds", 30, ["09:15:29", "09:15:30"], ["09:15:00", "09:15:30"]),
        ("minutes", 5, ["09:19:59", "09:20:00"], ["09:15:00", "09:20:00"]),
        # Counted from the open at 09:15: a half hour begins there, and not at 09:00 or 09:30.
        ("minutes", 30, ["09:15:00", "09:44:59", "09:45:00"], ["09:15:00", "09:45:00"]),
        ("hours", 1, ["10:14:59", "10:15:00", "15:29:59"], ["09:15:00", "10:15:00", "15:15:00"]),
        ("hours", 2, ["11:14:59", "11:15:00"], ["09:15:00", "11:15:00"]),
        # Before the open the spans are counted backwards from it.
        ("minutes", 30, ["09:07:00", "09:15:00"], ["08:45:00", "09:15:00"]),
        # A span that does not divide the hour still begins at the open.
        ("minutes", 7, ["09:21:59", "09:22:00", "09:29:00"], ["09:15:00", "09:22:00", "09:29:00"]),
        ("days", 1, ["09:15:00", "15:30:00"], ["00:00:00"]),
        ("minutes", 1440, ["09:15:00", "15:30:00"], ["00:00:00"]),
        ("hours", 24, ["09:15:00", "15:30:00"], ["00:00:00"]),
    ],
)
def test_candles_begin_where_their_timeframe_says(
    unit: str, number: int, moments: list[str], starts: list[str]
) -> None:
    series = series_of(*((moment, 100.0, 0) for moment in moments), timeframe=Timeframe("t", unit, number))

    found = [candle.start for candle in series.finished]
    if current := series.building():
        found.append(current.start)

    assert found == [at(start) for start in starts]


def test_a_day_candle_ends_at_midnight_and_two_days_make_one_of_two() -> None:
    daily, two_days = CandleSeries(Timeframe("1d", "days", 1)), CandleSeries(Timeframe("2d", "days", 2))

    for day, price in ((29, 100.0), (30, 101.0), (31, 102.0)):
        for series in (daily, two_days):
            add(series, at("15:30:00", date(2024, 10, day)), price)

    assert [candle.start.day for candle in daily.finished] == [29, 30]
    assert two_days.finished == [Candle(at("00:00:00"), 100.0, 101.0, 100.0, 101.0, 0)]


def test_the_last_candle_of_a_day_is_finished_by_the_next_day() -> None:
    series = series_of(("15:29:59", 100, 0), timeframe=Timeframe("1h", "hours", 1))

    assert add(series, at("09:15:00", date(2024, 10, 30)), 105) is True
    assert series.finished == [Candle(at("15:15:00"), 100, 100, 100, 100, 0)]


def test_a_tick_inside_a_second_counts_to_that_seconds_candle() -> None:
    series = CandleSeries(Timeframe("1s", "seconds", 1))

    add(series, at("09:15:00") + timedelta(milliseconds=900), 100)
    has_finished = add(series, at("09:15:01"), 101)

    assert (has_finished, series.finished[0].start) == (True, at("09:15:00"))


def test_warm_up_minutes_are_finished_candles_except_the_last_which_the_first_tick_finishes() -> None:
    warmup = minutes(100.0, 101.0, 102.0, start="09:12:00")
    series = CandleSeries(ONE_MINUTE, warmup)

    before, has_finished = list(series.finished), add(series, at("09:15:00"), 200.0)

    assert (before, has_finished, series.finished) == ([*warmup[:2]], True, [*warmup])


def test_warm_up_minutes_are_gathered_into_larger_candles_and_the_first_ticks_go_on_with_them() -> None:
    warmup = minutes(100.0, 103.0, 99.0, 101.0, 102.0, 104.0, 105.0, start="09:15:00", spread=0.5)
    series = CandleSeries(Timeframe("5m", "minutes", 5), warmup)

    has_finished = add(series, at("09:22:00"), 110.0, 7)

    assert has_finished is False
    assert series.finished == [Candle(at("09:15:00"), 100.0, 103.5, 98.5, 102.0, 50)]
    assert series.building() == Candle(at("09:20:00"), 102.0, 110.0, 101.5, 110.0, 27)


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 400), st.integers(1, 10_000), st.integers(0, 50)), min_size=1, max_size=120
    ),
    timeframe=st.sampled_from(
        [Timeframe("s", "seconds", 7), ONE_MINUTE, Timeframe("m", "minutes", 15), Timeframe("h", "hours", 1)]
    ),
)
def test_candles_lose_no_tick_and_lie_apart(steps: list[tuple[int, int, int]], timeframe: Timeframe) -> None:
    series, moment, prices, volume = CandleSeries(timeframe), at("09:15:00"), [], 0
    for wait, price, traded in steps:
        moment += timedelta(seconds=wait)
        add(series, moment, float(price), traded)
        prices.append(price)
        volume += traded
    current = series.building()
    assert current is not None
    candles = [*series.finished, current]

    assert sum(candle.volume for candle in candles) == volume
    assert (max(c.high for c in candles), min(c.low for c in candles)) == (max(prices), min(prices))
    assert (candles[0].open, candles[-1].close) == (prices[0], prices[-1])
    assert all(c.low <= min(c.open, c.close) and max(c.open, c.close) <= c.high for c in candles)
    gaps = [(b.start - a.start).total_seconds() for a, b in pairwise(candles)]
    assert all(gap >= timeframe.seconds and gap % timeframe.seconds == 0 for gap in gaps)
    assert candles[-1].start <= moment < candles[-1].start + timedelta(seconds=timeframe.seconds)
    assert candles[0].start.date() == DAY
