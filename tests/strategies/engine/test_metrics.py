"""The results as a whole: they agree with each other, with a published day, and go into JSON."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.engine import metrics
from strategies.engine.equity import EquityCurve
from strategies.engine.excursions import Excursions
from strategies.engine.metric import Metric, undefined
from strategies.engine.metrics import Metrics
from strategies.engine.trade_statistics import TradeOutcome
from tests.oracles import synthetic_day
from tests.strategies.engine.outcomes_made import START, MadeTrade, outcome

OPEN = int(START.timestamp())
DAY = 86_400
MONEY = st.decimals(-1_000, 1_000, places=2)


def run_of(paths: list[list[Decimal]], *, capital: Decimal | None, days_apart: bool = False) -> Metrics:
    """Compute a run of one trade after the other: each path is a trade's profit by tick, its last value realised."""
    curve, excursions, outcomes, realized = EquityCurve(), Excursions(), [], Decimal(0)
    for number, path in enumerate(paths):
        begin = OPEN + (number * DAY if days_apart else number * 60)
        curve.add(begin, realized, 0)
        for second, profit in enumerate(path, start=1):
            is_last = second == len(path)
            excursions.mark("leg-1", profit)
            curve.add(begin + second, realized + profit, 0 if is_last else 1)
        realized += path[-1]
        trade = MadeTrade(pnl=path[-1], entry_time=curve.time(begin), exit_time=curve.time(begin + len(path)))
        outcomes.append(TradeOutcome(trade=trade, excursion=excursions.close("leg-1", path[-1])))
    return metrics.compute(outcomes, curve, capital=capital)


