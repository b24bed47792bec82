"""What every source of market data keeps, the table of the importers and plain records alike; and what is refused."""

import math
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime

import numpy as np
import pytest

from strategies.engine.candles import Candle
from strategies.engine.errors import MarketDataInvalid
from strategies.engine.ticks import MarketData, Tick, TickList, TickSecond, exchange_date, exchange_time
from strategies.market_data.tick_table import TickTable
from tests.builders.market_data import at, minutes, second

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
SECONDS = (
    TickSecond(at("09:15:00"), [Tick("NIFTY", 24260.5, 0, 0)]),
    TickSecond(at("09:15:02"), [Tick(PUT, 181.6, 75, 12_000), Tick("NIFTY", 24261.0, 0, 0), Tick(PUT, 181.55, 25, 0)]),
    TickSecond(at("15:30:00"), [Tick("NIFTY", 24300.25, 0, 0)]),
    TickSecond(at("09:15:00", date(2024, 10, 30)), [Tick(PUT, 170.0, 1, 2)]),
)
WARMUP = minutes(24250.0, 24255.5, start="09:00:00")

Build = Callable[[Sequence[TickSecond], Sequence[Candle]], MarketData]


def table(seconds: Sequence[TickSecond], warmup: Sequence[Candle]) -> MarketData:
    rows = [(int(each.timestamp.timestamp()), tick) for each in seconds for tick in each.ticks]
    names = sorted({tick.symbol for _, tick in rows})
    return TickTable(
        epoch_seconds=np.array([epoch for epoch, _ in rows], dtype=np.int64),
        symbol_codes=np.array([names.index(tick.symbol) for _, tick in rows], dtype=np.int64),
        symbol_names=names,
        ltp=np.array([tick.ltp for _, tick in rows], dtype=np.float64),
        volume=np.array([tick.volume for _, tick in rows], dtype=np.int64),
        oi=np.array([tick.oi for _, tick in rows], dtype=np.int64),
        warmup_candles=warmup,
    )


@pytest.fixture(params=[TickList, table])
def build(request: pytest.FixtureRequest) -> Build:
    chosen: Build = request.param
    return chosen


def written(data: MarketData) -> list[TickSecond]:
    """Write the columns down again as records."""
    return list(_written(data))


def _written(data: MarketData) -> Iterator[TickSecond]:
    for day in data.days():
        columns = zip(day.codes.tolist(), day.ltp.tolist(), day.volume.tolist(), day.oi.tolist(), strict=True)
        ticks = [Tick(day.symbols[code], *more) for code, *more in columns]
        for place, epoch in enumerate(day.seconds.tolist()):
            yield TickSecond(exchange_time(epoch), ticks[day.starts[place] : day.starts[place + 1]])


def test_seconds_come_as_they_were_given_and_may_be_read_again(build: Build) -> None:
    data = build(SECONDS, WARMUP)

    first, again = written(data), written(data)

    assert first == list(SECONDS)
    assert again == first


def test_a_days_columns_have_the_day_its_own_symbols_and_the_regular_close(build: Build) -> None:
    days = list(build(SECONDS, WARMUP).days())

    assert [(day.day, tuple(day.symbols), day.close_seconds, day.bid, day.ask) for day in days] == [
        (date(2024, 10, 29), ("NIFTY", PUT), 55_800, None, None),
        (date(2024, 10, 30), (PUT,), 55_800, None, None),
    ]
    assert [day.starts.tolist() for day in days] == [[0, 1, 4, 5], [0, 1]]


def test_the_data_say_what_they_hold(build: Build) -> None:
    data = build(SECONDS, WARMUP)

    assert (data.symbols, data.total_ticks, data.first_date, data.last_date, tuple(data.warmup_candles)) == (
        frozenset({"NIFTY", PUT}),
        4,
        date(2024, 10, 29),
        date(2024, 10, 30),
        WARMUP,
    )


def test_equal_content_has_an_equal_fingerprint_and_other_content_another(build: Build) -> None:
    dearer = (*SECONDS[:3], TickSecond(at("09:15:00", date(2024, 10, 30)), [Tick(PUT, 170.05, 1, 2)]))

    one, same = build(SECONDS, WARMUP).fingerprint, build(SECONDS, WARMUP).fingerprint
    others = {build(dearer, WARMUP).fingerprint, build(SECONDS, ()).fingerprint}

    assert same == one
    assert len({one, *others}) == 3


def test_instants_are_shown_as_exchange_time() -> None:
    epoch = int(at("00:10:00").timestamp())

    assert (str(exchange_time(epoch)), exchange_date(epoch)) == ("2024-10-29 00:10:00+05:30", date(2024, 10, 29))


@pytest.mark.parametrize("later", ["09:15:05", "09:15:04", "09:14:00"])
def test_a_second_that_does_not_come_after_the_one_before_is_refused(later: str) -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        TickList([second("09:15:05", {"NIFTY": 100}), second(later, {"NIFTY": 100})])

    place = f"2024-10-29 {later}+05:30"
    assert (caught.value.place, caught.value.message) == (
        place,
        f"ticks are out of order: {place} comes after 2024-10-29 09:15:05+05:30",
    )


def test_a_second_without_a_tick_is_refused() -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        TickList([TickSecond(at("09:15:00"), [])])

    assert str(caught.value) == "2024-10-29 09:15:00+05:30: the second holds no tick"


def test_no_second_at_all_is_refused() -> None:
    with pytest.raises(MarketDataInvalid, match="there is no tick at all"):
        TickList([])


@pytest.mark.parametrize("moment", [datetime(2024, 10, 29, 9, 15), at("09:15:00").replace(microsecond=1)])  # noqa: DTZ001
def test_a_time_without_zone_or_with_a_part_of_a_second_is_refused(moment: datetime) -> None:
    with pytest.raises(MarketDataInvalid, match="a second is an aware time without microseconds"):
        TickList([TickSecond(moment, [Tick("NIFTY", 100.0)])])


@pytest.mark.parametrize("price", [0, 0.0, -0.0, -1.5, math.nan, math.inf, -math.inf, 1e12, 1e300])
def test_a_price_that_is_not_above_zero_and_below_a_trillion_is_refused_with_its_place(price: float) -> None:
    with pytest.raises(MarketDataInvalid) as caught:
        TickList([second("09:15:00", {"NIFTY": [100, price]})])

    assert (caught.value.place, caught.value.message) == (
        "2024-10-29 09:15:00+05:30",
        f"NIFTY has the price {price}; a price is above zero and below 1e+12",
    )
