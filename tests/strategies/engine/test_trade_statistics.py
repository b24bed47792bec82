"""
Statistics of closed trades.

The LEAN cases take their trades and numbers from QuantConnect LEAN (Apache-2.0),
Tests/Common/Statistics/TradeStatisticsTests.cs. Where LEAN writes 10 for an infinite ratio or 0 for an undefined one,
ours is undefined. Its fees of 2 a trade are not in its profits; here costs are, so the cases give none but in one.
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import trade_statistics
from strategies.engine.metric import Metric, undefined
from strategies.engine.trade_statistics import TradeOutcome
from tests.strategies.engine.outcomes_made import outcome

TWO_LOSERS_ONE_WINNER = (
    outcome(-20, opened=0, closed=20, mae=-30, mfe=5),
    outcome(-20, opened=10, closed=20, mae=-40, mfe=30),
    outcome(10, opened=30, closed=40, mae=-15, mfe=30),
)
ONE_WINNER_TWO_LOSERS = (
    outcome(10, opened=0, closed=10, mae=-15, mfe=30),
    outcome(-20, opened=20, closed=40, mae=-30, mfe=5),
    outcome(-20, opened=30, closed=40, mae=-40, mfe=30),
)
ONE_LOSER_TWO_WINNERS = (
    outcome(-20, opened=0, closed=20, mae=-30, mfe=5),
    outcome(20, opened=10, closed=20, mae=-40, mfe=30),
    outcome(10, opened=30, closed=40, mae=-15, mfe=30),
)
THREE_WINNERS = (
    outcome(20, opened=0, closed=20, mae=-5, mfe=30),
    outcome(20, opened=10, closed=40, mae=-30, mfe=40),
    outcome(10, opened=30, closed=40, mae=-15, mfe=30),
)
THREE_LOSERS = (
    outcome(-20, opened=0, closed=20, mae=-30, mfe=5),
    outcome(-20, opened=10, closed=40, mae=-40, mfe=30),
    outcome(-10, opened=30, closed=40, mae=-30, mfe=15),
)


def of(metric: Metric[float] | Metric[Decimal]) -> float:
    """Return a figure that must be defined, as a float."""
    assert metric.value is not None, metric.reason
    return float(metric.value)


@pytest.mark.parametrize(
    ("outcomes", "expected"),
    [
        # total, mean, mean win, mean loss, winners, losers, runs won and lost, closed and bounded drawdown, worst MAE
        pytest.param(TWO_LOSERS_ONE_WINNER, (-30, 10, -20, 1, 2, 1, 2, 40, 70, -40, 30), id="TwoLosersOneWinner"),
        pytest.param(ONE_WINNER_TWO_LOSERS, (-30, 10, -20, 1, 2, 1, 2, 40, 80, -40, 30), id="OneWinnerTwoLosers"),
        pytest.param(ONE_LOSER_TWO_WINNERS, (10, 15, -20, 2, 1, 2, 1, 20, 70, -40, 30), id="OneLoserTwoWinners"),
        pytest.param(THREE_WINNERS, (50, Decimal(50) / 3, None, 3, 0, 3, 0, 0, 70, -30, 40), id="ThreeWinners"),
        pytest.param(THREE_LOSERS, (-50, None, Decimal(-50) / 3, 0, 3, 0, 3, 50, 80, -40, 30), id="ThreeLosers"),
    ],
)
def test_published_counts_and_amounts_of_lean(
    outcomes: tuple[TradeOutcome, ...], expected: tuple[float | Decimal | None, ...]
) -> None:
    totals, figures = trade_statistics.tally(outcomes), trade_statistics.statistics_of(outcomes)

    assert [
        totals.net_pnl,
        figures.average_win.value,
        figures.average_loss.value,
        totals.winners,
        totals.losers,
        figures.max_consecutive_wins,
        figures.max_consecutive_losses,
        figures.closed_drawdown,
        of(figures.excursion_drawdown),
        of(figures.largest_mae),
        of(figures.largest_mfe),
    ] == list(expected)


@pytest.mark.parametrize(
    ("outcomes", "deviation", "sharpe", "win_rate", "mae", "mfe"),
    [
        (TWO_LOSERS_ONE_WINNER, 17.3205080756888, -0.5773502691896248, 1 / 3, -28.333333333333332, 21.666666666666668),
        (ONE_WINNER_TWO_LOSERS, 17.3205080756888, -0.5773502691896248, 1 / 3, -28.333333333333332, 21.666666666666668),
        (ONE_LOSER_TWO_WINNERS, 20.8166599946613, 0.1601281538050873, 2 / 3, -28.333333333333332, 21.666666666666668),
        (THREE_WINNERS, 5.77350269189626, 2.8867513459481276, 1, -16.666666666666668, 33.333333333333336),
        (THREE_LOSERS, 5.77350269189626, -2.8867513459481276, 0, -33.333333333333336, 16.666666666666668),
    ],
)
def test_published_ratios_of_lean(
    outcomes: tuple[TradeOutcome, ...], deviation: float, sharpe: float, win_rate: float, mae: float, mfe: float
) -> None:
    totals, figures = trade_statistics.tally(outcomes), trade_statistics.statistics_of(outcomes)

    assert of(figures.pnl_deviation) == pytest.approx(deviation, rel=1e-13)
    assert of(figures.sharpe_per_trade) == pytest.approx(sharpe, rel=1e-13)
    assert of(totals.win_rate_percent) == pytest.approx(100 * win_rate, rel=1e-13)
    assert of(figures.average_mae) == pytest.approx(mae, rel=1e-13)
    assert of(figures.average_mfe) == pytest.approx(mfe, rel=1e-13)


@pytest.mark.parametrize(
    ("outcomes", "profit_factor", "payoff"),
    [
        (TWO_LOSERS_ONE_WINNER, Metric(0.25), Metric(0.5)),
        (ONE_LOSER_TWO_WINNERS, Metric(1.5), Metric(0.75)),
        # LEAN writes ten and zero for these.
        (THREE_WINNERS, undefined("no losing trade"), undefined("no losing trade")),
        (THREE_LOSERS, Metric(0.0), undefined("no winning trade")),
    ],
)
def test_published_profit_factor_and_payoff_of_lean_or_the_reason(
    outcomes: tuple[TradeOutcome, ...], profit_factor: Metric[float], payoff: Metric[float]
) -> None:
    totals = trade_statistics.tally(outcomes)

    assert (totals.profit_factor, totals.payoff_ratio) == (profit_factor, payoff)


def test_published_holding_times_of_lean() -> None:
    figures = trade_statistics.statistics_of(TWO_LOSERS_ONE_WINNER)

    assert [
        of(figures.holding_seconds_mean),
        of(figures.holding_seconds_mean_of_winners),
        of(figures.holding_seconds_mean_of_losers),
        of(figures.holding_seconds_median),
        of(figures.holding_seconds_min),
        of(figures.holding_seconds_max),
    ] == [800, 600, 900, 600, 600, 1200]


def test_published_expectancy_of_lean_and_its_fees_as_costs() -> None:
    before = trade_statistics.tally(TWO_LOSERS_ONE_WINNER)
    after = trade_statistics.tally([outcome(-20, costs=2), outcome(-20, costs=2), outcome(10, costs=2)])

    assert before.expectancy == Metric(Decimal(-10))
    assert (after.gross_pnl, after.costs, after.net_pnl) == (Decimal(-30), Decimal(6), Decimal(-36))
    assert after.expectancy == Metric(Decimal(-12))


def test_costs_can_make_a_winner_a_loser() -> None:
    totals = trade_statistics.tally([outcome(1, costs="1.50"), outcome(5, costs=1)])

    assert (totals.winners, totals.losers, totals.profit, totals.loss) == (1, 1, Decimal(4), Decimal("-0.50"))
    assert totals.profit_factor == Metric(8.0)


def test_a_trade_of_zero_is_neither_won_nor_lost_and_ends_a_streak() -> None:
    outcomes = [outcome(5), outcome(5), outcome(0), outcome(5), outcome(-1), outcome(0), outcome(-1)]
    totals, figures = trade_statistics.tally(outcomes), trade_statistics.statistics_of(outcomes)

    assert (totals.trades, totals.winners, totals.losers) == (7, 3, 2)
    assert (figures.max_consecutive_wins, figures.max_consecutive_losses) == (2, 1)
    assert of(totals.win_rate_percent) == pytest.approx(300 / 7, rel=1e-15)


def test_expectancy_in_r_is_over_the_trades_whose_risk_is_known() -> None:
    figures = trade_statistics.statistics_of([outcome(30, risk=10), outcome(-5, risk=5), outcome(1_000)])

    assert (figures.expectancy_r, figures.trades_with_risk) == (Metric(1.0), 2)


def test_expectancy_in_r_needs_a_known_risk() -> None:
    figures = trade_statistics.statistics_of([outcome(30)])

    assert figures.expectancy_r == undefined("no trade has a known risk")


@pytest.mark.parametrize("risk", [0, -5])
def test_a_risk_that_is_not_above_zero_is_refused(risk: int) -> None:
    with pytest.raises(ValueError, match="risk is above zero"):
        outcome(1, risk=risk)


def test_a_drawdown_from_excursions_needs_all_of_them() -> None:
    figures = trade_statistics.statistics_of([outcome(1, mae=-1, mfe=2), outcome(1)])

    assert figures.excursion_drawdown == undefined("not every trade was followed tick by tick")
    assert figures.average_mae == Metric(Decimal(-1))


def test_trades_are_taken_in_the_order_of_their_exits() -> None:
    late, early, also_early = outcome(1, closed=9), outcome(2, closed=3), outcome(3, closed=3)

    assert trade_statistics.in_order([late, early, also_early]) == (early, also_early, late)


def test_no_trade_gives_reasons_everywhere() -> None:
    totals, figures = trade_statistics.tally([]), trade_statistics.statistics_of([])

    metrics = [value for record in (totals, figures) for value in _fields(record) if isinstance(value, Metric)]
    assert len(metrics) > 20
    assert all(metric.value is None and metric.reason for metric in metrics)
    assert (totals.trades, totals.net_pnl, figures.closed_drawdown) == (0, Decimal(0), Decimal(0))


MONEY = st.decimals(-10_000, 10_000, places=2)


@given(pnls=st.lists(MONEY, max_size=30), costs=st.lists(st.decimals(0, 100, places=2), min_size=30, max_size=30))
def test_profit_and_loss_add_up_to_net_and_net_and_costs_to_gross(pnls: list[Decimal], costs: list[Decimal]) -> None:
    totals = trade_statistics.tally(
        [outcome(str(pnl), costs=str(cost)) for pnl, cost in zip(pnls, costs, strict=False)]
    )

    assert totals.profit + totals.loss == totals.net_pnl == sum(pnls) - sum(costs[: len(pnls)])
    assert totals.net_pnl + totals.costs == totals.gross_pnl == sum(pnls)
    assert totals.winners + totals.losers <= totals.trades == len(pnls)


@given(pnls=st.lists(MONEY, min_size=1, max_size=30))
def test_expectancy_is_win_rate_times_mean_win_and_loss_rate_times_mean_loss(pnls: list[Decimal]) -> None:
    outcomes = [outcome(str(pnl)) for pnl in pnls]
    totals, figures = trade_statistics.tally(outcomes), trade_statistics.statistics_of(outcomes)

    won = totals.winners * float(figures.average_win.value or 0)
    lost = totals.losers * float(figures.average_loss.value or 0)
    assert of(totals.expectancy) == pytest.approx((won + lost) / totals.trades, rel=1e-9, abs=1e-9)


def _fields(record: object) -> list[object]:
    return [getattr(record, name) for name in type(record).__slots__]  # type: ignore[attr-defined]  # both have slots
