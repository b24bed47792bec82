"""
Candles: open, high, low and close of a span of time, built from ticks.

A candle is *finished* when the first tick of a later one arrives; candles exist only where ticks exist. Intraday
spans are counted from the session's open (09:15), so that a 30-minute candle starts at 09:15 and not at 09:00.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

SESSION_OPEN_SECONDS = 9 * 3600 + 15 * 60
"""Seconds from midnight to the open of the Indian equity and derivatives session. NSE market timings."""

UNIT_SECONDS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


@dataclass(frozen=True, slots=True)
class Candle:
    """One finished (or, in a preview, one being built) candle. Prices in quote currency per unit."""

    #: First instant of the candle, aware, exchange time.
    start: datetime
    open: float
    high: float
    low: float
    close: float
    volume: int = 0


@dataclass(frozen=True, slots=True)
class Timeframe:
    """A span of time that candles are built for."""

    #: The builder's name for it, such as ``1m``.
    id: str
    #: ``seconds``, ``minutes``, ``hours`` or ``days``.
    unit: str
    number: int

    @property
    def seconds(self) -> int:
        """Length of the span in seconds."""
        return UNIT_SECONDS[self.unit] * self.number


class CandleSeries:
    """
    Candles of one instrument in one timeframe.

    Args:
        timeframe: The span of each candle.
        warmup: Finished one-minute candles from before the first tick, oldest first; they are gathered into
            candles of the timeframe.
    """

    __slots__ = ("_end", "_span", "_start", "close", "finished", "high", "low", "open", "timeframe", "volume")

    def __init__(self, timeframe: Timeframe, warmup: tuple[Candle, ...] = ()) -> None:
        self.timeframe = timeframe
        #: Finished candles, oldest first.
        self.finished: list[Candle] = []
        self._span = timeframe.seconds
        self._start: datetime | None = None
        self._end = -1.0
        self.open = self.high = self.low = self.close = 0.0
        self.volume = 0
        for candle in warmup:
            self._gather(candle)

    @property
    def is_building(self) -> bool:
        """Whether a candle is being built (that is, whether any tick was seen)."""
        return self._start is not None

    def building(self) -> Candle | None:
        """Return the candle being built, as of the last tick."""
        if self._start is None:
            return None
        return Candle(self._start, self.open, self.high, self.low, self.close, self.volume)

    def add(self, at: datetime, epoch: float, price: float, volume: int) -> bool:
        """
        Apply one tick; return whether it finished a candle.

        Args:
            at: Exchange time of the tick.
            epoch: The same instant in seconds since 1970, passed along since every series needs it.
            price: Last price, quote currency per unit.
            volume: Traded quantity of the tick.
        """
        if epoch < self._end:
            if price > self.high:
                self.high = price
            elif price < self.low:
                self.low = price
            self.close = price
            self.volume += volume
            return False
        has_finished = self._finish()
        self._begin(at, epoch)
        self.open = self.high = self.low = self.close = price
        self.volume = volume
        return has_finished

    def _gather(self, minute: Candle) -> None:
        epoch = minute.start.timestamp()
        if epoch >= self._end:
            self._finish()
            self._begin(minute.start, epoch)
            self.open, self.high, self.low = minute.open, minute.high, minute.low
            self.volume = 0
        self.high = max(self.high, minute.high)
        self.low = min(self.low, minute.low)
        self.close = minute.close
        self.volume += minute.volume

    def _begin(self, at: datetime, epoch: float) -> None:
        second_of_day = at.hour * 3600 + at.minute * 60 + at.second
        if self._span >= UNIT_SECONDS["days"]:
            into = second_of_day
        else:
            into = (second_of_day - SESSION_OPEN_SECONDS) % self._span
        self._start = at - timedelta(seconds=into, microseconds=at.microsecond)
        self._end = epoch - into - at.microsecond / 1e6 + self._span

    def _finish(self) -> bool:
        if self._start is None:
            return False
        self.finished.append(Candle(self._start, self.open, self.high, self.low, self.close, self.volume))
        return True
