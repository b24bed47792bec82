"""
Our engine beside backtesting.py and backtrader: 200 random rules on 200 random days, trade lists equal.

Both run in environments of their own, as programs that carry out ``random_rules`` with the package's own orders,
fills, stops and targets (and, in backtrader, its own averages). Equal means: the same ticks, the same prices, the same
kind of exit, for every trade.
"""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import parse_strategy
from strategies.engine.outcomes import BacktestResult
from tests.oracles import environment, random_rules

pytestmark = [pytest.mark.slow, pytest.mark.oracle, pytest.mark.timeout(1_200)]

HERE = Path(__file__).parent
SEEDS = range(200)
CHUNK = 50
EXITS = {"signal": "signal", "stop_loss": "stop", "take_profit": "target", "square_off": "square_off"}

Trades = list[list[Any]]


class Peer(NamedTuple):
    """An engine to compare with."""

    script: str
    requirements: tuple[str, ...]


PEERS = {
    "backtesting.py": Peer(
        "fuzz_backtesting.py", ("backtesting==0.6.6", "bokeh==3.9.2", "numpy==2.4.6", "pandas==3.1.1")
    ),
    "backtrader": Peer("fuzz_backtrader.py", ("backtrader==1.9.78.123", "numpy==2.4.6")),
}


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    """Return the 200 cases."""
    return [random_rules.case(seed) for seed in SEEDS]


@pytest.fixture(scope="module")
def ours(cases: list[dict[str, Any]]) -> list[Trades]:
    """Return what our engine trades in each case, headless."""
    return [_facts(_engine(case).run_headless(), case) for case in cases]


@pytest.fixture(scope="module")
def theirs(cases: list[dict[str, Any]]) -> Iterator[dict[str, list[Future[list[Trades]]]]]:
    """Yield what each peer trades in each case; both work at the same time, in chunks."""
    pythons = {name: environment.python_of(*peer.requirements) for name, peer in PEERS.items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:

        def ask(name: str, first: int) -> Future[list[Trades]]:
            script = HERE / PEERS[name].script
            return pool.submit(environment.ask, pythons[name], script, given=cases[first : first + CHUNK])

        yield {name: [ask(name, first) for first in range(0, len(cases), CHUNK)] for name in PEERS}


@pytest.mark.parametrize("name", PEERS)
def test_a_peer_makes_the_same_trades(
    name: str, cases: list[dict[str, Any]], ours: list[Trades], theirs: dict[str, list[Future[list[Trades]]]]
) -> None:
    answers = [trades for chunk in theirs[name] for trades in chunk.result()]

    differing = [
        f"seed {case['seed']}: {_first_difference(own, other)}"
        for case, own, other in zip(cases, ours, answers, strict=True)
        if own != other
    ]
    assert not differing, f"ours and {name}:\n" + "\n".join(differing)


def test_the_cases_are_worth_comparing(ours: list[Trades]) -> None:
    """A comparison of empty lists proves nothing: there are thousands of trades, of every kind of exit."""
    exits = Counter(trade[-1] for trades in ours for trade in trades)

    assert sum(exits.values()) > 4_000
    assert min(exits["signal"], exits["stop"], exits["target"]) > 400
    assert exits["square_off"] > 20
    assert sum(not trades for trades in ours) < 20


@pytest.mark.parametrize("seed", SEEDS[::20])
def test_the_run_with_full_diagnostics_makes_the_same_trades(seed: int, ours: list[Trades]) -> None:
    case = random_rules.case(seed)

    assert _facts(_engine(case).run(), case) == ours[seed]


def _engine(case: dict[str, Any]) -> CentralizedBacktestEngine:
    return CentralizedBacktestEngine(
        BacktestConfig(
            strategy=parse_strategy(random_rules.document(case)),
            market_data=random_rules.market_data(case),
            fills=random_rules.fill_policy(case),
        )
    )


def _facts(result: BacktestResult, case: dict[str, Any]) -> Trades:
    midnight = int(random_rules.MIDNIGHT.timestamp())
    tick_of = {second + midnight: tick for tick, second in enumerate(case["seconds"])}
    return [
        [
            tick_of[int(trade.entry_time.timestamp())],
            float(trade.entry_price),
            tick_of[int(trade.exit_time.timestamp())],
            float(trade.exit_price),
            EXITS[trade.exit_type],
        ]
        for trade in result.trades
    ]


def _first_difference(own: Trades, other: Trades) -> str:
    for number, (one, two) in enumerate(zip(own, other, strict=False)):
        if one != two:
            return f"trade {number} is {one}, theirs {two}"
    return f"{len(own)} trades, theirs {len(other)}"
