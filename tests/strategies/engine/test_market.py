"""The market as of a second: last prices, their age, candles and indicators of each instrument."""

from datetime import date

import pytest

from strategies.engine.candles import Candle
from strategies.engine.graph import parse_strategy
from strategies.engine.market import Market
from strategies.engine.ticks import TickList, TickSecond
from tests.builders.market_data import DAY, NEXT_DAY, WrittenDays, at, minutes, second, seconds
from tests.builders.strategy_documents import (
    always,
    entry_signal,
    rsi,
    square_off,
    start_node,
    strategy_document,
    timeframe,
)

PUT = "NIFTY:2024-11-07:OPT:24250:PE"


def market(*written: TickSecond, warmup: tuple[Candle, ...] = (), supporting: str | None = None) -> Market:
    """Return a market with the first of the days on its tape."""
    config = {"symbol": supporting or "", "timeframes": [timeframe("1m", rsi_2=rsi(2))]}
    start = start_node(
        "start",
        timeframe("1m", rsi_2=rsi(2)),
        timeframe("5m", number=5),
        supportingInstrumentEnabled=supporting is not None,
        supportingInstrumentConfig=config,
    )
    strategy = parse_strategy(strategy_document(start, entry_signal("signal", always()), square_off(is_immediate=True)))
    found = Market(strategy, warmup)
    found.begin_day(next(TickList(written).days()))
    return found


def test_after_a_second_every_price_is_the_last_one_of_its_symbol() -> None:
    found = market(second("09:15:00", {"NIFTY": [100, 101], PUT: 181.6}), second("09:15:05", {"NIFTY": 102}))

    found.move_to(1)

    assert {symbol: found.last_price(symbol) for symbol in ("NIFTY", PUT, "OTHER")} == {
        "NIFTY": 102, PUT: 181.6, "OTHER": None,
    }  # fmt: skip
    assert (found.quoted_at(PUT), found.quoted_at("OTHER")) == (at("09:15:00"), None)
    assert [found.quote_age_seconds(symbol) for symbol in ("NIFTY", PUT, "OTHER")] == [0, 5, None]
    assert (found.now, found.second_of_day, found.day) == (at("09:15:05"), 33_305, DAY)


def test_a_price_of_a_later_second_is_not_known_before_it() -> None:
    found = market(second("09:15:00", {"NIFTY": 100}), second("09:15:05", {"NIFTY": 102, PUT: 7}))

    found.move_to(0)

    assert (found.last_price("NIFTY"), found.last_price(PUT), found.quoted_at(PUT)) == (100, None, None)


def test_every_timeframe_is_built_from_every_tick_of_its_instrument_alone() -> None:
    found = market(*seconds({"NIFTY": [100, 103, 99], PUT: 7}, {"NIFTY": 101}))

    candle = Candle(at("09:15:00"), 100, 103, 99, 101, 0)
    assert {key: series.building(1) for key, series in found.series.items()} == {
        ("TI", "1m"): candle,
        ("TI", "5m"): candle,
    }


def test_indicators_are_computed_on_warm_up_candles_and_then_whenever_a_candle_is_finished() -> None:
    moments = (("09:15:00", 50.0), ("09:15:59", 60.0), ("09:16:00", 61.0), ("09:17:00", 62.0))
    found = market(
        *(second(moment, {"NIFTY": price}) for moment, price in moments),
        warmup=minutes(100, 101, 100, start="09:12:00"),
    )
    series = found.series["TI", "1m"]

    # One up and one down by a point each: 50. Then down 40, up 1: Wilder's averages of two.
    after_minute_15 = 100 * 0.25 / (0.25 + 20.25)
    assert [series.indicator_value("rsi_2", place) for place in range(4)] == [
        50.0, 50.0, pytest.approx(after_minute_15), pytest.approx(100 * 0.625 / (0.625 + 10.125)),
    ]  # fmt: skip
    assert series.indicator_value("rsi_2", 3) == series.indicator("rsi_2", 0, -1)[3]


def test_a_supporting_instrument_has_candles_and_quotes_of_its_own_and_no_warm_up() -> None:
    found = market(second("09:15:00", {"BANKNIFTY": 51_000}), warmup=minutes(100, 101), supporting="BANKNIFTY")

    assert found.symbols == {"TI": "NIFTY", "SI": "BANKNIFTY"}
    assert found.series["SI", "1m"].finished(0, 4) == ()
    assert found.series["SI", "1m"].building(0) == Candle(at("09:15:00"), 51_000, 51_000, 51_000, 51_000, 0)
    assert found.series["TI", "1m"].building(0) == minutes(100, 101)[-1]


def test_a_day_knows_when_its_session_closes() -> None:
    found = market(second("09:15:00", {"NIFTY": 100}))
    special = WrittenDays([second("18:15:00", {"NIFTY": 101}, NEXT_DAY)], closes={NEXT_DAY: "19:15"})
    before = found.close_seconds

    found.begin_day(next(special.days()))

    assert (before, found.close_seconds, found.day) == (55_800, 69_300, NEXT_DAY)


def test_prices_of_a_day_are_forgotten_on_the_next_and_candles_are_not() -> None:
    found = market(second("15:29:59", {"NIFTY": 100, PUT: 7}))
    written = WrittenDays([second("09:15:00", {PUT: 8}, NEXT_DAY), second("09:15:01", {"NIFTY": 102}, NEXT_DAY)])

    found.begin_day(next(written.days()))

    assert (found.last_price("NIFTY"), found.last_price(PUT), found.quote_age_seconds("NIFTY")) == (None, 8, None)
    assert [found.series["TI", "1m"].building(place) for place in range(2)] == [
        Candle(at("15:29:00"), 100, 100, 100, 100),
        Candle(at("09:15:00", date(2024, 10, 30)), 102, 102, 102, 102),
    ]
