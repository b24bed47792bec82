"""
The ticks of a day as columns.

Half a million ticks as Python objects take 100 MB; as columns they take about 13. The table keeps the columns and
makes the objects a chunk at a time while the engine walks through them. Whoever builds a table has checked the columns
(files.py) or made them (simulator.py); the table itself only puts them in normal form.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date
from functools import partial
from typing import cast

import numpy as np
from numpy import typing as npt

from strategies.engine.candles import Candle
from strategies.engine.ticks import Tick, TickSecond
from strategies.market_data import exchange_time

IntColumn = npt.NDArray[np.int64]
FloatColumn = npt.NDArray[np.float64]

# About 360 ticks: so few objects are alive at once that the garbage collector (700 new ones start it) stays asleep.
# Measured on 505,236 ticks: 0.15 s; with 256 seconds a chunk 0.3 s.
_SECONDS_PER_CHUNK = 16

# Tick(...) runs Python code for every tick; tuple.__new__ makes the same object without leaving C.
_new_tick = cast(Callable[[Iterable[object]], Tick], partial(tuple.__new__, Tick))


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
        warmup_candles: One-minute candles from before the first tick, oldest first.

    Raises:
        ValueError: If there is no tick at all.
    """

    __slots__ = (
        "_bounds",
        "_codes",
        "_ltp",
        "_names",
        "_oi",
        "_seconds",
        "_volume",
        "fingerprint",
        "first_date",
        "last_date",
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
        warmup_candles: Sequence[Candle] = (),
    ) -> None:
        if not len(epoch_seconds):
            raise ValueError("a tick table needs at least one tick")
        starts = np.flatnonzero(np.concatenate(([True], epoch_seconds[1:] != epoch_seconds[:-1])))
        self._seconds: IntColumn = epoch_seconds[starts]
        self._bounds: list[int] = [*starts.tolist(), len(epoch_seconds)]
        self._names, self._codes = _in_normal_form(symbol_names, symbol_codes)
        self._ltp = ltp
        self._volume = volume
        self._oi = oi
        self.warmup_candles: Sequence[Candle] = tuple(warmup_candles)
        self.symbols: frozenset[str] = frozenset(self._names)
        #: Number of raw ticks, several a second.
        self.total_raw_ticks = len(epoch_seconds)
        #: Number of distinct seconds.
        self.total_ticks = len(self._seconds)
        self.first_date: date = exchange_time.exchange_date(int(self._seconds[0]))
        self.last_date: date = exchange_time.exchange_date(int(self._seconds[-1]))
        self.fingerprint: str = self._hash(epoch_seconds)

    def seconds(self) -> Iterator[TickSecond]:
        """Return the seconds in ascending order, each with its ticks in order of arrival; may be called again."""
        for first in range(0, self.total_ticks, _SECONDS_PER_CHUNK):
            last = min(first + _SECONDS_PER_CHUNK, self.total_ticks)
            bounds = self._bounds[first : last + 1]
            begin = bounds[0]
            ticks = self._ticks(begin, bounds[-1])
            for index, epoch in enumerate(self._seconds[first:last].tolist()):
                moment = exchange_time.exchange_datetime(epoch)
                yield TickSecond(moment, ticks[bounds[index] - begin : bounds[index + 1] - begin])

    def _ticks(self, begin: int, end: int) -> list[Tick]:
        columns = zip(
            map(self._names.__getitem__, self._codes[begin:end].tolist()),
            self._ltp[begin:end].tolist(),
            self._volume[begin:end].tolist(),
            self._oi[begin:end].tolist(),
            strict=True,
        )
        return list(map(_new_tick, columns))

    def _hash(self, epoch_seconds: IntColumn) -> str:
        """Hash the content in a form that depends on no file format, machine or order of symbol codes."""
        digest = hashlib.sha256("\n".join(self._names).encode())
        for column, kind in (
            (epoch_seconds, "<i8"),
            (self._codes, "<u4"),
            (self._ltp, "<f8"),
            (self._volume, "<i8"),
            (self._oi, "<i8"),
        ):
            digest.update(np.ascontiguousarray(column, dtype=kind).data)
        for candle in self.warmup_candles:
            prices = f"{candle.open!r},{candle.high!r},{candle.low!r},{candle.close!r},{candle.volume}"
            digest.update(f"{exchange_time.epoch_second(candle.start)},{prices}\n".encode())
        return digest.hexdigest()


def _in_normal_form(
    names: Sequence[str], codes: npt.NDArray[np.integer]
) -> tuple[tuple[str, ...], npt.NDArray[np.uint32]]:
    """Sort the names that are used, and number the codes after that order."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(names))).tolist()
    in_order = sorted(used, key=names.__getitem__)
    new_code = np.zeros(len(names), dtype=np.uint32)
    new_code[in_order] = np.arange(len(in_order), dtype=np.uint32)
    return tuple(names[code] for code in in_order), new_code[codes]
