"""
The equity curve: the session's total profit and loss, tick by tick.

``EquityCurve`` is fed a day at a time, as columns, or tick by tick. It keeps the ticks at which the profit changed and
the last tick before each change: from these the curve can be drawn, and every drawdown dated, exactly. A kept tick
takes 20 bytes, so a day of 22,351 seconds takes less than half a megabyte even when every second changes it.

The curve is of what it is fed: feed profit after the costs charged so far, and all that follows is after costs.
Amounts are held as whole numbers of the smallest unit, two decimals at first, up to eight when an amount needs them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact, InvalidOperation
from itertools import accumulate
from typing import Any, NamedTuple, overload

import numpy as np
from numpy import typing as npt

from strategies.engine import money
from strategies.engine.money import ZERO
from strategies.engine.ticks import IntColumn

#: Whole numbers of the smallest unit: int64, or Python's own (as objects) where 64 bits are too few.
UnitColumn = npt.NDArray[Any]
BoolColumn = npt.NDArray[np.bool_]

INDIA_UTC_OFFSET_SECONDS = 19_800
_SECONDS_PER_DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MAX_PLACES = 8
_NEVER = -(2**62)
_INT64_END = 2**63
_BATCH = 1024
_EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


class Sample(NamedTuple):
    """The curve at one tick, in whole numbers; ``EquityCurve.to_money`` turns units into money."""

    #: 1 for the first tick of the run.
    tick: int
    #: Unix seconds.
    epoch: int
    #: Total profit and loss in the curve's smallest unit.
    units: int


class CurvePoint(NamedTuple):
    """The curve at one moment."""

    #: Unix seconds; for a minute, its start.
    epoch: int
    #: Quote currency; negative is a loss.
    total_pnl: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class DayClose:
    """One exchange date of the curve."""

    date: date
    #: Ticks of the day.
    ticks: int
    #: Change of the total over the day, quote currency.
    pnl: Decimal
    #: The total after the day's last tick.
    total_pnl: Decimal


class EquityCurve:
    """
    Accumulates the total profit and loss of a run.

    Args:
        utc_offset_seconds: The exchange's offset from UTC, which says where a date begins; India's if not given.
    """

    def __init__(self, *, utc_offset_seconds: int = INDIA_UTC_OFFSET_SECONDS) -> None:
        self.ticks = 0
        #: Ticks at whose end at least one position was open.
        self.exposed_ticks = 0
        self.zone = timezone(timedelta(seconds=utc_offset_seconds))
        self._offset = utc_offset_seconds
        self._places = 2
        self._factor = Decimal(100)
        self._tick_numbers = array("I")
        self._epochs = array("q")
        self._units: MutableSequence[int] = array("q")
        #: Kept ticks that are not in the arrays yet: tick, epoch, total. Whole batches convert faster.
        self._pending: list[tuple[int, int, Decimal]] = []
        self._epoch = _NEVER
        self._day_end = _NEVER
        self._last_kept = 0
        self._last_pnl = Decimal(0)

    def add(self, epoch: int, total_pnl: Decimal, open_positions: int) -> None:
        """
        Take the curve's value at the end of the next tick.

        Args:
            epoch: The tick's time, Unix seconds, later than the tick before.
            total_pnl: Realised and unrealised profit, quote currency. Beyond eight decimals it is rounded.
            open_positions: How many positions are open after the tick.

        Raises:
            ValueError: If the time is not after the tick before.
        """
        if epoch <= self._epoch:
            raise ValueError(f"ticks are out of order: {epoch} comes after {self._epoch}")
        if total_pnl != self._last_pnl or epoch >= self._day_end:
            if self._last_kept != self.ticks:
                self._pending.append((self.ticks, self._epoch, self._last_pnl))
            self._last_kept = self.ticks + 1
            self._last_pnl = total_pnl
            self._pending.append((self._last_kept, epoch, total_pnl))
            if epoch >= self._day_end or len(self._pending) > _BATCH:
                self._settle(epoch)
        self.ticks += 1
        if open_positions:
            self.exposed_ticks += 1
        self._epoch = epoch

    def add_many(
        self,
        epochs: IntColumn,
        units: UnitColumn,
        *,
        places: int,
        is_exposed: BoolColumn,
        is_kept: BoolColumn | None = None,
    ) -> None:
        """
        Take the curve's values at the ends of the next ticks: the same as ``add`` for each of them.

        Args:
            epochs: Unix seconds, ascending, all later than the tick before. Shape (n,).
            units: Total profit in units of 10 ** -places of the quote currency. Shape (n,). Beyond eight decimals it
                is rounded.
            places: Decimals of a unit, >= 0.
            is_exposed: Whether a position is open after the tick. Shape (n,).
            is_kept: Ticks to keep, and the tick before each, even where nothing changes: ``less`` can charge them.
                Shape (n,).

        Raises:
            ValueError: If a time is not after the tick before.
        """
        if len(epochs) == 0:
            return
        if int(epochs[0]) <= self._epoch or bool((np.diff(epochs) <= 0).any()):
            raise ValueError(f"ticks are out of order: {int(epochs[0])} or a later one is not after the tick before")
        self._convert()
        units = self._in_own_units(units, places)
        last = self._units[-1] if self.ticks else 0
        starts = _differs(units, last)
        days = self._day(epochs)
        starts |= _differs(days, self._day(self._epoch) if self.ticks else _NEVER)
        if is_kept is not None:
            starts |= is_kept
        if starts[0] and self._last_kept != self.ticks:
            self._extend([self.ticks], [self._epoch], [last])
        starts[:-1] |= starts[1:]
        kept = np.flatnonzero(starts)
        if len(kept):
            self._extend(kept + self.ticks + 1, epochs[kept], units[kept])
            self._last_kept = self.ticks + int(kept[-1]) + 1
        self.ticks += len(epochs)
        self.exposed_ticks += int(np.count_nonzero(is_exposed))
        self._epoch = int(epochs[-1])
        self._day_end = (int(days[-1]) + 1) * _SECONDS_PER_DAY - self._offset
        self._last_pnl = self.to_money(int(units[-1]))

    def less(self, charges: Iterable[tuple[int, Decimal]]) -> EquityCurve:
        """
        Return the curve after charges, each taken off from its tick on.

        Args:
            charges: Unix seconds of a kept tick, and the amount, quote currency, with at most eight decimals.

        Raises:
            ValueError: If no kept tick has that time.
        """
        charged = EquityCurve(utc_offset_seconds=self._offset)
        ticks, epochs, units = zip(*self.samples(), strict=True) if self.ticks else ((), (), ())
        listed = [charge for charge in charges if charge[1]]
        charged._places, charged._factor = self._places, self._factor
        for _, amount in listed:
            charged._refine(amount)
        scale = 10 ** (charged._places - self._places)
        place_of = {epoch: place for place, epoch in enumerate(epochs)}
        taken = [0] * len(epochs)
        for epoch, amount in listed:
            if epoch not in place_of:
                raise ValueError(f"no kept tick is at {epoch}; a curve keeps what add_many was told to keep")
            taken[place_of[epoch]] += int((amount * charged._factor).to_integral_value())
        left = [total * scale - sum_taken for total, sum_taken in zip(units, accumulate(taken), strict=True)]
        charged._extend(ticks, epochs, left)
        charged.ticks, charged.exposed_ticks = self.ticks, self.exposed_ticks
        charged._epoch, charged._day_end, charged._last_kept = self._epoch, self._day_end, self.ticks
        charged._last_pnl = charged.to_money(left[-1]) if left else ZERO
        return charged

    @property
    def final_pnl(self) -> Decimal:
        """Return the total after the last tick; zero before the first."""
        return self._last_pnl

    @property
    def kept(self) -> int:
        """Return how many ticks are kept, 20 bytes each."""
        return len(self._epochs) + len(self._pending)

    def to_money(self, units: int) -> Decimal:
        """Return units as money, with at least two decimals."""
        return Decimal(units).scaleb(-self._places)

    def time(self, epoch: int) -> datetime:
        """Return the exchange time of a moment of the curve, aware."""
        return datetime.fromtimestamp(epoch, self.zone)

    def samples(self) -> Iterator[Sample]:
        """Return the ticks at which the curve changed, the last tick before each change, and the last tick of all."""
        self._convert()
        yield from map(Sample, self._tick_numbers, self._epochs, self._units)
        if self._last_kept != self.ticks:
            yield Sample(self.ticks, self._epoch, self._units[-1])

    def points(self) -> Iterator[CurvePoint]:
        """Return the samples with their money."""
        return (CurvePoint(epoch, self.to_money(units)) for _, epoch, units in self.samples())

    def minutes(self) -> Iterator[CurvePoint]:
        """
        Return the total at the end of each minute, oldest first.

        Every minute from a day's first tick to its last is there; one without a tick carries the total on.
        """
        before: Sample | None = None
        for sample in self.samples():
            if before is not None:
                yield from self._minutes_between(before, sample)
            before = sample
        if before is not None:
            yield CurvePoint(_minute(before.epoch), self.to_money(before.units))

    def days(self) -> tuple[DayClose, ...]:
        """Return the exchange dates that had ticks, oldest first."""
        closes: dict[int, Sample] = {self._day(sample.epoch): sample for sample in self.samples()}
        days = []
        before = Sample(0, 0, 0)
        for day, close in closes.items():
            days.append(
                DayClose(
                    date=date.fromordinal(_EPOCH_ORDINAL + day),
                    ticks=close.tick - before.tick,
                    pnl=self.to_money(close.units - before.units),
                    total_pnl=self.to_money(close.units),
                )
            )
            before = close
        return tuple(days)

    def _settle(self, epoch: int) -> None:
        """Do what is not worth doing at every tick: convert the batch, and find where the date of this tick ends."""
        self._convert()
        self._day_end = (self._day(epoch) + 1) * _SECONDS_PER_DAY - self._offset

    def _convert(self) -> None:
        """Move the pending ticks into the arrays."""
        if not self._pending:
            return
        ticks, epochs, totals = zip(*self._pending, strict=True)
        self._pending.clear()
        try:
            units = [int(_EXACT.to_integral_exact(total * self._factor)) for total in totals]
        except Inexact:
            for total in totals:
                self._refine(total)
            units = [int((total * self._factor).to_integral_value()) for total in totals]
        self._extend(ticks, epochs, units)

    def _extend(
        self, ticks: Sequence[int] | IntColumn, epochs: Sequence[int] | IntColumn, units: list[int] | UnitColumn
    ) -> None:
        """Keep ticks; units are the curve's own."""
        self._tick_numbers.frombytes(np.asarray(ticks, dtype=np.uint32).tobytes())
        self._epochs.frombytes(np.asarray(epochs, dtype=np.int64).tobytes())
        packed = _packed(units)
        if isinstance(packed, array) and isinstance(self._units, array):
            self._units.extend(packed)
        else:
            self._units = [*self._units, *packed]

    def _in_own_units(self, units: UnitColumn, places: int) -> UnitColumn:
        """Return a column in the curve's units, after giving the curve as many decimals as the column needs."""
        while places > self._places and not (units % 10).any():
            units, places = units // 10, places - 1
        if places > self._places:
            self._hold(min(places, _MAX_PLACES))
        if places > self._places:
            shift = self._places - places
            return np.array([int(Decimal(int(unit)).scaleb(shift).to_integral_value()) for unit in units], dtype=object)
        scale = 10 ** (self._places - places)
        if scale == 1:
            return units
        if units.dtype != object and int(np.abs(units).max()) * scale >= _INT64_END:
            units = units.astype(object)
        return np.asarray(units * scale)

    def _refine(self, total_pnl: Decimal) -> None:
        """Hold amounts with as many decimals as this one has, at most eight."""
        exponent = total_pnl.normalize().as_tuple().exponent
        self._hold(min(-exponent, _MAX_PLACES) if isinstance(exponent, int) else _MAX_PLACES)

    def _hold(self, places: int) -> None:
        """Hold amounts with at least so many decimals."""
        if places <= self._places:
            return
        self._units = _packed([units * 10 ** (places - self._places) for units in self._units])
        self._places, self._factor = places, Decimal(10) ** places

    @overload
    def _day(self, epoch: int) -> int: ...

    @overload
    def _day(self, epoch: IntColumn) -> IntColumn: ...

    def _day(self, epoch: int | IntColumn) -> int | IntColumn:
        return (epoch + self._offset) // _SECONDS_PER_DAY

    def _minutes_between(self, before: Sample, after: Sample) -> Iterator[CurvePoint]:
        first, end = _minute(before.epoch), _minute(after.epoch)
        if first == end:
            return
        total = self.to_money(before.units)
        if self._day(before.epoch) != self._day(after.epoch):
            end = first + 60
        for minute in range(first, end, 60):
            yield CurvePoint(minute, total)


def as_columns(points: Iterable[CurvePoint]) -> dict[str, list[int] | list[str]]:
    """Return a curve ready for JSON: times as Unix seconds, totals as text with two places."""
    listed = list(points)
    return {
        "time": [point.epoch for point in listed],
        "total_pnl": [money.text(point.total_pnl) for point in listed],
    }


def _packed(units: list[int] | UnitColumn) -> array[int] | list[int]:
    """Pack whole numbers; beyond 64 bits only absurd quantities go, and they cost memory, not the run."""
    if isinstance(units, np.ndarray) and units.dtype == np.int64:
        return array("q", units.tobytes())
    listed: list[int] = list(units)
    try:
        return array("q", listed)
    except OverflowError:
        return listed


def _differs(column: UnitColumn, before: int) -> BoolColumn:
    """Return where a column differs from the value before it; the first one from ``before``."""
    differs = np.empty(len(column), dtype=np.bool_)
    differs[0] = column[0] != before
    differs[1:] = column[1:] != column[:-1]
    return differs


def _minute(epoch: int) -> int:
    return epoch - epoch % 60
