"""Data sets: their market data, read and described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from strategies.actions.errors import DataSetRefused
from strategies.models import DataSet

if TYPE_CHECKING:
    from strategies.engine.ticks import MarketData


def load_data_set(data_set: DataSet) -> MarketData:
    """
    Read a data set's market data.

    Raises:
        DataSetRefused: If it cannot be read, or is not what it was when the data set was stored.
    """
    if data_set.kind == DataSet.Kind.SAMPLE:
        from strategies.market_data import simulator

        return simulator.sample_day() if data_set.seed is None else simulator.sample_day(data_set.seed)
    market_data = load_files(
        ticks=Path(data_set.ticks_file.path), warmup=Path(data_set.warmup_file.path) if data_set.warmup_file else None
    )
    # A sample's content is the simulator's; files are somebody's, and runs on them must stay repeatable.
    if data_set.fingerprint and market_data.fingerprint != data_set.fingerprint:
        raise DataSetRefused(
            f"The files of the data set {data_set.slug} have changed since it was stored. "
            "Put the old ones back, or store the new ones as another data set."
        )
    return market_data


def load_files(*, ticks: Path, warmup: Path | None) -> MarketData:
    """Read market data from files. Raises DataSetRefused if they cannot be read."""
    # Reading files brings pandas along, which the web side needs only when somebody uploads.
    from strategies.engine.errors import EngineError
    from strategies.market_data.files import load_market_data

    try:
        return load_market_data(ticks, warmup=warmup)
    except (EngineError, OSError) as error:
        raise DataSetRefused(str(error)) from error


def describe_data_set(data_set: DataSet, market_data: MarketData) -> None:
    """Note on a data set what its market data hold; the caller saves it."""
    data_set.fingerprint = market_data.fingerprint
    data_set.first_date = market_data.first_date
    data_set.last_date = market_data.last_date
    data_set.total_ticks = market_data.total_ticks
