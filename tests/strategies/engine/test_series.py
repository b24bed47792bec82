"""
Candles and indicators as of every second: the one being built, the finished ones, and no look ahead.

The properties rebuild everything, for each second anew, from the raw ticks up to that second alone.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import isnan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine import indicators
from strategies.engine.candles import Candle, CandleColumns, FloatColumn, Timeframe, candle_starts
from strategies.engine.indicators import IndicatorSpec
from strategies.engine.series import Series
from strategies.engine.tape import DayTape
from strategies.engine.ticks import Tick, TickList, TickSecond
from tests.builders.market_data import DAY, NEXT_DAY, at, minutes, second

ONE_MINUTE = Timeframe("1m", "minutes", 1)
FIELDS = ("Open", "High", "Low", "Close", "Volume")


def spec(name: str, *arguments: float, price_field: str = "close") -> IndicatorSpec:
    return IndicatorSpec(key=name, name=name, display_name=name, arguments=arguments, price_field=price_field)


SPECS = (
    spec("rsi", 2),
    spec("sma", 3, price_field="high"),
    spec("bbands", 2, 1.5),
    spec("atr", 2),
    spec("vwap"),
    spec("obv"),
    spec("supertrend", 2, 1.0),
    spec("macd", 2, 3, 2),
)


def series_of(*written: TickSecond, timeframe: Timeframe = ONE_MINUTE, warmup: tuple[Candle, ...] = ()) -> list[Series]:
    """Return the series as it is on each day of the data."""
    days = list(TickList(written).days())
    found = []
    for count in range(1, len(days) + 1):
        series = Series("NIFTY", timeframe, SPECS, warmup)
        for day in days[:count]:
            series.begin_day(DayTape(day))
        found.append(series)
    return found


def one(*ticks: tuple[str, float], timeframe: Timeframe = ONE_MINUTE, warmup: tuple[Candle, ...] = ()) -> Series:
    """Return the series of one day, written down as (time of day, price)."""
    written = [second(moment, {"NIFTY": price}) for moment, price in ticks]
    return series_of(*written, timeframe=timeframe, warmup=warmup)[0]


def values(column: FloatColumn) -> list[float | None]:
    return [None if isnan(value) else value for value in column.tolist()]


def test_the_first_tick_of_the_next_minute_finishes_a_candle_and_belongs_to_the_next() -> None:
    series = one(("09:15:00", 100), ("09:15:59", 101), ("09:16:00", 102), ("09:16:59", 103))

    assert [len(series.finished(place, 9)) for place in range(4)] == [0, 0, 1, 1]
    assert series.finished(3, 9) == (Candle(at("09:15:00"), 100, 101, 100, 101, 0),)
    assert [series.building(place) for place in (1, 2, 3)] == [
        Candle(at("09:15:00"), 100, 101, 100, 101, 0),
        Candle(at("09:16:00"), 102, 102, 102, 102, 0),
        Candle(at("09:16:00"), 102, 103, 102, 103, 0),
    ]


def test_a_finished_candle_stays_finished_over_minutes_without_a_tick() -> None:
    series = one(("09:15:30", 100), ("09:18:05", 101), ("09:19:00", 102))

    assert [candle.start for candle in series.finished(2, 9)] == [at("09:15:00"), at("09:18:00")]
    assert values(series.column("Close", -1)) == [None, 100, 101]


def test_before_the_first_tick_no_candle_is_being_built() -> None:
    [series] = series_of(second("09:15:00", {"OTHER": 5}), second("09:15:01", {"NIFTY": 100}))

    assert [series.has_building(place) for place in range(2)] == [False, True]
    assert (series.building(0), series.finished(0, 4)) == (None, ())
    assert {field: values(series.column(field, 0)) for field in FIELDS} == {
        "Open": [None, 100], "High": [None, 100], "Low": [None, 100], "Close": [None, 100], "Volume": [None, 0],
    }  # fmt: skip


def test_an_instrument_that_never_ticks_has_no_candle_at_any_second() -> None:
    [series] = series_of(second("09:15:00", {"OTHER": 5}), second("09:16:00", {"OTHER": 6}))

    assert [series.building(place) for place in range(2)] == [None, None]
    assert values(series.column("Close", 0)) == values(series.column("Close", -1)) == [None, None]
    assert values(series.indicator("rsi", 0, 0)) == values(series.indicator("rsi", 0, -1)) == [None, None]
    assert series.indicator_value("rsi", 1) is None


def test_warm_up_minutes_are_finished_candles_except_the_last_which_the_first_tick_finishes() -> None:
    warmup = minutes(100.0, 101.0, 102.0, start="09:12:00")
    [series] = series_of(second("09:14:59", {"OTHER": 1}), second("09:15:00", {"NIFTY": 200}), warmup=warmup)

    assert (series.finished(0, 4), series.building(0)) == (warmup[:2], warmup[2])
    assert (series.finished(1, 4), series.building(1)) == (warmup, Candle(at("09:15:00"), 200, 200, 200, 200, 0))


def test_the_first_ticks_go_on_with_a_candle_that_the_warm_up_began() -> None:
    warmup = minutes(100.0, 103.0, 99.0, 101.0, 102.0, 104.0, 105.0, start="09:15:00", spread=0.5)
    written = TickSecond(at("09:22:00"), [Tick("NIFTY", 110.0, 7)])

    [series] = series_of(written, timeframe=Timeframe("5m", "minutes", 5), warmup=warmup)

    assert series.finished(0, 4) == (Candle(at("09:15:00"), 100.0, 103.5, 98.5, 102.0, 50),)
    assert series.building(0) == Candle(at("09:20:00"), 102.0, 110.0, 101.5, 110.0, 27)


def test_the_last_candle_of_a_day_is_finished_by_the_next_day() -> None:
    written = [second("15:29:59", {"NIFTY": 100}), second("09:15:00", {"OTHER": 1}, NEXT_DAY)]
    written.append(second("09:15:01", {"NIFTY": 105}, NEXT_DAY))

    series = series_of(*written, timeframe=Timeframe("1h", "hours", 1))[1]

    last = Candle(at("15:15:00"), 100, 100, 100, 100, 0)
    assert (series.building(0), series.finished(0, 4)) == (last, ())
    assert (series.building(1), series.finished(1, 4)) == (
        Candle(at("09:15:00", NEXT_DAY), 105, 105, 105, 105),
        (last,),
    )


def test_a_candle_of_several_days_goes_on_over_a_day_without_a_tick_of_its_instrument() -> None:
    written = [
        second("09:15:00", {"NIFTY": [100, 90]}),
        second("09:15:00", {"OTHER": 5}, NEXT_DAY),
        second("09:15:00", {"NIFTY": 95}, date(2024, 10, 31)),
        second("09:15:00", {"NIFTY": 97}, date(2024, 11, 4)),
    ]

    days = series_of(*written, timeframe=Timeframe("week", "days", 7))

    # Counted from 1970, which began on a Thursday.
    first, then = at("00:00:00", date(2024, 10, 24)), at("00:00:00", date(2024, 10, 31))
    assert [series.building(0) for series in days] == [
        Candle(first, 100, 100, 90, 90, 0), Candle(first, 100, 100, 90, 90, 0),
        Candle(then, 95, 95, 95, 95, 0), Candle(then, 95, 97, 95, 97, 0),
    ]  # fmt: skip
    assert [len(series.finished(0, 9)) for series in days] == [0, 0, 1, 1]


@dataclass(frozen=True, slots=True)
class Past:
    """What is known at one second, built anew from the raw ticks up to it."""

    candles: tuple[Candle, ...]

    def field(self, name: str, offset: int) -> float | None:
        place = len(self.candles) - 1 + offset
        return float(getattr(self.candles[place], name.lower())) if place >= 0 else None

    def indicator(self, wanted: IndicatorSpec, output: int, offset: int) -> float | None:
        place = len(self.candles) - 1 + offset
        if place < 0:
            return None
        # Of a finished candle the value is the one that it had when it was the last.
        known = self.candles[: place + 1]
        columns = CandleColumns(
            np.array([int(each.start.timestamp()) for each in known], dtype=np.int64),
            *(np.array([getattr(each, name.lower()) for each in known], dtype=np.float64) for name in FIELDS),
        )
        value = float(indicators.compute(wanted, columns)[output][-1])
        return None if isnan(value) else value


def pasts(written: list[TickSecond], timeframe: Timeframe, warmup: tuple[Candle, ...]) -> list[Past]:
    """Return what is known at each second."""
    found: list[Past] = []
    candles: list[Candle] = []
    for minute in warmup:
        add(candles, minute, timeframe)
    for each in written:
        for tick in each.ticks:
            if tick.symbol == "NIFTY":
                price = tick.ltp
                add(candles, Candle(each.timestamp, price, price, price, price, tick.volume), timeframe)
        found.append(Past(tuple(candles)))
    return found


def add(candles: list[Candle], new: Candle, timeframe: Timeframe) -> None:
    """Add a tick (or a minute) to candles, as a book would say it."""
    [epoch] = candle_starts(np.array([int(new.start.timestamp())], dtype=np.int64), timeframe).tolist()
    start = datetime.fromtimestamp(epoch, new.start.tzinfo)
    last = candles[-1] if candles else None
    if last is None or last.start != start:
        candles.append(Candle(start, new.open, new.high, new.low, new.close, new.volume))
        return
    candles[-1] = Candle(
        start, last.open, max(last.high, new.high), min(last.low, new.low), new.close, last.volume + new.volume
    )


TIMEFRAMES = (
    Timeframe("1s", "seconds", 1),
    Timeframe("7s", "seconds", 7),
    ONE_MINUTE,
    Timeframe("5m", "minutes", 5),
    Timeframe("1d", "days", 1),
    Timeframe("3d", "days", 3),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[TickSecond], tuple[Candle, ...]]:
    """Draw up to three days of ticks, in which the instrument may come late or not at all, and perhaps a warm-up."""
    written: list[TickSecond] = []
    for day in range(draw(st.integers(1, 3))):
        moment = at("09:15:00", DAY + timedelta(days=day))
        for _ in range(draw(st.integers(1, 12))):
            count = draw(st.integers(0, 3))
            ticks = [Tick("NIFTY", draw(st.integers(90, 110)) / 1.0, draw(st.integers(0, 5))) for _ in range(count)]
            written.append(TickSecond(moment, ticks or [Tick("OTHER", 5.0, 9)]))
            moment += timedelta(seconds=draw(st.sampled_from([1, 1, 3, 20, 61, 200])))
    closes = draw(st.lists(st.integers(90, 110), max_size=5))
    start = draw(st.sampled_from(["09:00:00", "09:12:00"]))
    return written, minutes(*map(float, closes), start=start, on=DAY) if closes else ()


@settings(max_examples=60)
@given(history=histories(), timeframe=st.sampled_from(TIMEFRAMES))
def test_every_candle_is_what_the_ticks_up_to_its_second_make_it(
    history: tuple[list[TickSecond], tuple[Candle, ...]], timeframe: Timeframe
) -> None:
    written, warmup = history
    expected = pasts(written, timeframe, warmup)

    done = 0
    for series in series_of(*written, timeframe=timeframe, warmup=warmup):
        ticks = len(series.bar_at)
        known = expected[done : done + ticks]
        for field in FIELDS:
            for offset in (0, -1, -2, -4):
                assert values(series.column(field, offset)) == [past.field(field, offset) for past in known]
        for place, past in enumerate(known):
            assert series.building(place) == (past.candles[-1] if past.candles else None)
            assert series.finished(place, 3) == past.candles[:-1][-3:]
        done += ticks


@settings(max_examples=60)
@given(history=histories(), timeframe=st.sampled_from(TIMEFRAMES), wanted=st.sampled_from(SPECS))
def test_every_indicator_is_what_the_ticks_up_to_its_second_make_it(
    history: tuple[list[TickSecond], tuple[Candle, ...]], timeframe: Timeframe, wanted: IndicatorSpec
) -> None:
    written, warmup = history
    expected = pasts(written, timeframe, warmup)

    done = 0
    for series in series_of(*written, timeframe=timeframe, warmup=warmup):
        ticks = len(series.bar_at)
        known = expected[done : done + ticks]
        for output in range(len(wanted.kind.outputs)):
            for offset in (0, -1, -2):
                found = values(series.indicator(wanted.key, output, offset))
                assert found == [
                    None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9)
                    for value in (past.indicator(wanted, output, offset) for past in known)
                ], (wanted.name, output, offset)
        finished = [past.indicator(wanted, 0, -1) for past in known]
        assert [series.indicator_value(wanted.key, place) for place in range(ticks)] == [
            None if value is None else pytest.approx(value, rel=1e-12, abs=1e-9) for value in finished
        ]
        done += ticks
