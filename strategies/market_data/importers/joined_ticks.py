"""
The ticks of all files in one order: by time, then underlyings before contracts, contracts by their symbol, then as each
file has them. The order in which the files are named makes no difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import typing as npt

from strategies.engine.symbols import Underlying, parse_symbol
from strategies.engine.ticks import FloatColumn, IntColumn
from strategies.market_data import calendar, exchange_time
from strategies.market_data.importers.places import Places
from strategies.market_data.importers.tick_rows import TickRows


@dataclass(frozen=True, slots=True)
class JoinedTicks:
    """The ticks of all files."""

    parts: Sequence[TickRows]
    symbols: Sequence[str]
    #: File of each tick, by its place in ``parts``, and its row there.
    files: npt.NDArray[np.int32]
    rows: IntColumn
    microseconds: IntColumn
    codes: IntColumn
    ltp: FloatColumn
    volume: IntColumn
    oi: IntColumn
    bid: FloatColumn | None
    ask: FloatColumn | None

    def take(self, chosen: npt.NDArray[np.integer]) -> JoinedTicks:
        """Return the ticks that a list of places chooses."""
        return JoinedTicks(
            self.parts,
            self.symbols,
            self.files[chosen],
            self.rows[chosen],
            self.microseconds[chosen],
            self.codes[chosen],
            self.ltp[chosen],
            self.volume[chosen],
            self.oi[chosen],
            None if self.bid is None else self.bid[chosen],
            None if self.ask is None else self.ask[chosen],
        )

    def places(self, mask: npt.NDArray[np.bool_]) -> Places:
        """Return where the ticks come from that a mask chooses."""
        return Places([part.file for part in self.parts], self.files[mask], self.rows[mask])

    def is_in_session(self) -> npt.NDArray[np.bool_]:
        """Return which ticks lie within the exchange's hours, open and close included."""
        seconds = self.microseconds // exchange_time.MICROSECONDS
        numbers, clocks = exchange_time.day_numbers(seconds), exchange_time.seconds_of_day(seconds)
        is_inside = np.zeros(len(seconds), dtype=np.bool_)
        for number in np.unique(numbers).tolist():
            for begin, end in calendar.session_of(exchange_time.date_of_day_number(number)).parts:
                is_inside |= (numbers == number) & (clocks >= begin) & (clocks <= end)
        return is_inside


def join(parts: Sequence[TickRows]) -> JoinedTicks:
    """Join the ticks of files, of which each is in order of time."""
    ordered = sorted(parts, key=_rank)
    names = sorted({name for part in ordered for name in part.symbols})
    code_of = {name: code for code, name in enumerate(names)}
    codes = [np.array([code_of[name] for name in part.symbols], dtype=np.int64)[part.codes] for part in ordered]
    counts = [len(part.ltp) for part in ordered]
    joined = JoinedTicks(
        ordered,
        names,
        np.repeat(np.arange(len(ordered), dtype=np.int32), counts),
        np.concatenate([part.rows for part in ordered]),
        np.concatenate([part.microseconds for part in ordered]),
        np.concatenate(codes),
        np.concatenate([part.ltp for part in ordered]),
        np.concatenate([part.volume for part in ordered]),
        np.concatenate([part.oi for part in ordered]),
        _quotes([part.bid for part in ordered], counts),
        _quotes([part.ask for part in ordered], counts),
    )
    if (np.diff(joined.microseconds) >= 0).all():
        return joined
    return joined.take(np.argsort(joined.microseconds, kind="stable"))


def _rank(part: TickRows) -> tuple[bool, tuple[str, ...], int]:
    is_underlying = any(isinstance(parse_symbol(name), Underlying) for name in part.symbols)
    return not is_underlying, tuple(sorted(part.symbols)), int(part.microseconds[0])


def _quotes(columns: Sequence[FloatColumn | None], counts: Sequence[int]) -> FloatColumn | None:
    if all(column is None for column in columns):
        return None
    pairs = zip(columns, counts, strict=True)
    return np.concatenate([np.full(count, np.nan) if column is None else column for column, count in pairs])
