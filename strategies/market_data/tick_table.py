"""
The ticks of one or several days as columns.

Half a million ticks as Python objects take 100 MB; as columns they take about 13, and the engine works on columns. The
table hands out its days as slices of them, without copies. Whoever builds a table has checked the columns (files.py,
importers) or made them (simulator.py); the table itself only puts them in normal form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import numpy as np
from numpy import typing as npt

from strategies.engine.candles import Candle
from strategies.engine.ticks import DayColumns, FloatColumn, IntColumn
from strategies.market_data import calendar, exchange_time


class TickTable:
    """
    Market data of the engine, over columns of equal length, one entry per raw tick in the order of arrival.

    Args:
        epoch_seconds: Second of each tick since 1970 (UTC), ascending.
        symbol_codes: Index of each tick's symbol in ``symbol_names``.
        symbol_names: Symbols, each once; names that no tick uses are forgotten.
        ltp: Last traded price, quote currency per unit, finite and > 0.
        volume: Quantity of the tick, >= 0.
        oi: Open interest, >= 0.
        bid: Best bid, > 0, NaN where there is none; None where the data have no such column.
        ask: Best ask, as the bid.
        warmup_candles: One-minute candles from before the first tick, oldest first.
        market: Whose hours the days have: the exchange's (``nse``), or none (``24h``).
        candle_walk: Where ticks stand in for candles, the order in which their prices were walked, such as ``OLHC``.

    Raises:
        ValueError: If there is no tick at all.
    """

    __slots__ = (
        "_bounds",
        "_columns",
        "_days",
        "_names",
        "_seconds",
        "candle_walk",
        "dates",
        "day_fingerprints",
        "fingerprint",
        "first_date",
        "last_date",
        "market",
        "symbols",
        "total_raw_ticks",
        "total_ticks",
        "warmup_candles",
    )

    def __init__(
        self,
        *,
        epoch_seconds: IntColumn,
        symbol_codes: npt.NDArray[np.integer],
        symbol_names: Sequence[str],
        ltp: FloatColumn,
        volume: IntColumn,
        oi: IntColumn,
        bid: FloatColumn | None = None,
        ask: FloatColumn | None = None,
        warmup_candles: Sequence[Candle] = (),
        market: calendar.Market = "nse",
        candle_walk: str | None = None,
    ) -> None:
        if not len(epoch_seconds):
            raise ValueError("a tick table needs at least one tick")
        starts = np.flatnonzero(np.concatenate(([True], epoch_seconds[1:] != epoch_seconds[:-1])))
        self._seconds: IntColumn = epoch_seconds[starts]
        self._bounds: IntColumn = np.concatenate((starts, [len(epoch_seconds)])).astype(np.int64)
        self._names, codes = _in_normal_form(symbol_names, symbol_codes)
        self._columns = _Columns(codes, ltp, volume, oi, bid, ask)
        self.warmup_candles: Sequence[Candle] = tuple(warmup_candles)
        self.market: calendar.Market = market
        self.candle_walk = candle_walk
        self.symbols: frozenset[str] = frozenset(self._names)
        #: Number of raw ticks, several a second.
        self.total_raw_ticks = len(epoch_seconds)
        #: Number of distinct seconds.
        self.total_ticks = len(self._seconds)
        self._days: tuple[DayColumns, ...] = tuple(self._cut())
        #: The exchange dates, ascending.
        self.dates: tuple[date, ...] = tuple(day.day for day in self._days)
        self.first_date: date = self.dates[0]
        self.last_date: date = self.dates[-1]
        self.day_fingerprints: tuple[str, ...] = tuple(_hash_of_day(day) for day in self._days)
        self.fingerprint: str = combined_fingerprint(self.day_fingerprints, self.warmup_candles)

    def days(self) -> Iterator[DayColumns]:
        """Return the days in ascending order; may be called again."""
        return iter(self._days)

    def _cut(self) -> Iterator[DayColumns]:
        day_numbers = exchange_time.day_numbers(self._seconds)
        firsts = np.flatnonzero(np.concatenate(([True], day_numbers[1:] != day_numbers[:-1]))).tolist()
        for first, end in zip(firsts, [*firsts[1:], len(self._seconds)], strict=True):
            yield self._day(first, end, exchange_time.date_of_day_number(int(day_numbers[first])))

    def _day(self, first: int, end: int, day: date) -> DayColumns:
        begin, stop = int(self._bounds[first]), int(self._bounds[end])
        columns = self._columns.part(begin, stop)
        # A day names its own contracts only: one that is first traded tomorrow must not be picked today.
        names, codes = _in_normal_form(self._names, columns.codes)
        return DayColumns(
            day=day,
            seconds=self._seconds[first:end],
            starts=self._bounds[first : end + 1] - begin if begin else self._bounds[first : end + 1],
            codes=codes,
            symbols=names,
            ltp=columns.ltp,
            volume=columns.volume,
            oi=columns.oi,
            close_seconds=calendar.close_seconds(day, self.market),
            bid=columns.bid,
            ask=columns.ask,
        )


def combined_fingerprint(day_fingerprints: Iterable[str], warmup_candles: Sequence[Candle]) -> str:
    """Return the fingerprint of days and warm-up candles: the same, however the days are spread over files."""
    digest = hashlib.sha256("\n".join(day_fingerprints).encode())
    for candle in warmup_candles:
        prices = f"{candle.open!r},{candle.high!r},{candle.low!r},{candle.close!r},{candle.volume}"
        digest.update(f"\n{exchange_time.epoch_second(candle.start)},{prices}".encode())
    return digest.hexdigest()


class _Columns:
    """The columns that have an entry for each tick."""

    __slots__ = ("ask", "bid", "codes", "ltp", "oi", "volume")

    def __init__(
        self,
        codes: npt.NDArray[np.uint32],
        ltp: FloatColumn,
        volume: IntColumn,
        oi: IntColumn,
        bid: FloatColumn | None,
        ask: FloatColumn | None,
    ) -> None:
        self.codes = codes
        self.ltp = ltp
        self.volume = volume
        self.oi = oi
        self.bid = bid
        self.ask = ask

    def part(self, begin: int, end: int) -> _Columns:
        cut = slice(begin, end)
        bid = None if self.bid is None else self.bid[cut]
        ask = None if self.ask is None else self.ask[cut]
        return _Columns(self.codes[cut], self.ltp[cut], self.volume[cut], self.oi[cut], bid, ask)


def _hash_of_day(day: DayColumns) -> str:
    """Hash the content in a form that depends on no file format, machine or order of symbol codes."""
    digest = hashlib.sha256("\n".join(day.symbols).encode())
    columns: list[tuple[npt.NDArray[np.generic] | None, str]] = [
        (day.seconds, "<i8"),
        (day.starts, "<i8"),
        (day.codes, "<u4"),
        (day.ltp, "<f8"),
        (day.volume, "<i8"),
        (day.oi, "<i8"),
        (day.bid, "<f8"),
        (day.ask, "<f8"),
    ]
    for column, kind in columns:
        # The name keeps a bid without ask apart from an ask without bid.
        digest.update(b"-" if column is None else kind.encode())
        if column is not None:
            digest.update(np.ascontiguousarray(column, dtype=kind).data)
    return digest.hexdigest()


def _in_normal_form(
    names: Sequence[str], codes: npt.NDArray[np.integer]
) -> tuple[tuple[str, ...], npt.NDArray[np.uint32]]:
    """Sort the names that are used, and number the codes after that order."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(names))).tolist()
    in_order = sorted(used, key=names.__getitem__)
    if in_order == list(range(len(names))):
        return tuple(names), codes.astype(np.uint32, copy=False)
    new_code = np.zeros(len(names), dtype=np.uint32)
    new_code[in_order] = np.arange(len(in_order), dtype=np.uint32)
    return tuple(names[code] for code in in_order), new_code[codes]
