"""What an import found. Rendered as text by report_text.py; ``as_json`` is the same for programs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from strategies.market_data.calendar import DayKind, MissingDay
from strategies.market_data.file_errors import MarketDataFileInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What one file held."""

    path: str
    symbols: tuple[str, ...]
    rows: int
    #: First and last moment, exchange time; empty where the file gave no tick.
    first: str
    last: str
    #: Length of its candles; None for ticks.
    candle_seconds: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DayReport:
    """What one exchange date holds."""

    day: date
    #: What the exchange's calendar has that day for.
    kind: DayKind
    ticks: int
    #: Seconds that have ticks.
    seconds: int
    #: First and last time of day, exchange time.
    first: str
    last: str
    #: An earlier day with the same prices at the same times.
    repeats: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A silence within a session."""

    day: date
    #: The underlying that was silent; empty for the feed as a whole.
    symbol: str
    #: Times of day, exchange time: of the last tick before and the first after, or the session's open or close.
    begin: str
    end: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A kind of oddity: how many rows, the first of them by name, and what was done."""

    count: int
    places: tuple[str, ...]
    #: kept, removed, sorted or refused; empty where there is none.
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import found."""

    format: str
    files: tuple[FileReport, ...]
    #: Rows that were read, the headers not counted.
    rows: int
    #: Ticks that came of them.
    ticks: int
    symbols: tuple[str, ...]
    days: tuple[DayReport, ...]
    #: Days between the first and the last without data, weekends included.
    missing_days: tuple[MissingDay, ...]
    gaps: tuple[Gap, ...]
    #: A silence of more seconds than this is a gap.
    gap_seconds: int
    duplicates: Finding
    out_of_order: Finding
    zero_prices: Finding
    off_grid: Finding
    #: A bid above the ask.
    crossed_quotes: Finding
    outside_session: Finding
    #: Step of prices; None where none is known.
    grid: Decimal | None
    timezone_assumed: str
    #: Where ticks stand in for candles, the order in which their prices were walked.
    candle_walk: str | None
    #: What a volume of 1 means.
    volume_unit: str
    warnings: tuple[str, ...]
    #: The first faults; with any, nothing was imported.
    faults: tuple[MarketDataFileInvalid, ...]
    fault_count: int

    def as_json(self) -> dict[str, Any]:
        """Return the report as strings, numbers, lists and objects."""
        return {
            "format": self.format,
            "files": [_fields(file) for file in self.files],
            "rows": self.rows,
            "ticks": self.ticks,
            "symbols": list(self.symbols),
            "days": [_fields(day) for day in self.days],
            "missing_days": [_fields(day) for day in self.missing_days],
            "gaps": [_fields(gap) for gap in self.gaps],
            "gap_seconds": self.gap_seconds,
            "duplicates": _fields(self.duplicates),
            "out_of_order": _fields(self.out_of_order),
            "zero_prices": _fields(self.zero_prices),
            "off_grid": _fields(self.off_grid),
            "crossed_quotes": _fields(self.crossed_quotes),
            "outside_session": _fields(self.outside_session),
            "grid": None if self.grid is None else str(self.grid),
            "timezone_assumed": self.timezone_assumed,
            "candle_walk": self.candle_walk,
            "volume_unit": self.volume_unit,
            "warnings": list(self.warnings),
            "faults": [_fault(fault) for fault in self.faults],
            "fault_count": self.fault_count,
        }


def _fields(record: object) -> dict[str, Any]:
    names: tuple[str, ...] = record.__slots__  # type: ignore[attr-defined]  # every record here has slots
    return {name: _plain(getattr(record, name)) for name in names}


def _plain(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value


def _fault(fault: MarketDataFileInvalid) -> dict[str, Any]:
    return {
        "path": str(fault.path),
        "line": fault.line,
        "row": fault.row,
        "fault": fault.fault,
        "remedy": fault.remedy,
    }
