"""
What a file of ticks holds, day by day, and how a Parquet file says so in its metadata.

With it many days can be listed, counted and fingerprinted without reading their ticks. A file that says nothing, or
what this version does not understand, is read instead.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from strategies.market_data import calendar
from strategies.market_data.tick_table import TickTable

METADATA_KEY = b"market_data"

_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySummary:
    """What a file holds of one exchange date."""

    day: date
    #: Number of seconds that have ticks.
    seconds: int
    #: Number of ticks.
    ticks: int
    #: First second, since 1970 (UTC).
    first_second: int
    symbols: frozenset[str]
    #: SHA-256 of the day's content, warm-up candles left out.
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TickSummary:
    """What a file holds."""

    market: calendar.Market
    #: Where ticks stand in for candles, the order in which their prices were walked.
    candle_walk: str | None
    #: In ascending order.
    days: tuple[DaySummary, ...]


def of_table(table: TickTable) -> TickSummary:
    """Sum up a table."""
    days = tuple(
        DaySummary(
            day=day.day,
            seconds=len(day.seconds),
            ticks=len(day.ltp),
            first_second=int(day.seconds[0]),
            symbols=frozenset(day.symbols),
            fingerprint=fingerprint,
        )
        for day, fingerprint in zip(table.days(), table.day_fingerprints, strict=True)
    )
    return TickSummary(market=table.market, candle_walk=table.candle_walk, days=days)


def encode(summary: TickSummary, about: Mapping[str, Any]) -> bytes:
    """Write a summary as metadata, with what else should be said about the file."""
    days = [
        {
            "day": day.day.isoformat(),
            "seconds": day.seconds,
            "ticks": day.ticks,
            "first_second": day.first_second,
            "symbols": sorted(day.symbols),
            "fingerprint": day.fingerprint,
        }
        for day in summary.days
    ]
    told = {"version": _VERSION, "market": summary.market, "candle_walk": summary.candle_walk, "days": days}
    return json.dumps({**told, "about": dict(about)}).encode()


def read(path: Path) -> TickSummary | None:
    """
    Return what a file says it holds; None where it does not say.

    Raises:
        pyarrow.ArrowException, OSError: If it is not a Parquet file.
    """
    if path.suffix.lower() != ".parquet":
        return None
    metadata = parquet.read_schema(path).metadata or {}
    if METADATA_KEY not in metadata:
        return None
    try:
        told = json.loads(metadata[METADATA_KEY])
        return _decode(told) if told["version"] == _VERSION else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def with_metadata(schema: pa.Schema, summary: TickSummary, about: Mapping[str, Any]) -> pa.Schema:
    """Return a schema that says what the file holds."""
    return schema.with_metadata({METADATA_KEY: encode(summary, about)})


def _decode(told: Mapping[str, Any]) -> TickSummary | None:
    days = tuple(
        DaySummary(
            day=date.fromisoformat(day["day"]),
            seconds=int(day["seconds"]),
            ticks=int(day["ticks"]),
            first_second=int(day["first_second"]),
            symbols=frozenset(map(str, day["symbols"])),
            fingerprint=str(day["fingerprint"]),
        )
        for day in told["days"]
    )
    walk = told["candle_walk"]
    if not days or told["market"] not in calendar.MARKETS or not (walk is None or isinstance(walk, str)):
        return None
    return TickSummary(market=told["market"], candle_walk=walk, days=days)
