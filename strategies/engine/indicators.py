"""
Indicators: one table of names, inputs, parameters and outputs, computed by TA-Lib over whole columns.

A value on candle k depends on candles up to k alone, so that one computation over a day serves every tick of it
without looking ahead. RSI, ATR, ADX and the like smooth as Wilder did over all history, warm-up candles included.
What TA-Lib lacks (VWAP, Supertrend, a simple mean without drift) stands in ``indicator_formulas``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import talib

from strategies.engine import indicator_formulas as formulas
from strategies.engine.candles import CandleColumns, FloatColumn

Compute = Callable[..., FloatColumn | tuple[FloatColumn, ...]]


@dataclass(frozen=True, slots=True)
class Parameter:
    """A number that an indicator is made with."""

    name: str
    default: float
    least: float
    most: float
    is_whole: bool = True
    #: Other names under which the builder writes it.
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IndicatorKind:
    """
    One row of the table.

    ``inputs`` names candle fields; ``price`` stands for the field that the strategy chooses (close unless it says
    otherwise). ``start`` hands the start times to the function too, for what begins anew each day.
    """

    compute: Compute
    inputs: tuple[str, ...]
    parameters: tuple[Parameter, ...] = ()
    #: Names of the outputs; the first is the one meant where a condition names none.
    outputs: tuple[str, ...] = ("value",)
    #: What people know it by.
    title: str = ""


def length(default: int = 14, least: int = 2) -> Parameter:
    """Return the parameter that most indicators have: a number of candles."""
    return Parameter("length", default, least, 5_000, aliases=("period", "timeperiod", "window"))


def _whole(name: str, default: int, least: int = 1) -> Parameter:
    return Parameter(name, default, least, 5_000, aliases=(f"{name}_period", f"{name}period", f"{name}Period"))


def _factor(name: str, default: float, *aliases: str) -> Parameter:
    return Parameter(name, default, 0.0, 1_000.0, is_whole=False, aliases=aliases)


_PRICE = ("price",)
_HLC = ("high", "low", "close")

INDICATORS: Mapping[str, IndicatorKind] = {
    "sma": IndicatorKind(formulas.simple_mean, _PRICE, (length(20, 1),), title="Simple moving average"),
    "ema": IndicatorKind(talib.EMA, _PRICE, (length(20),), title="Exponential moving average"),
    "wma": IndicatorKind(talib.WMA, _PRICE, (length(20),), title="Weighted moving average"),
    "dema": IndicatorKind(talib.DEMA, _PRICE, (length(20),), title="Double exponential moving average"),
    "tema": IndicatorKind(talib.TEMA, _PRICE, (length(20),), title="Triple exponential moving average"),
    "kama": IndicatorKind(talib.KAMA, _PRICE, (length(20),), title="Kaufman adaptive moving average"),
    "trima": IndicatorKind(talib.TRIMA, _PRICE, (length(20),), title="Triangular moving average"),
    "rsi": IndicatorKind(formulas.relative_strength, _PRICE, (length(),), title="Relative strength index"),
    "macd": IndicatorKind(
        talib.MACD,
        _PRICE,
        (_whole("fast", 12, 2), _whole("slow", 26, 2), _whole("signal", 9)),
        ("macd", "signal", "histogram"),
        "Moving average convergence divergence",
    ),
    "bbands": IndicatorKind(
        formulas.bollinger_bands,
        _PRICE,
        (length(20), _factor("deviations", 2.0, "std_dev", "stdDev", "multiplier")),
        ("middle", "upper", "lower"),
        "Bollinger bands",
    ),
    "atr": IndicatorKind(talib.ATR, _HLC, (length(),), title="Average true range"),
    "natr": IndicatorKind(talib.NATR, _HLC, (length(),), title="Average true range, per cent of the close"),
    "adx": IndicatorKind(
        formulas.directional_movement, _HLC, (length(),), ("adx", "plus_di", "minus_di"), "Average directional index"
    ),
    "stochastic": IndicatorKind(
        formulas.stochastic,
        _HLC,
        (_whole("k", 14), _whole("smooth", 3), _whole("d", 3)),
        ("k", "d"),
        "Stochastic oscillator",
    ),
    "supertrend": IndicatorKind(
        formulas.supertrend,
        _HLC,
        (length(10), _factor("multiplier", 3.0)),
        ("value", "direction"),
        "Supertrend",
    ),
    "vwap": IndicatorKind(
        formulas.day_vwap, ("start", *_HLC, "volume"), title="Volume-weighted average price of the day"
    ),
    "cci": IndicatorKind(talib.CCI, _HLC, (length(20),), title="Commodity channel index"),
    "mfi": IndicatorKind(talib.MFI, (*_HLC, "volume"), (length(),), title="Money flow index"),
    "obv": IndicatorKind(talib.OBV, ("close", "volume"), title="On-balance volume"),
    "williams_r": IndicatorKind(talib.WILLR, _HLC, (length(),), title="Williams %R"),
    "roc": IndicatorKind(talib.ROC, _PRICE, (length(10, 1),), title="Rate of change, per cent"),
    "momentum": IndicatorKind(talib.MOM, _PRICE, (length(10, 1),), title="Momentum"),
    "stddev": IndicatorKind(talib.STDDEV, _PRICE, (length(20),), title="Standard deviation"),
    "aroon": IndicatorKind(formulas.aroon, ("high", "low"), (length(),), ("up", "down", "oscillator"), "Aroon"),
    "psar": IndicatorKind(
        talib.SAR,
        ("high", "low"),
        (_factor("acceleration", 0.02), _factor("maximum", 0.2)),
        title="Parabolic stop and reverse",
    ),
    "donchian": IndicatorKind(
        formulas.donchian, ("high", "low"), (length(20),), ("middle", "upper", "lower"), "Donchian channel"
    ),
    "highest": IndicatorKind(talib.MAX, _PRICE, (length(20),), title="Highest value"),
    "lowest": IndicatorKind(talib.MIN, _PRICE, (length(20),), title="Lowest value"),
}
"""Indicators by name. A new one is a row here."""

ALIASES: Mapping[str, str] = {
    "bollinger": "bbands",
    "bollinger_bands": "bbands",
    "bb": "bbands",
    "stoch": "stochastic",
    "willr": "williams_r",
    "mom": "momentum",
    "sar": "psar",
    "std": "stddev",
}
"""Other names that strategies use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndicatorSpec:
    """One indicator that the start node declares."""

    #: The builder's key, by which conditions refer to it.
    key: str
    #: Name in ``INDICATORS``.
    name: str
    #: What people read, such as ``rsi(14,close)``.
    display_name: str
    #: One number for each parameter of the kind, in its order.
    arguments: tuple[float, ...]
    #: ``open``, ``high``, ``low`` or ``close``.
    price_field: str

    @property
    def kind(self) -> IndicatorKind:
        """Return the row of the table."""
        return INDICATORS[self.name]

    def output_index(self, parameter: str | None) -> int:
        """Return the place of an output; the first where none is named."""
        return self.kind.outputs.index(parameter) if parameter else 0


def compute(spec: IndicatorSpec, candles: CandleColumns) -> tuple[FloatColumn, ...]:
    """
    Compute every output of an indicator on finished candles.

    Returns:
        One column for each output; NaN while there are too few candles. Shape (k,) each.
    """
    kind = spec.kind
    if len(candles) == 0:
        return tuple(np.empty(0, dtype=np.float64) for _ in kind.outputs)
    columns: list[Any] = [getattr(candles, spec.price_field if name == "price" else name) for name in kind.inputs]
    arguments = [
        int(value) if parameter.is_whole else value
        for parameter, value in zip(kind.parameters, spec.arguments, strict=True)
    ]
    found = kind.compute(*columns, *arguments)
    return found if isinstance(found, tuple) else (found,)
