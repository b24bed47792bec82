"""Candles as columns: where they begin, and how small ones are gathered into larger ones."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine.candles import (
    Candle,
    CandleColumns,
    Timeframe,
    candle_starts,
    from_minutes,
    gather,
    no_candles,
)
from strategies.engine.ticks import exchange_time
from tests.builders.market_data import DAY, at, minutes

ONE_MINUTE = Timeframe("1m", "minutes", 1)


def starts_of(timeframe: Timeframe, *moments: datetime) -> list[datetime]:
    epochs = np.array([int(moment.timestamp()) for moment in moments], dtype=np.int64)
    return [exchange_time(start) for start in candle_starts(epochs, timeframe).tolist()]


def candles_of(columns: CandleColumns) -> list[Candle]:
    return [columns.candle(place) for place in range(len(columns))]


def gathered(timeframe: Timeframe, *ticks: tuple[datetime, float, int]) -> tuple[list[Candle], list[int]]:
    epochs = np.array([int(moment.timestamp()) for moment, _, _ in ticks], dtype=np.int64)
    prices = np.array([price for _, price, _ in ticks], dtype=np.float64)
    volumes = np.array([volume for _, _, volume in ticks], dtype=np.float64)
    columns, place = gather(
        candle_starts(epochs, timeframe), CandleColumns(epochs, prices, prices, prices, prices, volumes)
    )
    return candles_of(columns), place.tolist()


def test_a_candle_takes_the_first_highest_lowest_and_last_price_and_the_whole_volume() -> None:
    ticks = [("09:15:00", 100, 1), ("09:15:10", 104, 2), ("09:15:20", 97, 3), ("09:15:59", 101, 4), ("09:16:00", 99, 5)]

    candles, place = gathered(ONE_MINUTE, *((at(moment), price, volume) for moment, price, volume in ticks))

    assert candles == [Candle(at("09:15:00"), 100, 104, 97, 101, 10), Candle(at("09:16:00"), 99, 99, 99, 99, 5)]
    assert place == [0, 0, 0, 0, 1]


def test_minutes_without_a_tick_have_no_candle() -> None:
    candles, _ = gathered(ONE_MINUTE, (at("09:15:30"), 100, 0), (at("09:18:05"), 101, 0), (at("09:19:00"), 102, 0))

    assert [candle.start for candle in candles] == [at("09:15:00"), at("09:18:00"), at("09:19:00")]


def test_no_ticks_are_gathered_into_no_candles() -> None:
    assert gathered(ONE_MINUTE) == ([], [])
    assert (len(no_candles()), candles_of(from_minutes((), ONE_MINUTE))) == (0, [])


@pytest.mark.parametrize(
    ("unit", "number", "moments", "starts"),
    [
        ("seconds", 1, ["09:15:00", "09:15:01", "09:15:05"], ["09:15:00", "09:15:01", "09:15:05"]),
        ("seconds", 30, ["09:15:29", "09:15:30"], ["09:15:00", "09:15:30"]),
        ("minutes", 5, ["09:19:59", "09:20:00"], ["09:15:00", "09:20:00"]),
        # Counted from the open at 09:15: a half hour begins there, and not at 09:00 or 09:30.
        ("minutes", 30, ["09:15:00", "09:44:59", "09:45:00"], ["09:15:00", "09:15:00", "09:45:00"]),
        ("hours", 1, ["10:14:59", "10:15:00", "15:29:59"], ["09:15:00", "10:15:00", "15:15:00"]),
        ("hours", 2, ["11:14:59", "11:15:00"], ["09:15:00", "11:15:00"]),
        # Before the open the spans are counted backwards from it.
        ("minutes", 30, ["09:07:00", "09:15:00"], ["08:45:00", "09:15:00"]),
        # A span that does not divide the hour still begins at the open.
        ("minutes", 7, ["09:21:59", "09:22:00", "09:29:00"], ["09:15:00", "09:22:00", "09:29:00"]),
        ("days", 1, ["09:15:00", "15:30:00"], ["00:00:00", "00:00:00"]),
        ("minutes", 1440, ["09:15:00", "15:30:00"], ["00:00:00", "00:00:00"]),
        ("hours", 24, ["09:15:00", "15:30:00"], ["00:00:00", "00:00:00"]),
    ],
)
def test_candles_begin_where_their_timeframe_says(
    unit: str, number: int, moments: list[str], starts: list[str]
) -> None:
    found = starts_of(Timeframe("t", unit, number), *map(at, moments))

    assert found == [at(start) for start in starts]


def test_a_day_candle_ends_at_midnight_and_spans_of_days_are_counted_from_1970_whenever_the_data_begin() -> None:
    closes = [(at("15:30:00", date(2024, 10, day)), price, 0) for day, price in ((29, 100.0), (30, 101.0), (31, 102.0))]

    daily, _ = gathered(Timeframe("1d", "days", 1), *closes)
    two_days, place = gathered(Timeframe("2d", "days", 2), *closes)

    assert [candle.start.day for candle in daily] == [29, 30, 31]
    # The 29th is day 20,025 since 1970.
    assert two_days == [
        Candle(at("00:00:00", date(2024, 10, 28)), 100.0, 100.0, 100.0, 100.0, 0),
        Candle(at("00:00:00", date(2024, 10, 30)), 101.0, 102.0, 101.0, 102.0, 0),
    ]
    assert place == [0, 1, 1]


def test_minutes_are_their_own_candles_and_are_gathered_into_larger_ones() -> None:
    warmup = minutes(100.0, 103.0, 99.0, 101.0, 102.0, 104.0, 105.0, start="09:15:00", spread=0.5)

    one, five = (candles_of(from_minutes(warmup, Timeframe("t", "minutes", number))) for number in (1, 5))

    assert one == list(warmup)
    assert five == [
        Candle(at("09:15:00"), 100.0, 103.5, 98.5, 102.0, 50),
        Candle(at("09:20:00"), 102.0, 105.5, 101.5, 105.0, 20),
    ]


def test_columns_are_cut_and_joined() -> None:
    columns = from_minutes(minutes(1.0, 2.0, 3.0), ONE_MINUTE)

    assert candles_of(columns.part(0, 1).then(columns.part(1, 3))) == candles_of(columns)
    assert candles_of(columns.part(1, 2)) == [columns.candle(1)]


@given(
    steps=st.lists(
        st.tuples(st.integers(1, 400), st.integers(1, 10_000), st.integers(0, 50)), min_size=1, max_size=120
    ),
    timeframe=st.sampled_from(
        [Timeframe("s", "seconds", 7), ONE_MINUTE, Timeframe("m", "minutes", 15), Timeframe("h", "hours", 1)]
    ),
)
def test_candles_lose_no_tick_and_lie_apart(steps: list[tuple[int, int, int]], timeframe: Timeframe) -> None:
    moment, ticks = at("09:15:00"), []
    for wait, price, traded in steps:
        moment += timedelta(seconds=wait)
        ticks.append((moment, float(price), traded))
    prices = [price for _, price, _ in ticks]

    candles, _ = gathered(timeframe, *ticks)

    assert sum(candle.volume for candle in candles) == sum(volume for _, _, volume in ticks)
    assert (max(c.high for c in candles), min(c.low for c in candles)) == (max(prices), min(prices))
    assert (candles[0].open, candles[-1].close) == (prices[0], prices[-1])
    assert all(c.low <= min(c.open, c.close) and max(c.open, c.close) <= c.high for c in candles)
    gaps = [(b.start - a.start).total_seconds() for a, b in pairwise(candles)]
    assert all(gap >= timeframe.seconds and gap % timeframe.seconds == 0 for gap in gaps)
    assert candles[-1].start <= moment < candles[-1].start + timedelta(seconds=timeframe.seconds)
    assert candles[0].start.date() == DAY
