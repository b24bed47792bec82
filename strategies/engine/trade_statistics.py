"""
Statistics of closed trades: counts, averages, streaks, excursions, holding times.

Everything here is after costs (net), except the gross totals and the excursions. A trade of exactly zero is neither
won nor lost; it counts among the trades, and it ends a streak. Trades are taken in the order of their exits.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Protocol

from strategies.engine import drawdown, ratios
from strategies.engine.excursions import Excursion
from strategies.engine.metric import NO_TRADE, Metric, number, quotient, undefined
from strategies.engine.money import ZERO

_NO_WINNER = "no winning trade"
_NO_LOSER = "no losing trade"


class ClosedTrade(Protocol):
    """What the statistics read of a trade; ``positions.Trade`` has it."""

    @property
    def pnl(self) -> Decimal:
        """Profit before costs, quote currency; negative is a loss."""

    @property
    def entry_time(self) -> datetime:
        """When it was opened, exchange time."""

    @property
    def exit_time(self) -> datetime:
        """When it was closed, exchange time."""

    @property
    def exit_type(self) -> str:
        """What kind of exit closed it, such as ``stop_loss``."""

    @property
    def exit_reason(self) -> str:
        """What closed it: a node."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeOutcome:
    """A closed trade and what the run knows about it besides."""

    trade: ClosedTrade
    #: All costs of its entry and exit, quote currency, >= 0.
    costs: Decimal = ZERO
    #: What its first stop put at risk, quote currency, > 0; None for a trade without one.
    risk: Decimal | None = None
    #: None where the run did not follow its profit.
    excursion: Excursion | None = None

    def __post_init__(self) -> None:
        if self.risk is not None and self.risk <= 0:
            raise ValueError(f"a trade's risk is above zero, not {self.risk}; None says that it is not known")

    @property
    def net_pnl(self) -> Decimal:
        """Return the profit after costs."""
        return self.trade.pnl - self.costs


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeTally:
    """Trades counted and added up. Amounts in quote currency."""

    trades: int
    winners: int
    losers: int
    gross_pnl: Decimal
    costs: Decimal
    net_pnl: Decimal
    #: Sum of the winners, >= 0, and of the losers, <= 0, after costs.
    profit: Decimal
    loss: Decimal
    #: Winners per hundred trades.
    win_rate_percent: Metric[float]
    #: Profit over loss, as a positive number.
    profit_factor: Metric[float]
    #: Mean winner over mean loser, as a positive number.
    payoff_ratio: Metric[float]
    #: Mean profit of a trade.
    expectancy: Metric[Decimal]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeStatistics:
    """What the trades of a run say beyond their totals. Amounts in quote currency."""

    #: Mean of profit / risk, over the trades whose risk is known.
    expectancy_r: Metric[float]
    trades_with_risk: int
    average_win: Metric[Decimal]
    average_loss: Metric[Decimal]
    largest_win: Metric[Decimal]
    largest_loss: Metric[Decimal]
    max_consecutive_wins: int
    max_consecutive_losses: int
    #: Standard deviation of the profits, sample.
    pnl_deviation: Metric[float]
    #: Mean profit over deviation, and over downside deviation: not annual.
    sharpe_per_trade: Metric[float]
    sortino_per_trade: Metric[float]
    sqn: Metric[float]
    #: From entry to exit by the clock.
    holding_seconds_mean: Metric[float]
    holding_seconds_median: Metric[float]
    holding_seconds_min: Metric[float]
    holding_seconds_max: Metric[float]
    holding_seconds_mean_of_winners: Metric[float]
    holding_seconds_mean_of_losers: Metric[float]
    #: Before costs, over the trades that were followed.
    average_mae: Metric[Decimal]
    average_mfe: Metric[Decimal]
    largest_mae: Metric[Decimal]
    largest_mfe: Metric[Decimal]
    #: The largest fall of the realised profit, >= 0.
    closed_drawdown: Decimal
    #: The largest fall that the excursions allow, before costs.
    excursion_drawdown: Metric[Decimal]


def in_order(outcomes: Iterable[TradeOutcome]) -> tuple[TradeOutcome, ...]:
    """Return trades in the order of their exits; those of one moment stay as they came."""
    return tuple(sorted(outcomes, key=lambda outcome: outcome.trade.exit_time))


def tally(outcomes: Sequence[TradeOutcome]) -> TradeTally:
    """Count trades and add them up."""
    pnls = [outcome.net_pnl for outcome in outcomes]
    won, lost = [pnl for pnl in pnls if pnl > 0], [pnl for pnl in pnls if pnl < 0]
    profit, loss = sum(won, ZERO), sum(lost, ZERO)
    return TradeTally(
        trades=len(pnls),
        winners=len(won),
        losers=len(lost),
        gross_pnl=sum((outcome.trade.pnl for outcome in outcomes), ZERO),
        costs=sum((outcome.costs for outcome in outcomes), ZERO),
        net_pnl=sum(pnls, ZERO),
        profit=profit,
        loss=loss,
        win_rate_percent=quotient(100 * len(won), len(pnls), if_zero=NO_TRADE),
        profit_factor=quotient(profit, -loss, if_zero=_NO_LOSER if pnls else NO_TRADE),
        payoff_ratio=_payoff_ratio(won, lost) if pnls else undefined(NO_TRADE),
        expectancy=_mean(pnls, NO_TRADE),
    )


