"""
Ratios of reward to risk, from a series of results.

The results are either returns of successive days (fractions: 0.01 means 1 %) or profits of successive trades. The
risk-free rate is taken as zero, deviations are those of a sample (n - 1), and the annual figures assume
``TRADING_DAYS_PER_YEAR`` days. For days they are, by name and by number, empyrical's.

Sources:
    Sharpe, The Sharpe Ratio, Journal of Portfolio Management 21 (1994), the ex-post ratio against zero.
    Sortino and Price, Performance Measurement in a Downside Risk Framework, Journal of Investing 3 (1994), target 0.
    Young, Calmar Ratio: A Smoother Tool, Futures 20 (1991), over the whole run instead of 36 months.
    Tharp, Definitive Guide to Position Sizing (2008): System Quality Number, not capped at 100 trades.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from strategies.engine.drawdown import NO_CAPITAL
from strategies.engine.equity import DayClose
from strategies.engine.metric import Metric, number, undefined

TRADING_DAYS_PER_YEAR = 252


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRatios:
    """Ratios of the returns of a run's days."""

    #: Trading days per year that the annual figures assume.
    days_per_year: int
    annual_return_percent: Metric[float]
    annual_volatility_percent: Metric[float]
    annual_downside_deviation_percent: Metric[float]
    sharpe: Metric[float]
    sortino: Metric[float]
    calmar: Metric[float]


def day_returns(days: Sequence[DayClose], capital: Decimal | None) -> Metric[tuple[float, ...]]:
    """
    Return the change of equity over each day as a fraction of the equity before it.

    Args:
        days: The closes of the run's days, oldest first.
        capital: The equity before the first day, > 0. Undefined without one, and where a day left no equity.
    """
    if capital is None:
        return undefined(NO_CAPITAL)
    returns = []
    before = capital
    for day in days:
        equity = capital + day.total_pnl
        if equity <= 0:
            return undefined(f"the equity was not above zero at the end of {day.date}")
        returns.append(float((equity - before) / before))
        before = equity
    return Metric(tuple(returns))


def of_days(returns: Metric[tuple[float, ...]], max_drawdown_percent: Metric[float]) -> DayRatios:
    """
    Return the ratios of a run's days.

    Args:
        returns: What ``day_returns`` gave. Undefined with fewer than two days: a day has no deviation.
        max_drawdown_percent: Of the equity by tick, which no fall within a day escapes.
    """
    if returns.value is None or len(returns.value) < 2:
        nothing: Metric[float] = undefined(returns.reason or "fewer than two days")
        return DayRatios(
            days_per_year=TRADING_DAYS_PER_YEAR,
            annual_return_percent=nothing,
            annual_volatility_percent=nothing,
            annual_downside_deviation_percent=nothing,
            sharpe=nothing,
            sortino=nothing,
            calmar=nothing,
        )
    values, year = returns.value, TRADING_DAYS_PER_YEAR
    return DayRatios(
        days_per_year=year,
        annual_return_percent=_times(annual_return(values, year), 100.0),
        annual_volatility_percent=_times(deviation(values), 100.0 * math.sqrt(year)),
        annual_downside_deviation_percent=_times(downside_deviation(values), 100.0 * math.sqrt(year)),
        sharpe=sharpe(values, year),
        sortino=sortino(values, year),
        calmar=calmar(annual_return(values, year), max_drawdown_percent),
    )


def sharpe(results: Sequence[float], per_year: int = 1) -> Metric[float]:
    """
    Return mean / deviation x sqrt(per_year).

    Args:
        results: Returns of days or profits of trades.
        per_year: Results in a year; 1 leaves the ratio as it is, as for trades.
    """
    return _reward(results, deviation(results), per_year, "all results are equal, so their deviation is zero")


def sortino(results: Sequence[float], per_year: int = 1) -> Metric[float]:
    """Return mean / downside deviation x sqrt(per_year); the arguments are those of ``sharpe``."""
    return _reward(results, downside_deviation(results), per_year, "no result is below zero")


def calmar(yearly: Metric[float], max_drawdown_percent: Metric[float]) -> Metric[float]:
    """Return the annual return, a fraction, over the maximum drawdown."""
    if yearly.value is None:
        return yearly
    if max_drawdown_percent.value is None:
        return max_drawdown_percent
    if max_drawdown_percent.value == 0:
        return undefined("the equity was never below an earlier peak")
    return number(100.0 * yearly.value / max_drawdown_percent.value)


def sqn(profits: Sequence[float]) -> Metric[float]:
    """Return the System Quality Number: sqrt(n) x mean / deviation."""
    return _times(sharpe(profits), math.sqrt(len(profits)))


def annual_return(returns: Sequence[float], per_year: int) -> Metric[float]:
    """Return the compounded return of a year, a fraction: product(1 + r) ^ (per_year / n) - 1."""
    if not returns:
        return undefined("no result")
    if min(returns) <= -1:
        return undefined("a return of -100 % or less cannot be compounded")
    growth = math.fsum(map(math.log1p, returns)) * per_year / len(returns)
    # e ^ 709 is the last power that a float can hold.
    return number(math.expm1(growth) if growth < 709 else math.inf)


def deviation(results: Sequence[float]) -> Metric[float]:
    """Return the standard deviation of a sample, which has n - 1 degrees of freedom."""
    if len(results) < 2:
        return undefined("fewer than two results")
    return number(statistics.stdev(results))


def downside_deviation(results: Sequence[float]) -> Metric[float]:
    """Return sqrt(mean(min(result, 0) ^ 2)): the mean is over all results, so a gain counts as zero."""
    if not results:
        return undefined("no result")
    return number(math.hypot(*(min(result, 0.0) for result in results)) / math.sqrt(len(results)))


def _reward(results: Sequence[float], risk: Metric[float], per_year: int, if_zero: str) -> Metric[float]:
    if risk.value is None:
        return risk
    if risk.value == 0:
        return undefined(if_zero)
    return number(statistics.fmean(results) / risk.value * math.sqrt(per_year))


def _times(metric: Metric[float], factor: float) -> Metric[float]:
    return metric if metric.value is None else number(metric.value * factor)
