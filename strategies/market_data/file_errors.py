"""
What is wrong with a market data file.

    MarketDataInvalid (strategies.engine.errors)
    ├── MarketDataFileInvalid    file, line or row, fault and remedy
    └── CellInvalid              a single value, before its place is known; never leaves this package
"""

from __future__ import annotations

from pathlib import Path

from strategies.engine.errors import MarketDataInvalid


class MarketDataFileInvalid(MarketDataInvalid):
    """
    A market data file is refused.

    Args:
        path: The file as the caller named it.
        fault: What is wrong, with the value.
        remedy: What to do about it.
        line: Line of a CSV file; the header is line 1.
        row: Row of a Parquet file; the first row is 1.
    """

    def __init__(self, path: Path, *, fault: str, remedy: str, line: int | None = None, row: int | None = None) -> None:
        self.path = path
        self.fault = fault
        self.remedy = remedy
        self.line = line
        self.row = row
        place = str(path)
        if line is not None:
            place += f", line {line}"
        elif row is not None:
            place += f", row {row}"
        super().__init__(f"{fault}; {remedy}", place=place)


class CellInvalid(MarketDataInvalid):
    """One value of a column cannot be used."""

    def __init__(self, fault: str, remedy: str) -> None:
        self.fault = fault
        self.remedy = remedy
        super().__init__(f"{fault}; {remedy}")
