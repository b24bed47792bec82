"""
The equity curve: the session's total profit and loss, tick by tick.

``EquityCurve`` is fed once per tick by the engine's loop, so a tick that changes nothing costs two comparisons. It
keeps the ticks at which the profit changed and the last tick before each change: from these the curve can be drawn,
and every drawdown dated, exactly. A kept tick takes 20 bytes, so a day of 22,351 seconds takes less than half a
megabyte even when every second changes it.

The curve is of what it is fed: feed profit after the costs charged so far, and all that follows is after costs.
Amounts are held as whole numbers of the smallest unit, two decimals at first, up to eight when an amount needs them.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, MutableSequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import NamedTuple

from strategies.engine import money

INDIA_UTC_OFFSET_SECONDS = 19_800
_SECONDS_PER_DAY = 86_400
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_MAX_PLACES = 8
_NEVER = -(2**62)
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
        self._tick_numbers.extend(ticks)
        self._epochs.extend(epochs)
        packed = _packed(units)
        if isinstance(packed, array):
            self._units.extend(packed)
        else:
            self._units = [*self._units, *packed]

    def _refine(self, total_pnl: Decimal) -> None:
        """Hold amounts with as many decimals as this one has, at most eight."""
        exponent = total_pnl.normalize().as_tuple().exponent
        places = min(-exponent, _MAX_PLACES) if isinstance(exponent, int) else _MAX_PLACES
        if places <= self._places:
            return
        self._units = _packed([units * 10 ** (places - self._places) for units in self._units])
        self._places, self._factor = places, Decimal(10) ** places

    def _day(self, epoch: int) -> int:
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


def _packed(units: list[int]) -> array[int] | list[int]:
    """Pack whole numbers; beyond 64 bits only absurd quantities go, and they cost memory, not the run."""
    try:
        return array("q", units)
    except OverflowError:
        return units


def _minute(epoch: int) -> int:
    return epoch - epoch % 60
