"""What every source of market data keeps: the real table and the tests' own fake are held to the same contract."""

from collections.abc import Callable, Sequence
from datetime import date

import numpy as np
import pytest

from strategies.engine.candles import Candle
from strategies.engine.ticks import MarketData, Tick, TickSecond
from strategies.market_data.tick_table import TickTable
from tests.builders.market_data import at, minutes
from tests.fakes.in_memory_market_data import InMemoryMarketData

PUT = "NIFTY:2024-11-07:OPT:24250:PE"
SECONDS = (
    TickSecond(at("09:15:00"), [Tick("NIFTY", 24260.5, 0, 0)]),
    TickSecond(at("09:15:02"), [Tick(PUT, 181.6, 75, 12_000), Tick("NIFTY", 24261.0, 0, 0), Tick(PUT, 181.55, 25, 0)]),
    TickSecond(at("15:30:00"), [Tick("NIFTY", 24300.25, 0, 0)]),
)
WARMUP = minutes(24250.0, 24255.5, start="09:00:00")

Build = Callable[[Sequence[TickSecond], Sequence[Candle]], MarketData]


def in_memory(seconds: Sequence[TickSecond], warmup: Sequence[Candle]) -> MarketData:
    return InMemoryMarketData(seconds, warmup_candles=warmup)


def table(seconds: Sequence[TickSecond], warmup: Sequence[Candle]) -> MarketData:
    rows = [(int(second.timestamp.timestamp()), tick) for second in seconds for tick in second.ticks]
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


@pytest.fixture(params=[in_memory, table])
def build(request: pytest.FixtureRequest) -> Build:
    chosen: Build = request.param
    return chosen


def test_seconds_come_as_they_were_given_and_may_be_read_again(build: Build) -> None:
    data = build(SECONDS, WARMUP)

    first = [(second.timestamp, tuple(second.ticks)) for second in data.seconds()]
    again = [(second.timestamp, tuple(second.ticks)) for second in data.seconds()]

    assert first == [(second.timestamp, tuple(second.ticks)) for second in SECONDS]
    assert again == first


def test_timestamps_are_exchange_time(build: Build) -> None:
    stamps = [str(second.timestamp) for second in build(SECONDS, WARMUP).seconds()]

    assert stamps == ["2024-10-29 09:15:00+05:30", "2024-10-29 09:15:02+05:30", "2024-10-29 15:30:00+05:30"]


def test_the_data_say_what_they_hold(build: Build) -> None:
    data = build(SECONDS, WARMUP)

    assert (data.symbols, data.total_ticks, data.first_date, data.last_date, tuple(data.warmup_candles)) == (
        frozenset({"NIFTY", PUT}),
        3,
        date(2024, 10, 29),
        date(2024, 10, 29),
        WARMUP,
    )


def test_equal_content_has_an_equal_fingerprint_and_other_content_another(build: Build) -> None:
    dearer = (*SECONDS[:2], TickSecond(at("15:30:00"), [Tick("NIFTY", 24300.30, 0, 0)]))

    one, same = build(SECONDS, WARMUP).fingerprint, build(SECONDS, WARMUP).fingerprint
    others = {build(dearer, WARMUP).fingerprint, build(SECONDS, ()).fingerprint}

    assert same == one
    assert len({one, *others}) == 3
