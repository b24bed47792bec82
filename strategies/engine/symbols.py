"""
Symbols of the traded instruments.

    NIFTY                              an index or another underlying
    NIFTY:2024-11-28:FUT               a future
    NIFTY:2024-11-07:OPT:24250:PE      an option: expiry, strike, right

An instrument has one symbol only: a strike is written without needless zeros, since prices are looked up by symbol.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal

from strategies.engine.errors import SymbolInvalid

Right = Literal["CE", "PE"]

_NAME = re.compile(r"[A-Z0-9][A-Z0-9&._ -]{0,39}")
_STRIKE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")
_FORMS = "NAME, NAME:YYYY-MM-DD:FUT or NAME:YYYY-MM-DD:OPT:STRIKE:CE|PE"


@dataclass(frozen=True, slots=True)
class Underlying:
    """An index, a share or a coin: what is quoted under its own name."""

    name: str


@dataclass(frozen=True, slots=True)
class Future:
    """A future on an underlying."""

    underlying: str
    expiry: date


@dataclass(frozen=True, slots=True)
class Option:
    """A European option on an underlying."""

    underlying: str
    expiry: date
    #: Quote currency per unit of the underlying, > 0.
    strike: float
    right: Right


Instrument = Underlying | Future | Option


@lru_cache(maxsize=65_536)
def parse_symbol(symbol: str) -> Instrument:
    """
    Read a symbol into the instrument that it names.

    Raises:
        SymbolInvalid: If it has none of the three forms.
    """
    parts = symbol.split(":")
    if not _NAME.fullmatch(parts[0]):
        raise SymbolInvalid(symbol, f"expected {_FORMS}")
    if len(parts) == 1:
        return Underlying(parts[0])
    expiry = _expiry(symbol, parts[1])
    if parts[2:] == ["FUT"]:
        return Future(parts[0], expiry)
    if len(parts) == 5 and parts[2] == "OPT":
        strike = _strike(symbol, parts[3])
        if parts[4] == "CE":
            return Option(parts[0], expiry, strike, "CE")
        if parts[4] == "PE":
            return Option(parts[0], expiry, strike, "PE")
    raise SymbolInvalid(symbol, f"expected {_FORMS}")


def option_symbol(underlying: str, expiry: date, strike: float, right: Right) -> str:
    """Write the symbol of an option."""
    return f"{underlying}:{expiry.isoformat()}:OPT:{strike_text(strike)}:{right}"


def strike_text(strike: float) -> str:
    """Write a strike without needless decimals: 24250, 102.5."""
    return str(int(strike)) if strike == int(strike) else repr(strike)


def _expiry(symbol: str, text: str) -> date:
    try:
        expiry = date.fromisoformat(text)
    except ValueError:
        expiry = None
    # Python reads 20241107 and 2024-W45-4 too.
    if expiry is None or expiry.isoformat() != text:
        raise SymbolInvalid(symbol, f"{text!r} is not an expiry date YYYY-MM-DD; expected {_FORMS}")
    return expiry


def _strike(symbol: str, text: str) -> float:
    strike = float(text) if _STRIKE.fullmatch(text) else 0.0
    if strike == 0:
        raise SymbolInvalid(symbol, f"{text!r} is not a strike above zero; expected {_FORMS}")
    if strike_text(strike) != text:
        raise SymbolInvalid(symbol, f"write the strike {text} as {strike_text(strike)}; expected {_FORMS}")
    return strike
