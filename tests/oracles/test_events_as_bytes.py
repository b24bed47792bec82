"""
Events as bytes are those of plain data (S2): random graphs, the synthetic day and the reference day, run both ways.

Asked for plain data, the engine records every tick by itself; asked for bytes, it writes quiet ticks from columns.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import sma_cross
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.errors import GraphInvalid
from strategies.engine.graph import parse_strategy
from strategies.engine.quiet_ticks import QuietTeller, QuietTicks
from strategies.market_data.files import load_market_data
from streaming import payloads
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text
from streaming.sse_event_emitter import EncodedEvent, TickPoint
from tests.oracles import random_graphs

pytestmark = pytest.mark.slow

CHUNK = 100


class Watched(CentralizedBacktestEngineWithSSE):
    """The engine, counting the ticks that it told of as quiet ones."""

    quiet = 0

    def quiet_teller(self) -> QuietTeller | None:
        """Count what is told."""
        tell = super().quiet_teller()

        def counted(quiet: QuietTicks) -> Iterator[object]:
            assert tell is not None
            self.quiet += quiet.last - quiet.first
            return tell(quiet)

        return None if tell is None else counted


def quiet_ticks_of(config: BacktestConfig) -> int:
    """Compare the events of both ways; return how many ticks were quiet."""
    data, texts = list[tuple[str, bytes]](), list[tuple[str, bytes]]()
    plain = Watched(config, "both-ways")
    plain.register_sse_callback(lambda event: data.append((event["event"], json_text.encode(event["data"]))))
    encoded = Watched(config, "both-ways")
    encoded.register_encoded_callback(lambda event: texts.append((event.event, event.data_json)))
    points = list[tuple[TickPoint, TickPoint]]()

    def read_point(event: EncodedEvent) -> None:
        if event.point is not None:
            points.append((event.point, payloads.tick_point(event.data, underlying=config.strategy.underlying)))

    encoded.register_encoded_callback(read_point)

    assert plain.run() == encoded.run()

    different = [place for place, (one, other) in enumerate(zip(data, texts, strict=True)) if one != other]
    assert not different, f"event {different[0]} is\n{texts[different[0]]!r}, not\n{data[different[0]]!r}"
    # As texts: where the underlying has no price yet both are NaN, which equals nothing.
    assert [repr(told) for told, _ in points] == [repr(read) for _, read in points]
    assert len(points) == encoded.quiet
    assert plain.quiet == 0
    return encoded.quiet


@pytest.mark.parametrize("first", range(0, 200, CHUNK))
def test_a_hundred_random_graphs_are_told_in_the_same_bytes(first: int) -> None:
    quiet = []
    for seed in range(first, first + CHUNK):
        graph = random_graphs.graph(seed)
        try:
            strategy = parse_strategy(graph.document)
        except GraphInvalid:
            continue
        quiet.append(
            quiet_ticks_of(BacktestConfig(strategy=strategy, market_data=graph.market_data, fills=graph.fills))
        )

    assert sum(map(bool, quiet)) > CHUNK / 2
    assert sum(quiet) > 60 * CHUNK


def test_the_synthetic_day_is_told_in_the_same_bytes_and_is_quiet_for_the_most_part() -> None:
    strategy = parse_strategy(sma_cross.strategy_document())
    data = sma_cross.market_data(sma_cross.synthetic_prices())

    assert quiet_ticks_of(BacktestConfig(strategy=strategy, market_data=data)) > 0.98 * sma_cross.TICKS


def test_the_reference_day_is_told_in_the_same_bytes(reference_day: Path) -> None:
    strategy = parse_strategy(json.loads((reference_day / "strategy.json").read_text(encoding="utf-8")))
    data = load_market_data(reference_day / "ticks.parquet", reference_day / "warmup_candles_1m.csv")

    assert quiet_ticks_of(BacktestConfig(strategy=strategy, market_data=data)) > 0
