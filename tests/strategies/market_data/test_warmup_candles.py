"""Warm-up candles are read and checked like ticks."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from strategies.engine.candles import Candle
from strategies.market_data.files import MarketDataFileInvalid, load_market_data

KOLKATA = ZoneInfo("Asia/Kolkata")
HEADER = "timestamp,open,high,low,close"
FIRST = "2024-10-28 15:28:00,24347.65,24358.9,24344.7,24356.65"
CORRECT = "correct the candle or leave it out"


@pytest.fixture
def ticks(tmp_path: Path) -> Path:
    path = tmp_path / "ticks.csv"
    path.write_text("timestamp,symbol,ltp\n2024-10-29 09:15:07,NIFTY,24328.85\n")
    return path


def test_candles_are_read_in_exchange_time(ticks: Path, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text(f"{HEADER},volume\n{FIRST},0\n2024-10-28T09:59:00Z,24356.35,24368.75,24354.25,24367.7,25\n")

    data = load_market_data(ticks, warmup=path)

    assert data.warmup_candles == (
        Candle(datetime(2024, 10, 28, 15, 28, tzinfo=KOLKATA), 24347.65, 24358.9, 24344.7, 24356.65, 0),
        Candle(datetime(2024, 10, 28, 15, 29, tzinfo=KOLKATA), 24356.35, 24368.75, 24354.25, 24367.7, 25),
    )


BAD_ROWS = {
    "high below low": (
        "2024-10-28 15:29:00,24350,24340,24345,24342",
        f"high 24340 is below low 24345; {CORRECT}",
    ),
    "high below close": (
        "2024-10-28 15:29:00,24350,24360,24340,24361",
        f"high 24360 is below open or close; {CORRECT}",
    ),
    "low above open": ("2024-10-28 15:29:00,24340,24360,24345,24350", f"low 24345 is above open or close; {CORRECT}"),
    "out of order": (
        "2024-10-28 15:27:00,1,1,1,1",
        "the candle is not later than the one before; sort by time, one candle a minute",
    ),
    "twice": (
        FIRST,
        "the candle is not later than the one before; sort by time, one candle a minute",
    ),
    "inside a minute": (
        "2024-10-28 15:29:30,1,1,1,1",
        "the candle does not start at a whole minute; use one-minute candles",
    ),
    "minute of the first tick": (
        "2024-10-29 09:15:00,1,1,1,1",
        "the candle is not from before the first tick; use candles from before the first tick only",
    ),
    "NaN": ("2024-10-28 15:29:00,1,1,nan,1", "low is not a number (NaN); correct the value or leave the row out"),
    "zero": (
        "2024-10-28 15:29:00,0,1,1,1",
        "open is 0, and a price is above zero; correct the value or leave the row out",
    ),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_candle_is_refused_with_its_line(ticks: Path, tmp_path: Path, name: str) -> None:
    row, expected = BAD_ROWS[name]
    path = tmp_path / "candles.csv"
    path.write_text(f"{HEADER}\n{FIRST}\n{row}\n")

    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(ticks, warmup=path)

    assert str(caught.value) == f"{path}, line 3: {expected}"


def test_a_candle_file_without_a_column_is_refused(ticks: Path, tmp_path: Path) -> None:
    path = tmp_path / "candles.csv"
    path.write_text("timestamp,open,high,low\n")

    with pytest.raises(MarketDataFileInvalid) as caught:
        load_market_data(ticks, warmup=path)

    assert str(caught.value) == (
        f"{path}, line 1: column 'close' is missing (the file has: timestamp, open, high, low); "
        "name the columns timestamp, open, high, low, close and, if known, volume"
    )
