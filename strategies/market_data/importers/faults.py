"""The faults that an import collects, so that a user sees many at once."""

from __future__ import annotations

from collections.abc import Iterable

from strategies.market_data.file_errors import MarketDataFileInvalid

MOST_KEPT = 20


class Faults:
    """The first faults of an import, and the number of all."""

    def __init__(self) -> None:
        self.first: list[MarketDataFileInvalid] = []
        self.count = 0

    def add(self, fault: MarketDataFileInvalid) -> None:
        """Note one fault."""
        self.count += 1
        if len(self.first) < MOST_KEPT:
            self.first.append(fault)

    def extend(self, faults: Iterable[MarketDataFileInvalid]) -> None:
        """Note several faults."""
        for fault in faults:
            self.add(fault)
