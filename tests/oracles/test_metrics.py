"""
Our results beside those of other packages, run here on the same numbers.

backtesting.py (AGPL-3.0) is only run, in an environment of its own: SMA 10/30 over its GOOG days. empyrical-reloaded
(Apache-2.0) is asked for the ratios of random returns. Where a definition differs, the test says how, and proves it
by turning our figure into theirs.
"""

import math
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from strategies.engine import drawdown, metrics
from strategies.engine.equity import EquityCurve
from strategies.engine.metric import Metric
from strategies.engine.metrics import Metrics
from strategies.engine.trade_statistics import TradeOutcome, statistics_of, tally
from tests.oracles import environment
from tests.strategies.engine.outcomes_made import MadeTrade

pytestmark = [pytest.mark.slow, pytest.mark.oracle, pytest.mark.timeout(1_200)]

HERE = Path(__file__).parent
BACKTESTING = ("backtesting==0.6.6", "bokeh==3.9.2", "numpy==2.4.6", "pandas==3.1.1")
EMPYRICAL = ("empyrical-reloaded==0.7.1", "numpy==2.4.6", "pandas==3.1.1", "scipy==1.17.1")
DAY = 86_400
RTOL = 1e-8


@pytest.fixture(scope="module")
def goog() -> dict[str, Any]:
    """Return what backtesting.py made of its GOOG days."""
    answer: dict[str, Any] = environment.ask(environment.python_of(*BACKTESTING), HERE / "goog_sma_cross.py")
    return answer


@pytest.fixture(scope="module")
def ours(goog: dict[str, Any]) -> Metrics:
    """Return our results from its equity and trades; its first day is its starting equity, not a result."""
    return metrics.compute(_outcomes(goog), _curve(goog, first_bar=1), capital=Decimal(10_000))


def close_to(value: float) -> Any:  # noqa: ANN401 - pytest's own class is not public
    """Compare as backtesting.py's own tests do."""
    return pytest.approx(value, rel=RTOL)


def of(metric: Metric[float] | Metric[Decimal]) -> float:
    """Return a figure that must be defined, as a float."""
    assert metric.value is not None, metric.reason
    return float(metric.value)


def test_backtesting_py_still_gives_its_published_statistics(goog: dict[str, Any]) -> None:
    """Published in backtesting.py's own test_compute_stats."""
    published = {
        "# Trades": 66,
        "Equity Final [$]": 51_422.99,
        "Return [%]": 414.2299,
        "Max. Drawdown [%]": -47.98012705007589,
        "Profit Factor": 2.167945974262033,
        "Win Rate [%]": 46.96969696969697,
        "Expectancy [%]": 3.2748078066748834,
        "Sharpe Ratio": 0.5806232244485349,
        "Sortino Ratio": 1.0853434352488662,
        "Calmar Ratio": 0.44166409202994605,
        "SQN": 1.0766187356697705,
        "Exposure Time [%]": 96.74115456238361,
    }

    assert {name: goog["statistics"][name] for name in published} == {
        name: close_to(value) for name, value in published.items()
    }


def test_equal_definitions_give_equal_figures(goog: dict[str, Any], ours: Metrics) -> None:
    theirs = goog["statistics"]

    assert ours.totals.trades == theirs["# Trades"] == 66
    assert 10_000 + float(ours.final_pnl) == close_to(theirs["Equity Final [$]"])
    assert of(ours.return_percent) == close_to(theirs["Return [%]"])
    assert of(ours.totals.win_rate_percent) == close_to(theirs["Win Rate [%]"])
    assert of(ours.drawdown.max_percent) == close_to(-theirs["Max. Drawdown [%]"])
    assert ours.drawdown.longest_seconds == theirs["Max. Drawdown Duration"]
    assert of(ours.ratios.annual_return_percent) == close_to(theirs["Return (Ann.) [%]"])
    assert of(ours.ratios.calmar) == close_to(theirs["Calmar Ratio"])
    assert of(ours.trades.sqn) == close_to(theirs["SQN"])


def test_the_trades_add_up_to_the_equity(ours: Metrics) -> None:
    assert float(ours.net_pnl) == close_to(float(ours.final_pnl))


def test_its_average_drawdown_is_the_mean_of_our_drawdowns(goog: dict[str, Any]) -> None:
    found = list(drawdown.drawdowns(_curve(goog, first_bar=0), Decimal(10_000)))

    mean = math.fsum(of(fall.percent) for fall in found) / len(found)
    assert mean == close_to(-goog["statistics"]["Avg. Drawdown [%]"])


def test_its_expectancy_is_ours_in_r_when_the_risk_is_the_value_at_entry(goog: dict[str, Any], ours: Metrics) -> None:
    assert 100 * of(ours.trades.expectancy_r) == close_to(goog["statistics"]["Expectancy [%]"])


def test_its_profit_factor_is_of_returns_ours_of_money(goog: dict[str, Any], ours: Metrics) -> None:
    theirs = goog["statistics"]["Profit Factor"]
    of_returns = tally([TradeOutcome(trade=MadeTrade(pnl=_exactly(trade["return"]))) for trade in goog["trades"]])

    assert of(of_returns.profit_factor) == close_to(theirs)
    assert of(ours.totals.profit_factor) != close_to(theirs)


def test_its_kelly_criterion_follows_from_our_win_rate_and_payoff(goog: dict[str, Any], ours: Metrics) -> None:
    won = of(ours.totals.win_rate_percent) / 100

    assert won - (1 - won) / of(ours.totals.payoff_ratio) == close_to(goog["statistics"]["Kelly Criterion"])