def statistics_of(outcomes: Sequence[TradeOutcome]) -> TradeStatistics:
    """Return the statistics of trades that are in the order of their exits."""
    pnls = [outcome.net_pnl for outcome in outcomes]
    won, lost = [pnl for pnl in pnls if pnl > 0], [pnl for pnl in pnls if pnl < 0]
    numbers = [float(pnl) for pnl in pnls]
    held = [_holding_seconds(outcome) for outcome in outcomes]
    followed = [outcome for outcome in outcomes if outcome.excursion is not None]
    maes = [outcome.excursion.mae for outcome in followed if outcome.excursion is not None]
    mfes = [outcome.excursion.mfe for outcome in followed if outcome.excursion is not None]
    risked = [float(outcome.net_pnl / outcome.risk) for outcome in outcomes if outcome.risk is not None]
    unfollowed = "no trade was followed tick by tick" if pnls else NO_TRADE
    return TradeStatistics(
        expectancy_r=_fmean(risked, "no trade has a known risk" if pnls else NO_TRADE),
        trades_with_risk=len(risked),
        average_win=_mean(won, _NO_WINNER),
        average_loss=_mean(lost, _NO_LOSER),
        largest_win=_extreme(max, won, _NO_WINNER),
        largest_loss=_extreme(min, lost, _NO_LOSER),
        max_consecutive_wins=_longest_run(pnl > 0 for pnl in pnls),
        max_consecutive_losses=_longest_run(pnl < 0 for pnl in pnls),
        pnl_deviation=ratios.deviation(numbers),
        sharpe_per_trade=ratios.sharpe(numbers),
        sortino_per_trade=ratios.sortino(numbers),
        sqn=ratios.sqn(numbers),
        holding_seconds_mean=_fmean(held, NO_TRADE),
        holding_seconds_median=Metric(statistics.median(held)) if held else undefined(NO_TRADE),
        holding_seconds_min=Metric(min(held)) if held else undefined(NO_TRADE),
        holding_seconds_max=Metric(max(held)) if held else undefined(NO_TRADE),
        holding_seconds_mean_of_winners=_mean_holding(outcomes, lambda pnl: pnl > 0, _NO_WINNER),
        holding_seconds_mean_of_losers=_mean_holding(outcomes, lambda pnl: pnl < 0, _NO_LOSER),
        average_mae=_mean(maes, unfollowed),
        average_mfe=_mean(mfes, unfollowed),
        largest_mae=_extreme(min, maes, unfollowed),
        largest_mfe=_extreme(max, mfes, unfollowed),
        closed_drawdown=drawdown.closed(pnls),
        excursion_drawdown=_excursion_drawdown(outcomes, followed, unfollowed),
    )


def _payoff_ratio(won: Sequence[Decimal], lost: Sequence[Decimal]) -> Metric[float]:
    if not won or not lost:
        return undefined(_NO_LOSER if won else _NO_WINNER if lost else "no winning and no losing trade")
    return quotient(sum(won, ZERO) * len(lost), -sum(lost, ZERO) * len(won), if_zero=_NO_LOSER)


def _mean(amounts: Sequence[Decimal], if_none: str) -> Metric[Decimal]:
    return Metric(sum(amounts, ZERO) / len(amounts)) if amounts else undefined(if_none)


def _fmean(values: Sequence[float], if_none: str) -> Metric[float]:
    return number(statistics.fmean(values)) if values else undefined(if_none)


def _extreme(
    choose: Callable[[Sequence[Decimal]], Decimal], amounts: Sequence[Decimal], if_none: str
) -> Metric[Decimal]:
    return Metric(choose(amounts)) if amounts else undefined(if_none)


def _longest_run(hits: Iterable[bool]) -> int:
    return max((sum(1 for _ in run) for is_hit, run in groupby(hits) if is_hit), default=0)


def _holding_seconds(outcome: TradeOutcome) -> float:
    return (outcome.trade.exit_time - outcome.trade.entry_time).total_seconds()


def _mean_holding(outcomes: Sequence[TradeOutcome], is_meant: Callable[[Decimal], bool], if_none: str) -> Metric[float]:
    return _fmean([_holding_seconds(outcome) for outcome in outcomes if is_meant(outcome.net_pnl)], if_none)


def _excursion_drawdown(
    outcomes: Sequence[TradeOutcome], followed: Sequence[TradeOutcome], if_none: str
) -> Metric[Decimal]:
    if not followed:
        return undefined(if_none)
    if len(followed) < len(outcomes):
        return undefined("not every trade was followed tick by tick")
    return Metric(
        drawdown.bounded(
            (outcome.trade.pnl, outcome.excursion.mae, outcome.excursion.mfe)
            for outcome in followed
            if outcome.excursion is not None
        )
    )
