"""What the engine is fed: one record per second of market data, with the raw ticks of that second in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple, Protocol

from strategies.engine.candles import Candle


class Tick(NamedTuple):
    """One raw tick of one instrument."""

    symbol: str
    #: Last traded price, quote currency per unit, > 0.
    ltp: float
    #: Quantity traded, as the data source counts it; 0 where it does not say.
    volume: int
    #: Open interest; 0 where the source does not say.
    oi: int


@dataclass(frozen=True, slots=True)
class TickSecond:
    """All ticks of one second of market data."""

    #: The second, aware, exchange time, no microseconds.
    timestamp: datetime
    #: At least one tick, in the order in which they came.
    ticks: Sequence[Tick]


class MarketData(Protocol):
    """Market data of one or several days, checked and in order."""

    @property
    def symbols(self) -> frozenset[str]:
        """Every symbol that occurs, underlyings and contracts."""

    @property
    def total_ticks(self) -> int:
        """Number of distinct seconds; the engine makes one tick of each."""

    @property
    def first_date(self) -> date:
        """Exchange date of the first second."""

    @property
    def last_date(self) -> date:
        """Exchange date of the last second."""

    @property
    def warmup_candles(self) -> Sequence[Candle]:
        """One-minute candles of the underlying from before the first second, oldest first."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the content, in hex: equal content, equal fingerprint, whatever the file format."""

    def seconds(self) -> Iterator[TickSecond]:
        """Return the seconds in ascending order; may be called again."""