def test_its_volatility_compounds_ours_is_the_plain_one(goog: dict[str, Any], ours: Metrics) -> None:
    """Theirs: sqrt((v + g^2)^252 - g^504), v the variance of a day, g its geometric mean growth."""
    variance = (of(ours.ratios.annual_volatility_percent) / 100) ** 2 / 252
    growth = (1 + of(ours.ratios.annual_return_percent) / 100) ** (1 / 252)
    compounded = 100 * math.sqrt((variance + growth**2) ** 252 - growth**504)

    assert compounded == close_to(goog["statistics"]["Volatility (Ann.) [%]"])
    assert of(ours.ratios.annual_volatility_percent) != close_to(compounded)


def test_its_sharpe_and_sortino_ratios_have_the_compounded_return_above_the_line(
    goog: dict[str, Any], ours: Metrics
) -> None:
    """Ours have 252 times the mean return of a day there, as the field has."""
    theirs = goog["statistics"]
    annual = of(ours.ratios.annual_return_percent)

    assert annual / theirs["Volatility (Ann.) [%]"] == close_to(theirs["Sharpe Ratio"])
    assert annual / of(ours.ratios.annual_downside_deviation_percent) == close_to(theirs["Sortino Ratio"])
    assert of(ours.ratios.sharpe) != close_to(theirs["Sharpe Ratio"])
    assert of(ours.ratios.sortino) != close_to(theirs["Sortino Ratio"])


def test_its_exposure_counts_the_bar_of_the_exit_ours_does_not(goog: dict[str, Any]) -> None:
    """It turns the position round at each crossing, so only the last exit's bar makes a difference."""
    whole = metrics.compute([], _curve(goog, first_bar=0))
    bars = len(goog["equity"])

    assert of(whole.exposure_percent) + 100 / bars == close_to(goog["statistics"]["Exposure Time [%]"])


def test_its_holding_times_are_ours_rounded_up_to_days(goog: dict[str, Any]) -> None:
    figures, theirs = statistics_of(_outcomes(goog)), goog["statistics"]

    assert of(figures.holding_seconds_max) == theirs["Max. Trade Duration"]
    assert math.ceil(of(figures.holding_seconds_mean) / DAY) * DAY == theirs["Avg. Trade Duration"]


def test_ratios_of_random_days_are_those_of_empyrical() -> None:
    """Twenty series of 2 to 300 days, one tick a day: every annual figure by the field's own definition."""
    chance = random.Random(20_241_029)
    series = [[round(chance.gauss(0.0004, 0.012), 6) for _ in range(days)] for days in range(2, 302, 15)]

    theirs = environment.ask(environment.python_of(*EMPYRICAL), HERE / "empyrical_ratios.py", given=series)

    for returns, answer in zip(series, theirs, strict=True):
        run = _run_of_days(returns)
        assert {
            "annual_return": of(run.ratios.annual_return_percent) / 100,
            "annual_volatility": of(run.ratios.annual_volatility_percent) / 100,
            "downside_risk": of(run.ratios.annual_downside_deviation_percent) / 100,
            "max_drawdown": -of(run.drawdown.max_percent) / 100,
            "sharpe": of(run.ratios.sharpe),
            "sortino": of(run.ratios.sortino),
            "calmar": of(run.ratios.calmar),
        } == {name: close_to(value) for name, value in answer.items()}, f"{len(returns)} days"


def test_what_empyrical_calls_infinite_or_not_a_number_is_undefined() -> None:
    days = [0.01, 0.02, 0.01]
    [theirs] = environment.ask(environment.python_of(*EMPYRICAL), HERE / "empyrical_ratios.py", given=[days])
    run = _run_of_days(days)

    assert (math.isinf(theirs["sortino"]), math.isnan(theirs["calmar"])) == (True, True)
    assert (run.ratios.sortino.reason, run.ratios.calmar.reason) == (
        "no result is below zero",
        "the equity was never below an earlier peak",
    )


def _curve(goog: dict[str, Any], *, first_bar: int) -> EquityCurve:
    """Feed its equity as profit over its 10,000 of cash, one tick a day."""
    held = {bar for trade in goog["trades"] for bar in range(trade["entry_bar"], trade["exit_bar"])}
    curve = EquityCurve(utc_offset_seconds=0)
    for bar, (epoch, equity) in enumerate(zip(goog["time"], goog["equity"], strict=True)):
        if bar >= first_bar:
            curve.add(epoch, _exactly(equity) - 10_000, 1 if bar in held else 0)
    return curve


def _outcomes(goog: dict[str, Any]) -> list[TradeOutcome]:
    return [
        TradeOutcome(
            trade=MadeTrade(
                pnl=_exactly(trade["pnl"]),
                entry_time=datetime.fromtimestamp(goog["time"][trade["entry_bar"]], UTC),
                exit_time=datetime.fromtimestamp(goog["time"][trade["exit_bar"]], UTC),
            ),
            risk=abs(trade["size"]) * _exactly(trade["entry_price"]),
        )
        for trade in goog["trades"]
    ]


def _run_of_days(returns: list[float]) -> Metrics:
    """Return the results of a run with these returns, one tick a day."""
    capital = equity = Decimal(1_000_000)
    curve = EquityCurve()
    for day, value in enumerate(returns):
        equity *= 1 + _exactly(value)
        curve.add(DAY * (20_000 + day), equity - capital, 0)
    return metrics.compute([], curve, capital=capital)


def _exactly(value: float) -> Decimal:
    return Decimal(repr(value))
