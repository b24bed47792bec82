"""The formats that can be imported, and the way in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from strategies.market_data.calendar import Market
from strategies.market_data.file_errors import MarketDataFileInvalid
from strategies.market_data.importers import assembly, binance, candle_walk, kite, ticks
from strategies.market_data.importers.assembly import Facts, ImportedTicks, ImportRefused
from strategies.market_data.importers.candle_rows import CandleRows
from strategies.market_data.importers.faults import Faults
from strategies.market_data.importers.options import ImportOptions, Source
from strategies.market_data.importers.tick_rows import TickRows

__all__ = ["FORMATS", "ImportRefused", "ImportedTicks", "import_files"]

_NSE_GRID = Decimal("0.05")
_Read = Callable[[Source, ImportOptions, int, Faults], TickRows | CandleRows | None]


@dataclass(frozen=True, slots=True)
class Format:
    """A layout of files."""

    read: _Read
    #: One line for the user.
    title: str
    market: Market
    #: Step of prices, where the market has one for all instruments.
    grid: Decimal | None
    #: Decimals that quantities keep.
    volume_decimals: int
    #: Whether the rows are candles.
    has_candles: bool
    #: The zone of times that are numbers.
    epoch_zone: str | None = None


_EPOCH_ZONE = "UTC (counted since 1970)"

FORMATS: dict[str, Format] = {
    "ticks": Format(ticks.read, "ticks in the project's own columns, or mapped onto them", "nse", _NSE_GRID, 0, False),
    "kite-csv": Format(kite.read_csv, "Zerodha Kite historical candles, CSV", "nse", _NSE_GRID, 0, True),
    "kite-json": Format(kite.read_json, "Zerodha Kite historical candles, JSON", "nse", _NSE_GRID, 0, True),
    "binance-klines": Format(
        binance.read_klines, "Binance public klines, CSV", "24h", None, binance.VOLUME_DECIMALS, True, _EPOCH_ZONE
    ),
    "binance-aggtrades": Format(
        binance.read_agg_trades,
        "Binance public aggTrades, CSV",
        "24h",
        None,
        binance.VOLUME_DECIMALS,
        False,
        _EPOCH_ZONE,
    ),
    "binance-trades": Format(
        binance.read_trades, "Binance public trades, CSV", "24h", None, binance.VOLUME_DECIMALS, False, _EPOCH_ZONE
    ),
}


def import_files(name: str, sources: Sequence[Source], options: ImportOptions | None = None) -> ImportedTicks:
    """
    Import files of one format.

    Args:
        name: A key of ``FORMATS``.
        sources: The files, in any order.
        options: What the caller decides; None for the defaults.

    Raises:
        ImportRefused: If anything is wrong with the files; its report lists it.
        ValueError: If there is no such format, or no file.
    """
    if name not in FORMATS:
        raise ValueError(f"there is no format {name!r}; there are {', '.join(FORMATS)}")
    if not sources:
        raise ValueError("at least one file is needed")
    chosen = options or ImportOptions()
    format_ = FORMATS[name]
    faults = Faults()
    facts = Facts(
        format=name,
        market=chosen.market or format_.market,
        epoch_zone=format_.epoch_zone,
        # The step is the exchange's; elsewhere none is known.
        grid=format_.grid if chosen.market in {None, format_.market} else None,
        volume_decimals=format_.volume_decimals if chosen.volume_decimals is None else chosen.volume_decimals,
        candle_walk=chosen.walk if format_.has_candles else None,
    )
    read = [rows for source in sources if (rows := _read(format_, source, chosen, facts, faults)) is not None]
    return assembly.assemble(read, facts, chosen, faults)


def _read(format_: Format, source: Source, options: ImportOptions, facts: Facts, faults: Faults) -> TickRows | None:
    try:
        rows = format_.read(source, options, facts.volume_decimals, faults)
    except MarketDataFileInvalid as fault:
        faults.add(fault)
        return None
    return candle_walk.walk(rows, options.walk, facts.market) if isinstance(rows, CandleRows) else rows
