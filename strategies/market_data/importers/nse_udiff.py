"""
Contract facts from the NSE's daily list of futures and options ("bhavcopy", UDiFF form).

The file has a row for each contract of a day: expiry, strike, lot, closing and settlement price, open interest. No
ticks can be made of it; it says which contracts there were, in what lots they trade and at what price they settled.

Source: NSE's UDiFF form, in force since 2024-07-08; units checked on the turnover of 2026-03-23.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
from pyarrow import parquet

from strategies.engine.errors import SymbolInvalid
from strategies.engine.symbols import Right, option_symbol, parse_symbol
from strategies.market_data import cells, columns
from strategies.market_data.columns import ColumnFile, Layout
from strategies.market_data.file_errors import CellInvalid, MarketDataFileInvalid
from strategies.market_data.importers import quantities

ContractKind = Literal["index option", "index future", "stock option", "stock future"]

_KINDS: dict[str, ContractKind] = {
    "IDO": "index option",
    "IDF": "index future",
    "STO": "stock option",
    "STF": "stock future",
}
_RIGHTS: dict[str, Right] = {"CE": "CE", "PE": "PE"}

#: Our name of a column -> the file's.
_NAMES = {
    "day": "TradDt",
    "kind": "FinInstrmTp",
    "underlying": "TckrSymb",
    "expiry": "XpryDt",
    "strike": "StrkPric",
    "right": "OptnTp",
    "close": "ClsPric",
    "settlement": "SttlmPric",
    "underlying_price": "UndrlygPric",
    "open_interest": "OpnIntrst",
    "volume": "TtlTradgVol",
    "lot": "NewBrdLotQty",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractFacts:
    """One contract on one day."""

    day: date
    #: As the engine writes it: NIFTY:2026-03-24:OPT:24250:PE.
    symbol: str
    kind: ContractKind
    underlying: str
    expiry: date
    #: Quote currency per unit; None for a future.
    strike: float | None
    right: Right | None
    #: Units of one lot.
    lot: int
    #: Closing and settlement price, quote currency per unit; 0 where the exchange gives none.
    close: float
    settlement: float
    #: Price of the underlying; 0 where the exchange gives none.
    underlying_price: float
    #: In units, not in lots.
    open_interest: int
    #: In lots.
    volume: int


@dataclass(frozen=True, slots=True)
class ContractList:
    """The contracts of one day."""

    day: date
    contracts: tuple[ContractFacts, ...]

    def of(self, underlying: str) -> tuple[ContractFacts, ...]:
        """Return the contracts on one underlying."""
        return tuple(contract for contract in self.contracts if contract.underlying == underlying)

    def expiries(self, underlying: str) -> tuple[date, ...]:
        """Return the expiries of the options on an underlying, ascending."""
        return tuple(sorted({contract.expiry for contract in self.of(underlying) if contract.right}))

    def strikes(self, underlying: str, expiry: date) -> tuple[float, ...]:
        """Return the strikes of an expiry, ascending."""
        strikes = {contract.strike for contract in self.of(underlying) if contract.expiry == expiry}
        return tuple(sorted(strike for strike in strikes if strike is not None))

    def lots(self, underlying: str) -> dict[date, int]:
        """Return the lot of each expiry, of futures and options alike."""
        return {contract.expiry: contract.lot for contract in sorted(self.of(underlying), key=lambda it: it.expiry)}


def read_contracts(path: Path, *, underlyings: Sequence[str] | None = None) -> ContractList:
    """
    Read the contracts of a day.

    Args:
        path: The file as the NSE publishes it (.zip), unpacked (.csv) or gzipped (.csv.gz).
        underlyings: Those to return; None for all.

    Raises:
        MarketDataFileInvalid: At the first fault of any row, or if the file has none of the underlyings.
    """
    layout = Layout(None, _NAMES)
    file = columns.open_columns(path, required=tuple(_NAMES), layout=layout, suffixes=columns.IMPORT_SUFFIXES[1:])
    contracts = tuple(_contract(file, row, fields) for row, fields in enumerate(zip(*_columns(file), strict=True)))
    for row, contract in enumerate(contracts):
        if contract.day != contracts[0].day:
            fault = f"TradDt is {contract.day}, and that of the first row is {contracts[0].day}"
            raise file.invalid(row, fault, "use a file of one day")
    chosen = tuple(contract for contract in contracts if underlyings is None or contract.underlying in underlyings)
    if not chosen:
        fault = f"there is no contract on {', '.join(underlyings or ())}"
        raise MarketDataFileInvalid(path, fault=fault, remedy="choose among the underlyings of the file")
    return ContractList(contracts[0].day, chosen)


def write_contracts(contracts: ContractList, path: Path) -> None:
    """Write contracts as a Parquet file, its columns those of ``ContractFacts``. Raises OSError if it cannot be."""
    names = ContractFacts.__slots__
    table = pa.table({name: [getattr(contract, name) for contract in contracts.contracts] for name in names})
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        parquet.write_table(table, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _columns(file: ColumnFile) -> list[list[Any]]:
    """Read every column; a strike and a right may be empty."""
    readers: dict[str, Callable[[object], Any]] = {
        "day": _date,
        "kind": _kind,
        "underlying": _text,
        "expiry": _date,
        "strike": _strike,
        "right": _right,
        "close": quantities.price_or_zero,
        "settlement": quantities.price_or_zero,
        "underlying_price": quantities.price_or_zero,
        "open_interest": cells.read_count,
        "volume": cells.read_count,
        "lot": _lot,
    }
    return [_values(file, name, readers[name]) for name in _NAMES]


def _values(file: ColumnFile, name: str, read: Callable[[object], Any]) -> list[Any]:
    column = file.column(name, read, fallback=None)
    for error in file.errors(_NAMES[name], column):
        raise error
    return [column.values[code] for code in column.codes.tolist()]


def _contract(file: ColumnFile, row: int, fields: tuple[Any, ...]) -> ContractFacts:
    day, kind, underlying, expiry, strike, right, *numbers = fields
    close, settlement, underlying_price, open_interest, volume, lot = numbers
    if (right is None) != kind.endswith("future") or (right is not None and strike is None):
        fault = f"a contract of the kind {kind} has the strike {strike} and the right {right}"
        raise file.invalid(row, fault, "export or download the file again")
    symbol = f"{underlying}:{expiry}:FUT" if right is None else option_symbol(underlying, expiry, strike, right)
    try:
        parse_symbol(symbol)
    except SymbolInvalid as error:
        raise file.invalid(row, f"TckrSymb {underlying!r} makes no symbol", "report the file") from error
    return ContractFacts(
        day=day,
        symbol=symbol,
        kind=kind,
        underlying=underlying,
        expiry=expiry,
        strike=None if right is None else strike,
        right=right,
        lot=lot,
        close=close,
        settlement=settlement,
        underlying_price=underlying_price,
        open_interest=open_interest,
        volume=volume,
    )


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise CellInvalid("is empty", "export or download the file again")
    return value.strip()


def _date(value: object) -> date:
    text = _text(value)
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CellInvalid(f"is {text!r}, which is not a date", "write it like 2024-10-29") from None


def _kind(value: object) -> ContractKind:
    text = _text(value)
    if text not in _KINDS:
        raise CellInvalid(f"is {text!r}, which is none of {', '.join(_KINDS)}", "use a list of futures and options")
    return _KINDS[text]


def _strike(value: object) -> float | None:
    return None if value in {None, ""} else quantities.price_or_zero(value)


def _right(value: object) -> Right | None:
    if value in {None, "", "XX"}:
        return None
    text = _text(value)
    if text not in _RIGHTS:
        raise CellInvalid(f"is {text!r}, which is neither CE nor PE", "export or download the file again")
    return _RIGHTS[text]


def _lot(value: object) -> int:
    lot = cells.read_count(value)
    if lot == 0:
        raise CellInvalid("is 0, and a lot has at least one unit", "export or download the file again")
    return lot
