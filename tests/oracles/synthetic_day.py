"""
The synthetic day on which six engines agree: optional reference data, read whole.

backtesting.py, backtrader, nautilus_trader, vectorbt, a plain loop and numpy make the same 52 trades of it.
"""

import csv
import gzip
import os
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pytest

ROOT = Path(__file__).resolve().parents[2]
MIDNIGHT = datetime(2024, 10, 29, tzinfo=ZoneInfo("Asia/Kolkata"))


class ExpectedTrade(NamedTuple):
    """One trade of the day: one unit of the option, sold. Ticks count from 0."""

    entry_tick: int
    entry_time: datetime
    entry_price: Decimal
    exit_tick: int
    exit_time: datetime
    exit_price: Decimal
    reason: str
    pnl: Decimal


class DaySecond(NamedTuple):
    """One tick of the day."""

    at: datetime
    underlying: Decimal
    option: Decimal


def folder() -> Path:
    """Return the folder of the day; a test that needs it is skipped where it is missing, but fails in CI."""
    found = Path(os.environ.get("SYNTHETIC_DAY") or ROOT.parent / "shared" / "data" / "synthetic-52-trades")
    if found.is_dir():
        return found
    missing = f"the synthetic day is not at {found}: set SYNTHETIC_DAY to its folder"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)


def seconds() -> list[DaySecond]:
    """Return every tick of the day."""
    with gzip.open(folder() / "day.csv.gz", "rt", newline="") as file:
        return [
            DaySecond(
                at=MIDNIGHT + timedelta(seconds=int(row["second"])),
                underlying=Decimal(row["index"]),
                option=Decimal(row["option"]),
            )
            for row in csv.DictReader(file)
        ]


def trades() -> list[ExpectedTrade]:
    """Return the 52 trades."""
    with (folder() / "expected_trades.csv").open(newline="") as file:
        return [
            ExpectedTrade(
                entry_tick=int(row["entry_tick"]),
                entry_time=datetime.fromisoformat(row["entry_time"]).replace(tzinfo=MIDNIGHT.tzinfo),
                entry_price=Decimal(row["entry_price"]),
                exit_tick=int(row["exit_tick"]),
                exit_time=datetime.fromisoformat(row["exit_time"]).replace(tzinfo=MIDNIGHT.tzinfo),
                exit_price=Decimal(row["exit_price"]),
                reason=row["reason"],
                pnl=Decimal(row["pnl"]),
            )
            for row in csv.DictReader(file)
        ]