def leaves(document: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Return every value of a document with the path to it."""
    if isinstance(document, dict):
        for name, value in document.items():
            yield from leaves(value, f"{path}.{name}".removeprefix("."))
    elif isinstance(document, list):
        for index, value in enumerate(document):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, document


def test_a_day_of_two_trades() -> None:
    run = run_of([[Decimal(-50), Decimal(100)], [Decimal(20), Decimal(-40)]], capital=Decimal(10_000))

    assert (run.gross_pnl, run.net_pnl, run.final_pnl, run.costs) == (Decimal(60),) * 3 + (Decimal(0),)
    assert run.return_percent == Metric(0.6)
    assert (run.ticks, run.exposure_percent) == (6, Metric(100 / 3))
    assert (run.drawdown.max_amount, run.trades.closed_drawdown, run.trades.excursion_drawdown) == (
        Decimal(60),
        Decimal(40),
        Metric(Decimal(150)),
    )
    assert run.ratios.sharpe == undefined("fewer than two days")


def test_costs_come_off_the_net_profit_and_those_of_open_positions_too() -> None:
    run = metrics.compute([outcome(100, costs=10)], EquityCurve(), open_costs=Decimal("2.50"))

    assert (run.gross_pnl, run.costs, run.net_pnl) == (Decimal(100), Decimal("12.50"), Decimal("87.50"))
    assert run.costs_percent == Metric(12.5)
    assert run.totals.net_pnl == 90


def test_costs_are_no_share_of_a_gross_loss() -> None:
    run = metrics.compute([outcome(-100, costs=10)], EquityCurve())

    assert run.costs_percent == undefined("no gross profit that costs could be a part of")


@pytest.mark.parametrize("capital", [0, -1])
def test_a_capital_that_is_not_above_zero_is_refused(capital: int) -> None:
    with pytest.raises(ValueError, match="capital is above zero"):
        metrics.compute([], EquityCurve(), capital=Decimal(capital))


def test_ratios_of_several_days_use_the_drawdown_by_tick() -> None:
    """Equity 1000, 1020, 1009.80, 1029.996: +2 %, -1 %, +2 %; within a day it fell by 50 from 1020."""
    paths = [[Decimal(20)], [Decimal(-50), Decimal("-10.20")], [Decimal("20.196")]]
    run = run_of(paths, capital=Decimal(1_000), days_apart=True)

    annual = (1.02**2 * 0.99) ** 84 - 1
    assert run.ratios.sharpe.value == pytest.approx(math.sqrt(252 / 3), rel=1e-9)
    assert run.ratios.sortino.value == pytest.approx(math.sqrt(252 * 3), rel=1e-9)
    assert run.drawdown.max_percent.value == pytest.approx(100 * 50 / 1020, rel=1e-12)
    assert run.ratios.calmar.value == pytest.approx(annual / (50 / 1020), rel=1e-9)
    assert [str(day.date) for day in run.days] == ["2024-10-29", "2024-10-30", "2024-10-31"]


def test_the_document_writes_money_as_text_ratios_as_numbers_and_times_as_iso() -> None:
    document = metrics.as_document(run_of([[Decimal(-50), Decimal("99.5")]], capital=Decimal(10_000)))

    assert document["net_pnl"] == "99.50"
    assert document["totals"]["win_rate_percent"] == 100.0
    assert document["drawdown"]["started_at"] == "2024-10-29T09:15:00+05:30"
    assert document["days"][0]["date"] == "2024-10-29"
    assert document["breakdowns"]["by_weekday"][0]["key"] == "Tuesday"
    assert document["ratios"]["sharpe"] is None
    assert document["undefined"]["ratios.sharpe"] == "fewer than two days"
    assert document["undefined"]["totals.profit_factor"] == "no losing trade"


def test_a_run_without_trades_gives_a_document_of_reasons() -> None:
    """S: undefined is null with a reason, never 0 or NaN."""
    document = metrics.as_document(metrics.compute([], EquityCurve()))

    assert document["totals"]["win_rate_percent"] is None
    assert document["undefined"]["exposure_percent"] == "no tick"
    assert document["undefined"]["return_percent"] == "no capital was given"


@given(
    paths=st.lists(st.lists(MONEY, min_size=1, max_size=5), max_size=8),
    capital=st.none() | st.just(Decimal(100)) | st.just(Decimal(1_000_000)),
    days_apart=st.booleans(),
)
def test_laws_of_every_run(paths: list[list[Decimal]], capital: Decimal | None, days_apart: bool) -> None:
    """The trades add up to the curve, a drawdown is never negative, and every null of the document has its reason."""
    run = run_of(paths, capital=capital, days_apart=days_apart)
    document = json.loads(json.dumps(metrics.as_document(run), allow_nan=False))
    reasons: dict[str, Any] = document.pop("undefined")

    assert run.net_pnl == sum((path[-1] for path in paths), Decimal(0)) == run.final_pnl
    assert sum((day.pnl for day in run.days), Decimal(0)) == run.final_pnl
    assert 0 <= run.trades.closed_drawdown <= run.drawdown.max_amount
    assert {path for path, value in leaves(document) if value is None} == set(reasons)
    assert all(reasons.values())


def test_published_numbers_of_the_synthetic_day() -> None:
    """Six engines made these 52 trades; the numbers were published with them."""
    run = _synthetic_run()

    assert (run.totals.trades, run.totals.winners, run.totals.losers) == (52, 15, 36)
    assert (run.totals.profit, run.totals.loss, run.net_pnl) == (
        Decimal("201.40"),
        Decimal("-672.55"),
        Decimal("-471.15"),
    )
    assert run.totals.profit_factor.value == pytest.approx(0.29946, abs=5e-6)
    assert run.trades.closed_drawdown == Decimal("493.95")
    assert [(group.key, group.tally.trades) for group in run.breakdowns.by_exit_type] == [
        ("signal", 41),
        ("square_off", 1),
        ("stop", 10),
    ]


def test_the_synthetic_day_by_tick_agrees_with_its_trades() -> None:
    run = _synthetic_run()
    prices = [second.option for second in synthetic_day.seconds()]
    worst = [
        trade.entry_price - max(prices[trade.entry_tick : trade.exit_tick + 1]) for trade in synthetic_day.trades()
    ]
    held = sum(trade.exit_tick - trade.entry_tick for trade in synthetic_day.trades())

    assert run.final_pnl == run.net_pnl == Decimal("-471.15")
    assert run.ticks == len(prices) == 22_351
    assert run.exposure_percent == Metric(float(Decimal(100 * held) / len(prices)))
    assert run.trades.largest_mae == Metric(min(worst))
    assert run.trades.average_mae.value == sum(worst) / 52
    assert run.trades.closed_drawdown <= run.drawdown.max_amount <= (run.trades.excursion_drawdown.value or 0)


def _synthetic_run() -> Metrics:
    """Feed the day tick by tick, as an engine does."""
    trades = synthetic_day.trades()
    by_entry = {trade.entry_tick: trade for trade in trades}
    curve, excursions, outcomes, realized, held = EquityCurve(), Excursions(), [], Decimal(0), None
    for tick, second in enumerate(synthetic_day.seconds()):
        if held is not None and tick == held.exit_tick:
            realized += held.pnl
            trade = MadeTrade(
                pnl=held.pnl,
                entry_time=held.entry_time,
                exit_time=second.at,
                exit_type=held.reason,
            )
            outcomes.append(TradeOutcome(trade=trade, excursion=excursions.close("leg", held.pnl)))
            held = None
        if held is None:
            held = by_entry.get(tick)
        unrealized = held.entry_price - second.option if held else Decimal(0)
        if held:
            excursions.mark("leg", unrealized)
        curve.add(int(second.at.timestamp()), realized + unrealized, 1 if held else 0)
    return metrics.compute(outcomes, curve)
