"""
The results of a run in figures: profit, drawdown, ratios, statistics of trades, breakdowns.

``compute`` takes what the engine collected: the closed trades with their costs, and the equity curve that it fed
tick by tick. Money is ``Decimal`` and exact; ratios are floats. A figure that cannot be had is a ``Metric`` with a
reason. ``as_document`` makes all of it ready for JSON. Every formula stands in docs/reference/metrics.md.

    metrics             this file: the whole, and its JSON form
    ├── equity          the curve by tick, minute and day
    ├── drawdown        falls from a peak
    ├── ratios          Sharpe, Sortino, Calmar, SQN
    ├── trade_statistics, excursions
    ├── breakdowns      by day, hour, weekday, exit type, exit reason
    └── metric          a figure or the reason why there is none
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from strategies.engine import breakdowns, drawdown, money, ratios, trade_statistics
from strategies.engine.breakdowns import Breakdowns
from strategies.engine.drawdown import NO_CAPITAL, DrawdownStatistics
from strategies.engine.equity import DayClose, EquityCurve
from strategies.engine.metric import Metric, quotient, undefined
from strategies.engine.money import ZERO
from strategies.engine.ratios import DayRatios
from strategies.engine.trade_statistics import TradeOutcome, TradeStatistics, TradeTally

_NO_GROSS_PROFIT = "no gross profit that costs could be a part of"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """The results of one run. Amounts in quote currency."""

    #: What the run began with; None where none was given.
    capital: Metric[Decimal]
    #: Profit of all closed trades before costs, all costs, and the difference.
    gross_pnl: Decimal
    costs: Decimal
    net_pnl: Decimal
    #: Costs per hundred of the gross profit.
    costs_percent: Metric[float]
    #: The equity curve's last total: closed trades and open positions.
    final_pnl: Decimal
    #: The same per hundred of the capital.
    return_percent: Metric[float]
    ticks: int
    #: Ticks at whose end a position was open, per hundred ticks.
    exposure_percent: Metric[float]
    totals: TradeTally
    trades: TradeStatistics
    drawdown: DrawdownStatistics
    ratios: DayRatios
    days: tuple[DayClose, ...]
    breakdowns: Breakdowns


def compute(
    outcomes: Sequence[TradeOutcome],
    curve: EquityCurve,
    *,
    capital: Decimal | None = None,
    open_costs: Decimal = ZERO,
) -> Metrics:
    """
    Compute the results of a run.

    Args:
        outcomes: Every closed trade.
        curve: The total profit by tick, as the engine fed it.
        capital: What the run began with, quote currency, > 0. Without it percentages and day ratios are undefined.
        open_costs: What the entries of positions that never closed have cost, quote currency, >= 0. It belongs to no
            closed trade, so it is in the run's costs and net profit, not in ``totals`` or the breakdowns.

    Raises:
        ValueError: If the capital is not above zero.
    """
    if capital is not None and capital <= 0:
        raise ValueError(f"capital is above zero, not {capital}; None says that there is none")
    outcomes = trade_statistics.in_order(outcomes)
    totals = trade_statistics.tally(outcomes)
    costs = totals.costs + open_costs
    falls = drawdown.statistics_of(curve, capital)
    days = curve.days()
    return Metrics(
        capital=undefined(NO_CAPITAL) if capital is None else Metric(capital),
        gross_pnl=totals.gross_pnl,
        costs=costs,
        net_pnl=totals.gross_pnl - costs,
        costs_percent=_costs_percent(costs, totals.gross_pnl),
        final_pnl=curve.final_pnl,
        return_percent=quotient(100 * curve.final_pnl, capital or ZERO, if_zero=NO_CAPITAL),
        ticks=curve.ticks,
        exposure_percent=quotient(100 * curve.exposed_ticks, curve.ticks, if_zero="no tick"),
        totals=totals,
        trades=trade_statistics.statistics_of(outcomes),
        drawdown=falls,
        ratios=ratios.of_days(ratios.day_returns(days, capital), falls.max_percent),
        days=days,
        breakdowns=breakdowns.of(outcomes),
    )


def as_document(metrics: Metrics) -> dict[str, Any]:
    """
    Return the results ready for JSON.

    Money is text with two places ("-12630.00"), ratios and counts are numbers, times and dates are ISO 8601. An
    undefined figure is null, and ``undefined`` gives its reason by the path to it: {"ratios.sharpe": "fewer …"}.
    """
    reasons: dict[str, str] = {}
    document: dict[str, Any] = _plain(metrics, "", reasons)
    return {**document, "undefined": reasons}


def _costs_percent(costs: Decimal, gross_pnl: Decimal) -> Metric[float]:
    if gross_pnl <= 0:
        return undefined(_NO_GROSS_PROFIT)
    return quotient(100 * costs, gross_pnl, if_zero=_NO_GROSS_PROFIT)


def _plain(value: Any, path: str, reasons: dict[str, str]) -> Any:  # noqa: ANN401 - any field of the records
    if isinstance(value, Metric):
        if value.value is None:
            reasons[path] = value.reason
        return _plain(value.value, path, reasons)
    if isinstance(value, Decimal):
        return money.text(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_plain(item, f"{path}[{index}]", reasons) for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value):
        return {
            field.name: _plain(getattr(value, field.name), f"{path}.{field.name}".removeprefix("."), reasons)
            for field in dataclasses.fields(value)
        }
    return value
