"""Market data held in memory, for small hand-made days. `test_ticks.py` holds it to the contract of the real thing."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from strategies.engine.candles import Candle
from strategies.engine.ticks import TickSecond


class InMemoryMarketData:
    """
    Seconds that a test wrote down.

    Args:
        seconds: In ascending order, at least one, unless a test is about what happens otherwise.
        warmup_candles: One-minute candles from before the first second.
        symbols: Symbols that the data claim to hold beside those that tick, such as a contract that never does.
    """

    def __init__(
        self, seconds: Sequence[TickSecond], *, warmup_candles: Sequence[Candle] = (), symbols: Iterable[str] = ()
    ) -> None:
        self._seconds = tuple(seconds)
        self.symbols = frozenset(symbols) | {tick.symbol for second in seconds for tick in second.ticks}
        self.total_ticks = len(self._seconds)
        self.first_date: date = self._seconds[0].timestamp.date()
        self.last_date: date = self._seconds[-1].timestamp.date()
        self.warmup_candles = tuple(warmup_candles)
        content = (sorted(self.symbols), self._seconds, self.warmup_candles)
        self.fingerprint = hashlib.sha256(repr(content).encode()).hexdigest()

    def seconds(self) -> Iterator[TickSecond]:
        """Return the seconds as they were written down."""
        return iter(self._seconds)
