"""The table of ticks keeps every tick, second by second, and its fingerprint depends on the content alone."""

from collections.abc import Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from strategies.engine.candles import Candle
from strategies.engine.ticks import MarketData
from strategies.market_data.calendar import Market
from strategies.market_data.tick_table import TickTable

KOLKATA = ZoneInfo("Asia/Kolkata")
OPEN = datetime(2024, 10, 29, 9, 15, tzinfo=KOLKATA)
PUT = "NIFTY:2024-11-07:OPT:24250:PE"
CALL = "NIFTY:2024-11-07:OPT:24250:CE"
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


def days_of(*days: str, market: Market = "nse", has_quotes: bool = False) -> TickTable:
    """Return two ticks of NIFTY on each day."""
    opens = [int(datetime.fromisoformat(f"{day} 09:15:00+05:30").timestamp()) for day in days]
    seconds = np.array([second for begin in opens for second in (begin, begin + 1)], dtype=np.int64)
    nothing = np.zeros(len(seconds), dtype=np.int64)
    ltp = np.arange(100, 100 + len(seconds), dtype=np.float64)
    return TickTable(
        epoch_seconds=seconds,
        symbol_codes=nothing,
        symbol_names=("NIFTY",),
        ltp=ltp,
        volume=nothing,
        oi=nothing,
        bid=np.subtract(ltp, 0.5, dtype=np.float64) if has_quotes else None,
        ask=np.add(ltp, 0.5, dtype=np.float64) if has_quotes else None,
        market=market,
    )


def test_a_day_is_columns_without_copies_and_can_be_walked_again() -> None:
    data: MarketData = table()

    first, second = list(data.days()), list(data.days())

    assert len(first) == 1
    assert first[0] is second[0]
    day = first[0]
    begin = int(OPEN.timestamp())
    assert (day.day, day.symbols) == (date(2024, 10, 29), ("NIFTY", PUT))
    assert (day.seconds.tolist(), day.starts.tolist()) == ([begin, begin + 1], [0, 2, 4])
    assert (day.codes.tolist(), day.ltp.tolist()) == ([0, 1, 0, 0], [24328.85, 181.6, 24329.0, 24330.05])
    assert (day.volume.tolist(), day.oi.tolist()) == ([0, 75, 0, 0], [0, 66_350, 0, 0])
    assert (day.bid, day.ask) == (None, None)
    assert day.close_seconds == 15 * 3600 + 30 * 60


def test_several_days_are_slices_of_one_table() -> None:
    data = days_of("2024-10-29", "2024-11-01", "2024-11-04")

    days = list(data.days())

    assert [str(day.day) for day in days] == ["2024-10-29", "2024-11-01", "2024-11-04"]
    assert data.dates == tuple(day.day for day in days)
    assert (data.first_date, data.last_date, data.total_ticks) == (days[0].day, days[2].day, 6)
    assert [day.ltp.tolist() for day in days] == [[100.0, 101.0], [102.0, 103.0], [104.0, 105.0]]
    assert [day.starts.tolist() for day in days] == [[0, 1, 2]] * 3
    assert days[1].ltp.base is days[2].ltp.base


def test_a_day_with_a_session_of_its_own_closes_when_that_ends() -> None:
    """2024-11-01 was Laxmi Pujan: an hour of trading, from 18:00 to 19:00."""
    assert [day.close_seconds for day in days_of("2024-10-31", "2024-11-01").days()] == [15 * 3600 + 1800, 19 * 3600]


def test_a_market_around_the_clock_closes_at_midnight() -> None:
    assert [day.close_seconds for day in days_of("2024-10-31", market="24h").days()] == [86_400]


def test_a_day_names_only_the_contracts_that_it_has() -> None:
    """No look-ahead: a contract that is first traded tomorrow is not there today."""
    begin = int(OPEN.timestamp())
    data = TickTable(
        epoch_seconds=np.array([begin, begin, begin + 86_400, begin + 86_400], dtype=np.int64),
        symbol_codes=np.array([0, 1, 0, 2]),
        symbol_names=("NIFTY", PUT, CALL),
        ltp=np.array([1.0, 2.0, 3.0, 4.0]),
        volume=np.zeros(4, dtype=np.int64),
        oi=np.zeros(4, dtype=np.int64),
    )

    named = [
        [(day.symbols[code], price) for code, price in zip(day.codes, day.ltp, strict=True)] for day in data.days()
    ]

    assert named == [[("NIFTY", 1.0), (PUT, 2.0)], [("NIFTY", 3.0), (CALL, 4.0)]]
    assert [day.symbols for day in data.days()] == [("NIFTY", PUT), ("NIFTY", CALL)]
    assert data.symbols == {"NIFTY", PUT, CALL}


def test_quotes_are_cut_into_days_as_well() -> None:
    data = days_of("2024-10-29", "2024-10-30", has_quotes=True)

    assert [None if day.bid is None else day.bid.tolist() for day in data.days()] == [[99.5, 100.5], [101.5, 102.5]]
    assert [None if day.ask is None else day.ask.tolist() for day in data.days()] == [[100.5, 101.5], [102.5, 103.5]]


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
        days_of("2024-10-29"),
        days_of("2024-10-29", has_quotes=True),
    ],
    ids=["price", "order", "symbol", "warm-up candle", "day", "quotes"],
)
def test_the_fingerprint_changes_with_the_content(other: TickTable) -> None:
    assert other.fingerprint not in {table().fingerprint, days_of("2024-10-30").fingerprint}


def test_a_table_without_ticks_is_refused() -> None:
    nothing = np.array([], dtype=np.int64)
    no_prices = np.array([], dtype=np.float64)

    with pytest.raises(ValueError, match="at least one tick"):
        TickTable(
            epoch_seconds=nothing, symbol_codes=nothing, symbol_names=(), ltp=no_prices, volume=nothing, oi=nothing
        )
