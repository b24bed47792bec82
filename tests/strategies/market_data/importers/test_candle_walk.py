"""Ticks that stand in for candles build the same candles again, and never come before what is known."""

import json
import tempfile
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.engine import candles as engine_candles
from strategies.engine.candles import CandleColumns, Timeframe
from strategies.market_data import exchange_time
from strategies.market_data.importers.options import CandleWalk
from strategies.market_data.tick_table import TickTable
from tests.strategies.market_data.importers.importing import imported, written

KOLKATA = ZoneInfo("Asia/Kolkata")
HEADER = "date,open,high,low,close,volume,oi"
FUTURE = "NIFTY:2024-10-31:FUT"


def clocks(table: TickTable) -> list[str]:
    return [
        exchange_time.exchange_datetime(second).strftime("%H:%M:%S")
        for day in table.days()
        for second in np.repeat(day.seconds, np.diff(day.starts)).tolist()
    ]


def prices(table: TickTable) -> list[float]:
    return [price for day in table.days() for price in day.ltp.tolist()]


@pytest.mark.parametrize(
    ("walk", "expected"), [("OLHC", [100.0, 95.0, 110.0, 105.0]), ("OHLC", [100.0, 110.0, 95.0, 105.0])]
)
def test_the_walk_gives_the_order_of_the_prices_and_is_named(
    tmp_path: Path, walk: CandleWalk, expected: list[float]
) -> None:
    path = written(tmp_path / "c.csv", HEADER, "2024-10-29 09:15:00+05:30,100,110,95,105,7,0")

    result = imported("kite-csv", ("NIFTY", path), walk=walk, candle_seconds=60)

    assert prices(result.table) == expected
    assert clocks(result.table) == ["09:15:00", "09:15:20", "09:15:40", "09:15:59"]
    assert (result.report.candle_walk, result.table.candle_walk) == (walk, walk)


def test_volume_is_shared_out_and_open_interest_waits_for_the_end_of_the_candle(tmp_path: Path) -> None:
    """What the source counts at the end of a candle is not known before."""
    path = written(
        tmp_path / "c.csv",
        HEADER,
        "2024-10-29 09:15:00+05:30,100,110,95,105,7,500",
        "2024-10-29 09:16:00+05:30,105,106,104,105,8,600",
    )

    (day,) = imported("kite-csv", (FUTURE, path)).table.days()

    assert day.volume.tolist() == [1, 1, 1, 4, 2, 2, 2, 2]
    assert day.oi.tolist() == [0, 0, 0, 500, 500, 500, 500, 600]


def test_the_last_candle_of_a_day_ends_with_the_session(tmp_path: Path) -> None:
    """Candles of half an hour begin at 09:15, so that the last, from 15:15, has a quarter of an hour."""
    path = written(
        tmp_path / "c.csv",
        HEADER,
        "2024-10-29 14:45:00+05:30,100,110,95,105,0,0",
        "2024-10-29 15:15:00+05:30,105,106,104,105,0,0",
    )

    walked = clocks(imported("kite-csv", ("NIFTY", path)).table)

    assert walked == [
        *["14:45:00", "14:55:00", "15:05:00", "15:14:59"],
        *["15:15:00", "15:20:00", "15:25:00", "15:29:59"],
    ]


def test_a_candle_of_a_day_is_walked_from_open_to_close(tmp_path: Path) -> None:
    """Also on a day with hours of its own: Muhurat trading of 2024-11-01, from 18:00 to 19:00."""
    path = written(
        tmp_path / "c.csv",
        HEADER,
        "2024-10-31 00:00:00+05:30,100,110,95,105,0,0",
        "2024-11-01 00:00:00+05:30,105,106,104,105,0,0",
    )

    walked = clocks(imported("kite-csv", ("NIFTY", path)).table)

    assert walked == [
        *["09:15:00", "11:20:00", "13:25:00", "15:29:59"],
        *["18:00:00", "18:20:00", "18:40:00", "18:59:59"],
    ]


def test_a_candle_of_one_second_is_four_ticks_of_that_second(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", HEADER, "2024-10-29 09:15:00+05:30,100,110,95,105,0,0")

    table = imported("kite-csv", ("NIFTY", path), candle_seconds=1).table

    assert clocks(table) == ["09:15:00"] * 4
    assert prices(table) == [100.0, 95.0, 110.0, 105.0]
    assert table.total_ticks == 1


CANDLES = st.lists(
    st.tuples(
        st.lists(st.integers(1, 4000).map(lambda steps: steps / 20), min_size=4, max_size=4),
        st.integers(0, 10**6),
        st.integers(0, 10**9),
    ),
    min_size=2,
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(
    candles=CANDLES,
    minutes=st.sampled_from([1, 3, 5, 15, 75]),
    places=st.sets(st.integers(0, 4), min_size=2),
    walk=st.sampled_from(["OLHC", "OHLC"]),
)
def test_candles_of_ticks_of_candles_are_the_candles(
    candles: list[tuple[list[float], int, int]], minutes: int, places: set[int], walk: CandleWalk
) -> None:
    """The ticks build, in the engine's own candles, what they were made of."""
    begin = datetime(2024, 10, 29, 9, 15, tzinfo=KOLKATA)
    # The distance between two candles shows their length, so two must be neighbours.
    slots = sorted({0, 1} | places)[: len(candles)]
    rows = []
    for slot, ((first, a, b, last), volume, oi) in zip(slots, candles, strict=False):
        start = begin + timedelta(minutes=minutes * slot)
        ordered = sorted((first, a, b, last))
        rows.append([start.isoformat(), first, ordered[-1], ordered[0], last, volume, oi])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "candles.json"
        path.write_text(json.dumps({"status": "success", "data": {"candles": rows}}))
        table = imported("kite-json", (FUTURE, path), walk=walk).table

    (day,) = table.days()
    seconds = np.repeat(day.seconds, np.diff(day.starts))
    traded = day.volume.astype(np.float64)
    ticks = CandleColumns(seconds, day.ltp, day.ltp, day.ltp, day.ltp, traded)
    span = Timeframe(f"{minutes}m", "minutes", minutes)
    joined, _ = engine_candles.gather(engine_candles.candle_starts(seconds, span), ticks)

    again = [
        [candle.start.isoformat(), candle.open, candle.high, candle.low, candle.close, candle.volume]
        for candle in map(joined.candle, range(len(joined)))
    ]
    assert again == [row[:6] for row in rows]
    assert day.oi.tolist()[3::4] == [row[6] for row in rows]
    assert all(earlier <= later for earlier, later in pairwise(seconds.tolist()))
