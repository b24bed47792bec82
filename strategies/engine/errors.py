"""
What can be wrong with what the engine is given.

    EngineError
    ├── ConditionTextInvalid  the text of a condition, in condition_parser; carries line and column
    ├── GraphInvalid          the strategy graph; carries every fault at once
    ├── MarketDataInvalid     ticks or candles; carries the place
    └── SymbolInvalid         a symbol that does not have one of the known forms

All of these are the input's faults. A fault of the engine itself is an ordinary Python error.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class EngineError(Exception):
    """The engine was given something that it cannot run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphFault:
    """One thing wrong with a strategy graph."""

    #: The node's id; empty where the fault belongs to no single node.
    node_id: str
    #: Path inside the node, such as ``data.conditions[0].lhs.timeframeId``.
    field: str
    #: What is wrong, which value, what is allowed.
    message: str
    #: Where the field is a text with a fault inside: the column, from 1; else None.
    column: int | None = None
    #: The line of that column inside the text, from 1; None where the text has one line only.
    text_line: int | None = None

    def __str__(self) -> str:
        parts = (
            self.node_id and f"node '{self.node_id}'",
            self.field,
            self.text_line and f"line {self.text_line}",
            self.column and f"column {self.column}",
        )
        place = ", ".join(part for part in parts if part)
        return f"{place}: {self.message}" if place else self.message


class GraphInvalid(EngineError):
    """A strategy graph is refused whole; every fault is listed."""

    def __init__(self, faults: Sequence[GraphFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class MarketDataInvalid(EngineError):
    """Market data are refused at one place."""

    def __init__(self, message: str, *, place: str = "") -> None:
        self.place = place
        self.message = message
        super().__init__(f"{place}: {message}" if place else message)


class SymbolInvalid(EngineError):
    """A symbol has none of the known forms."""

    def __init__(self, symbol: str, message: str) -> None:
        self.symbol = symbol
        super().__init__(f"symbol {symbol!r}: {message}")
