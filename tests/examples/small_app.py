"""The FastAPI example over the first fifty minutes of the sample day, for few viewers; uvicorn is given this module."""

from __future__ import annotations

from examples.fastapi_app import create_app
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.market_data.simulator import sample_day
from strategies.samples import sample_strategy
from tests.oracles.event_digests import beginning

SECONDS = 3_000
VIEWERS = 40


def small_config(seconds: int = SECONDS) -> BacktestConfig:
    """Build what a session runs."""
    return BacktestConfig(strategy=parse_strategy(sample_strategy()), market_data=beginning(sample_day(), seconds))


app = create_app(small_config, viewers=VIEWERS)
