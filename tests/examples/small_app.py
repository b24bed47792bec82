"""The FastAPI example over the first fifty minutes of the sample day, for few viewers; uvicorn is given this module."""

from __future__ import annotations

from itertools import islice

from examples.fastapi_app import create_app
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy
from tests.fakes.in_memory_market_data import InMemoryMarketData

SECONDS = 3_000
VIEWERS = 40


def small_config(seconds: int = SECONDS) -> BacktestConfig:
    """Build what a session runs."""
    day = sample_day()
    data = InMemoryMarketData(
        list(islice(day.seconds(), seconds)), warmup_candles=day.warmup_candles, symbols=day.symbols
    )
    return BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=data)


app = create_app(small_config, viewers=VIEWERS)
