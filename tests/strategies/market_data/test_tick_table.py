"""The table of ticks keeps every tick, second by second, and its fingerprint depends on the content alone."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strategies.engine.candles import Candle
from strategies.engine.ticks import MarketData, Tick, TickSecond
from strategies.market_data.tick_table import TickTable

KOLKATA = ZoneInfo("Asia/Kolkata")
OPEN = datetime(2024, 10, 29, 9, 15, tzinfo=KOLKATA)
PUT = "NIFTY:2024-11-07:OPT:24250:PE"
CANDLE = Candle(datetime(2024, 10, 28, 15, 29, tzinfo=KOLKATA), 24356.35, 24368.75, 24354.25, 24367.7)


def table(
    *,
    names: Sequence[str] = ("NIFTY", PUT),
    codes: Sequence[int] = (0, 1, 0, 0),
    ltp: Sequence[float] = (24328.85, 181.6, 24329.0, 24330.05),
    candles: Sequence[Candle] = (),
) -> TickTable:
    begin = int(OPEN.timestamp())
    return TickTable(
        epoch_seconds=np.array([begin, begin, begin + 1, begin + 1], dtype=np.int64),
        symbol_codes=np.array(codes),
        symbol_names=names,
        ltp=np.array(ltp),
        volume=np.array([0, 75, 0, 0], dtype=np.int64),
        oi=np.array([0, 66_350, 0, 0], dtype=np.int64),
        warmup_candles=candles,
    )


def test_seconds_hold_their_ticks_in_order_of_arrival_and_can_be_walked_again() -> None:
    data: MarketData = table()

    expected = [
        TickSecond(OPEN, [Tick("NIFTY", 24328.85, 0, 0), Tick(PUT, 181.6, 75, 66_350)]),
        TickSecond(OPEN + timedelta(seconds=1), [Tick("NIFTY", 24329.0, 0, 0), Tick("NIFTY", 24330.05, 0, 0)]),
    ]
    assert list(data.seconds()) == expected
    assert list(data.seconds()) == expected


def test_ticks_are_plain_python_values_and_moments_are_aware() -> None:
    first = next(table().seconds())

    assert [type(value) for value in first.ticks[1]] == [str, float, int, int]
    assert (type(first.ticks[1]), first.timestamp.tzinfo, first.timestamp.microsecond) == (Tick, KOLKATA, 0)


def test_a_table_says_what_it_holds() -> None:
    data = table(names=("NIFTY", PUT, "BANKNIFTY"), candles=[CANDLE])

    assert data.symbols == {"NIFTY", PUT}
    assert (data.total_ticks, data.total_raw_ticks) == (2, 4)
    assert (data.first_date, data.last_date) == (date(2024, 10, 29), date(2024, 10, 29))
    assert data.warmup_candles == (CANDLE,)


def test_the_fingerprint_does_not_depend_on_how_symbols_are_numbered() -> None:
    renumbered = table(names=("BANKNIFTY", PUT, "NIFTY"), codes=(2, 1, 2, 2))

    assert renumbered.fingerprint == table().fingerprint


@pytest.mark.parametrize(
    "other",
    [
        table(ltp=(24328.85, 181.65, 24329.0, 24330.05)),
        table(codes=(1, 0, 0, 0)),
        table(names=("NIFTY", "NIFTY:2024-11-07:OPT:24250:CE")),
        table(candles=[CANDLE]),
    ],
    ids=["price", "order", "symbol", "warm-up candle"],
)
def test_the_fingerprint_changes_with_the_content(other: TickTable) -> None:
    assert other.fingerprint != table().fingerprint


def test_a_table_without_ticks_is_refused() -> None:
    nothing = np.array([], dtype=np.int64)
    no_prices = np.array([], dtype=np.float64)

    with pytest.raises(ValueError, match="at least one tick"):
        TickTable(
            epoch_seconds=nothing, symbol_codes=nothing, symbol_names=(), ltp=no_prices, volume=nothing, oi=nothing
        )
