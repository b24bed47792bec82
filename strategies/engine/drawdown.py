"""
Drawdowns: how far, and for how long, a curve lay below its highest point.

A drawdown starts at the last tick at the peak, falls to its trough and ends at the first tick that is at the peak
again or above it, or unrecovered at the end of the data. The peak before the first tick is a profit of zero, so a
loss in the first tick is a drawdown already. Its percentage is of the equity at the peak: capital + profit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from strategies.engine.equity import EquityCurve, Sample
from strategies.engine.metric import Metric, quotient, undefined
from strategies.engine.money import ZERO

NO_CAPITAL = "no capital was given"
_NONE = "the equity was never below an earlier peak"
_OPEN = "not recovered by the end of the data"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawdown:
    """One drawdown of a curve."""

    #: From the peak down to the trough, quote currency, > 0.
    amount: Decimal
    #: The amount per hundred of the equity at the peak; above 100 where more than all was lost.
    percent: Metric[float]
    #: The last tick at the peak.
    started_at: datetime
    #: The first tick at the lowest point.
    trough_at: datetime
    #: The first tick at the old peak or above; None if that never came.
    recovered_at: datetime | None
    #: From the start to the recovery, or to the last tick: by the clock, nights included, and in ticks.
    duration_seconds: int
    duration_ticks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawdownStatistics:
    """The drawdowns of a run. Start, trough, recovery and duration are those of the largest by amount."""

    #: How many there were.
    count: int
    #: Quote currency, >= 0; 0 where there was none.
    max_amount: Decimal
    #: The largest percentage of any drawdown, which need not be the one with the largest amount.
    max_percent: Metric[float]
    started_at: Metric[datetime]
    trough_at: Metric[datetime]
    recovered_at: Metric[datetime]
    duration_seconds: Metric[int]
    duration_ticks: Metric[int]
    #: The longest of any drawdown; 0 where there was none.
    longest_seconds: int
    longest_ticks: int


def drawdowns(curve: EquityCurve, capital: Decimal | None) -> Iterator[Drawdown]:
    """
    Return every drawdown of a curve, in order of time.

    Args:
        curve: The run's profit.
        capital: What the run began with, quote currency, > 0; None leaves the percentages undefined.
    """
    peak = trough = last = None
    for last in curve.samples():
        if peak is None:
            peak = last._replace(units=max(0, last.units))
        if last.units >= peak.units:
            if trough is not None:
                yield _drawdown(curve, capital, peak, trough, last, is_recovered=True)
            peak, trough = last, None
        elif trough is None or last.units < trough.units:
            trough = last
    if peak is not None and trough is not None and last is not None:
        yield _drawdown(curve, capital, peak, trough, last, is_recovered=False)


def statistics_of(curve: EquityCurve, capital: Decimal | None) -> DrawdownStatistics:
    """Return the drawdown figures of a run; the arguments are those of ``drawdowns``."""
    every = list(drawdowns(curve, capital))
    # max() keeps the first of equals: the earliest of the largest drawdowns.
    largest = max(every, key=lambda drawdown: drawdown.amount, default=None)
    recovered_at = largest.recovered_at if largest else None
    return DrawdownStatistics(
        count=len(every),
        max_amount=largest.amount if largest else ZERO,
        max_percent=_max_percent(every, capital),
        started_at=Metric(largest.started_at) if largest else undefined(_NONE),
        trough_at=Metric(largest.trough_at) if largest else undefined(_NONE),
        recovered_at=Metric(recovered_at) if recovered_at else undefined(_OPEN if largest else _NONE),
        duration_seconds=Metric(largest.duration_seconds) if largest else undefined(_NONE),
        duration_ticks=Metric(largest.duration_ticks) if largest else undefined(_NONE),
        longest_seconds=max((drawdown.duration_seconds for drawdown in every), default=0),
        longest_ticks=max((drawdown.duration_ticks for drawdown in every), default=0),
    )


def closed(pnls: Iterable[Decimal]) -> Decimal:
    """
    Return the largest drawdown of the profit that trades realised one after the other, quote currency, >= 0.

    Args:
        pnls: Profit of each trade, in the order of their exits.
    """
    return bounded((pnl, ZERO, ZERO) for pnl in pnls)


def bounded(trades: Iterable[tuple[Decimal, Decimal, Decimal]]) -> Decimal:
    """
    Return the largest drawdown that the excursions of trades allow, quote currency, >= 0.

    The true one cannot be larger when one trade is open at a time; how large it was only the equity curve knows.

    Args:
        trades: Profit, MAE and MFE of each trade, in the order of their exits.

    Source:
        QuantConnect LEAN, TradeStatistics.MaximumIntraTradeDrawdown.
    """
    total = peak = worst = ZERO
    for pnl, mae, mfe in trades:
        peak = max(peak, total + mfe)
        worst = max(worst, peak - (total + mae))
        total += pnl
        worst = max(worst, peak - total)
    return worst


def _drawdown(
    curve: EquityCurve, capital: Decimal | None, peak: Sample, trough: Sample, end: Sample, *, is_recovered: bool
) -> Drawdown:
    amount = curve.to_money(peak.units - trough.units)
    return Drawdown(
        amount=amount,
        percent=_percent(amount, capital, curve.to_money(peak.units)),
        started_at=curve.time(peak.epoch),
        trough_at=curve.time(trough.epoch),
        recovered_at=curve.time(end.epoch) if is_recovered else None,
        duration_seconds=end.epoch - peak.epoch,
        duration_ticks=end.tick - peak.tick,
    )


def _percent(amount: Decimal, capital: Decimal | None, peak_pnl: Decimal) -> Metric[float]:
    if capital is None:
        return undefined(NO_CAPITAL)
    # A peak is never below a profit of zero, so the equity at it is never below the capital, which is above zero.
    return quotient(100 * amount, capital + peak_pnl, if_zero=NO_CAPITAL)


def _max_percent(every: list[Drawdown], capital: Decimal | None) -> Metric[float]:
    if capital is None:
        return undefined(NO_CAPITAL)
    values = [drawdown.percent.value for drawdown in every if drawdown.percent.value is not None]
    return Metric(max(values, default=0.0))
