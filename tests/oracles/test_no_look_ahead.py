"""
S3: no look-ahead, and the same bytes from the same input.

The engine works on columns of a whole day; what shows that none of them leaks is a run over data that end at a cut: its
events must be the first events of the whole day's run, byte for byte. Fifty cuts of the reference day are run for real;
what makes that cheap is that the whole day is run once, its events hashed as they come, the hash noted at each cut. On
small random days the same is asked of random strategies, with every indicator and expression there is.
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.centralized_backtest_engine import BacktestConfig, CentralizedBacktestEngine
from strategies.engine.graph import StrategyGraph, parse_strategy
from strategies.engine.outcomes import TickOutcome
from strategies.engine.ticks import MarketData
from strategies.market_data.files import load_market_data
from tests.builders.market_data import WrittenDays
from tests.oracles import random_graphs
from tests.oracles.random_graphs import Graph

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
CUTS = 50
SEEDS = range(300)
SECONDS = 22_351


@pytest.fixture(scope="module")
def cuts() -> list[int]:
    """Return fifty cut points of the day, and its first second."""
    return [1, *random.Random(20241029).sample(range(2, SECONDS), CUTS - 1)]


@pytest.fixture(scope="module")
def whole(reference_day: Path, cuts: list[int]) -> dict[str, Any]:
    """Return the hashes of the whole day's run."""
    return _digests(reference_day, "whole", cuts)


@pytest.fixture(scope="module")
def cut_off(reference_day: Path, cuts: list[int]) -> dict[str, Any]:
    """Return the hashes of the runs that end at the cuts, two processes working at the same time."""
    halves = (cuts[::2], cuts[1::2])
    with ThreadPoolExecutor(len(halves)) as pool:
        first, second = pool.map(lambda half: _digests(reference_day, "cut", half), halves)
    return {name: first[name] | second[name] for name in first}


def test_data_that_end_at_a_cut_give_the_first_events_of_the_whole_day(
    whole: dict[str, Any], cut_off: dict[str, Any], cuts: list[int]
) -> None:
    different = [cut for cut in cuts if cut_off["at"][str(cut)] != whole["at"][str(cut)]]

    assert len(whole["at"]) == CUTS
    assert different == []


def test_the_hashes_at_different_cuts_differ(whole: dict[str, Any]) -> None:
    """Equal hashes of nothing would be equal, too."""
    assert len(set(whole["at"].values())) == CUTS


def test_data_that_end_at_a_cut_give_the_same_trades_headless(
    whole: dict[str, Any], cut_off: dict[str, Any], cuts: list[int], reference_day: Path
) -> None:
    (day,) = load_market_data(reference_day / "ticks.parquet").days()
    for cut in cuts:
        last = int(day.seconds[cut - 1])

        assert cut_off["trades"][str(cut)] == [trade for closed_at, trade in whole["exits"] if closed_at <= last]


def test_the_same_input_gives_the_same_bytes_whatever_the_hash_seed(reference_day: Path, whole: dict[str, Any]) -> None:
    with ThreadPoolExecutor(2) as pool:
        others = list(pool.map(lambda seed: _digests(reference_day, "whole", (), seed), ("0", "1", "random")))

    assert {other["events"] for other in others} == {whole["events"]}


def test_streaming_on_and_off_give_the_same_bytes(reference_day: Path, whole: dict[str, Any]) -> None:
    silent = _digests(reference_day, "silent", ())

    assert silent["completions"] == whole["completions"]
    assert silent["trades"] == silent["headless_trades"] == whole["trades"]


@pytest.mark.parametrize("first", SEEDS[::50])
def test_random_strategies_do_not_look_ahead_either(first: int) -> None:
    different = [seed for seed in range(first, first + 50) if not _is_prefix(random_graphs.graph(seed), seed)]

    assert different == []


def _is_prefix(graph: Graph, seed: int) -> bool:
    if graph.is_damaged:
        return True
    cut = random.Random(f"cut {seed}").randrange(1, len(graph.seconds))
    strategy = parse_strategy(graph.document)
    # Which contracts there are is known before the day, on the exchange as here; their prices are not.
    listed = sorted(graph.market_data.symbols)
    begun, whole = (
        WrittenDays(seconds, warmup_candles=graph.market_data.warmup_candles, symbols=listed)
        for seconds in (graph.seconds[:cut], graph.seconds)
    )
    return _outcomes(strategy, begun, graph) == _outcomes(strategy, whole, graph)[:cut]


def _outcomes(strategy: StrategyGraph, data: MarketData, graph: Graph) -> list[TickOutcome]:
    engine = Kept(BacktestConfig(strategy=strategy, market_data=data, fills=graph.fills))
    engine.run()
    return engine.outcomes


class Kept(CentralizedBacktestEngine):
    """The engine, its outcomes kept."""

    def __init__(self, config: BacktestConfig) -> None:
        super().__init__(config)
        self.outcomes: list[TickOutcome] = []

    def on_tick(self, outcome: TickOutcome) -> None:
        """Keep an outcome."""
        self.outcomes.append(outcome)


def _digests(folder: Path, kind: str, cuts: Sequence[int], hash_seed: str = "0") -> dict[str, Any]:
    finished = subprocess.run(
        [sys.executable, "-m", "tests.oracles.event_digests", str(folder), kind, *map(str, cuts)],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(finished.stdout)
    return answer
