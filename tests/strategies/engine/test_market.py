"""The market at a tick: quotes, candles and indicators, and ticks that are refused with their place."""

import math

import pytest

from strategies.engine.candles import Candle
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.graph import parse_strategy
from strategies.engine.market import Market, Quote
from strategies.engine.ticks import Tick, TickSecond
from tests.builders.market_data import at, minutes, second, seconds
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


def market(*, warmup: tuple[Candle, ...] = (), supporting: str | None = None) -> Market:
    config = {"symbol": supporting or "", "timeframes": [timeframe("1m", rsi_2=rsi(2))]}
    start = start_node(
        "start",
        timeframe("1m", rsi_2=rsi(2)),
        timeframe("5m", number=5),
        supportingInstrumentEnabled=supporting is not None,
        supportingInstrumentConfig=config,
    )
    return Market(
        parse_strategy(strategy_document(start, entry_signal("signal", always()), square_off(is_immediate=True))),
        warmup,
    )


def test_after_a_second_every_price_is_the_last_one_of_its_symbol() -> None:
    found = market()

    found.apply(
        TickSecond(at("09:15:00"), [Tick("NIFTY", 100, 1, 2), Tick(PUT, 181.6, 75, 9), Tick("NIFTY", 101, 3, 4)])
    )
    found.apply(TickSecond(at("09:15:05"), [Tick("NIFTY", 102, 5, 6)]))

    assert found.quotes == {
        "NIFTY": Quote(102, 5, 6, at("09:15:05")),
        PUT: Quote(181.6, 75, 9, at("09:15:00")),
    }
    assert (found.now, found.second_of_day) == (at("09:15:05"), 33_305)


def test_a_quote_that_somebody_holds_changes_with_the_market() -> None:
    found = market()
    found.apply(second("09:15:00", {PUT: 181.6}))
    held = found.quotes[PUT]

    found.apply(second("09:15:01", {PUT: 182.0}))

    assert (held.ltp, held.at) == (182.0, at("09:15:01"))


def test_every_timeframe_is_built_from_every_tick_of_its_instrument_alone() -> None:
    found = market()

    for each in seconds({"NIFTY": [100, 103, 99], PUT: 7}, {"NIFTY": 101}):
        found.apply(each)

    candle = Candle(at("09:15:00"), 100, 103, 99, 101, 0)
    assert {key: series.candles.building() for key, series in found.series.items()} == {
        ("TI", "1m"): candle,
        ("TI", "5m"): candle,
    }


def test_indicators_are_computed_on_warm_up_candles_and_then_whenever_a_candle_is_finished() -> None:
    found = market(warmup=minutes(100, 101, 100, start="09:12:00"))
    rsi_2 = found.series["TI", "1m"].indicators["rsi_2"]

    values = []
    for moment, price in (("09:15:00", 50.0), ("09:15:59", 60.0), ("09:16:00", 61.0), ("09:17:00", 62.0)):
        found.apply(second(moment, {"NIFTY": price}))
        values.append(list(rsi_2.values))

    # One up and one down by a point each: 50. Then down 40, up 1: Wilder's averages of two.
    after_minute_15 = 100 * 0.25 / (0.25 + 20.25)
    assert values == [
        [None, None, 50.0],
        [None, None, 50.0],
        [None, None, 50.0, pytest.approx(after_minute_15)],
        [None, None, 50.0, pytest.approx(after_minute_15), pytest.approx(100 * 0.625 / (0.625 + 10.125))],
    ]


def test_a_supporting_instrument_has_candles_and_quotes_of_its_own_and_no_warm_up() -> None:
    found = market(warmup=minutes(100, 101), supporting="BANKNIFTY")

    found.apply(second("09:15:00", {"BANKNIFTY": 51_000}))

    assert found.symbols == {"TI": "NIFTY", "SI": "BANKNIFTY"}
    assert found.series["SI", "1m"].candles.finished == []
    assert found.series["SI", "1m"].candles.building() == Candle(at("09:15:00"), 51_000, 51_000, 51_000, 51_000, 0)
    assert found.series["TI", "1m"].candles.building() == minutes(100, 101)[-1]


@pytest.mark.parametrize("later", ["09:15:05", "09:15:04", "09:14:00"])
def test_a_second_that_does_not_come_after_the_one_before_is_refused(later: str) -> None:
    found = market()
    found.apply(second("09:15:05", {"NIFTY": 100}))

    with pytest.raises(MarketDataInvalid) as caught:
        found.apply(second(later, {"NIFTY": 100}))

    place = f"2024-10-29 {later}+05:30"
    assert (caught.value.place, caught.value.message) == (
        place,
        f"ticks are out of order: {place} comes after 2024-10-29 09:15:05+05:30",
    )


def test_a_second_without_a_tick_is_refused() -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        market().apply(TickSecond(at("09:15:00"), []))

    assert str(caught.value) == "2024-10-29 09:15:00+05:30: the second holds no tick"


@pytest.mark.parametrize("price", [0, 0.0, -0.0, -1.5, math.nan, math.inf, -math.inf, 1e12, 1e300])
def test_a_price_that_is_not_above_zero_and_below_a_trillion_is_refused_with_its_place(price: float) -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        market().apply(second("09:15:00", {"NIFTY": [100, price]}))

    assert (caught.value.place, caught.value.message) == (
        "2024-10-29 09:15:00+05:30",
        f"NIFTY has the price {price}; a price is above zero and below 1e+12",
    )
