"""What the caller of an import decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from decimal import Decimal
from pathlib import Path
from typing import Literal

from strategies.market_data import exchange_time
from strategies.market_data.calendar import Market

CandleWalk = Literal["OLHC", "OHLC"]
"""
The order in which the prices of a candle are taken to have come: open, low, high, close, or open, high, low, close.
Nobody knows which; a stop between low and high is hit first in the one and a target in the other, so try both.
"""

WALKS: tuple[CandleWalk, ...] = ("OLHC", "OHLC")


@dataclass(frozen=True, slots=True)
class Source:
    """A file, and the instrument that it is about where the file itself does not say."""

    path: Path
    symbol: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportOptions:
    """Decisions of an import; each has the cautious default."""

    walk: CandleWalk = "OLHC"
    #: Sort rows that are out of order, stably, and merge files that overlap, instead of refusing them.
    sort: bool = False
    #: Take of ticks that are alike in everything, time included, only the first.
    drop_duplicates: bool = False
    #: Leave out rows with a price of zero (some sources write it for "not traded") instead of refusing them.
    skip_zero_prices: bool = False
    #: Leave out ticks from before the open and after the close.
    session_only: bool = False
    #: A silence of more seconds than this is a gap.
    gap_seconds: int = 60
    #: Whose hours the data have; None for the format's own.
    market: Market | None = None
    #: Step of prices; None for the format's own, 0 for none.
    grid: Decimal | None = None
    #: Zone of timestamps that carry no offset.
    zone: tzinfo = exchange_time.EXCHANGE_ZONE
    #: Length of a candle; None to see it from the file.
    candle_seconds: int | None = None
    #: Decimals that quantities keep: they are counted in units of 10 to the power of minus this. None: the format's.
    volume_decimals: int | None = None
    #: The volume column counts from the start of the day.
    is_volume_cumulative: bool = False
    #: Names of all columns of a CSV file without a header line.
    header: tuple[str, ...] | None = None
    #: Our name of a column -> the file's.
    columns: Mapping[str, str] = field(default_factory=dict)
