"""Rows of files that a finding counts, and the first of them by name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy import typing as npt

from strategies.market_data.columns import ColumnFile
from strategies.market_data.importers.import_report import Finding

MOST_NAMED = 5
NOTHING = Finding(count=0, places=(), action="")


@dataclass(frozen=True, slots=True)
class Places:
    """Rows of files, named only as far as somebody reads their names."""

    files: Sequence[ColumnFile]
    #: The file of each row, by its place in ``files``.
    chosen: npt.NDArray[np.integer]
    rows: npt.NDArray[np.integer]

    @classmethod
    def of(cls, file: ColumnFile, rows: npt.NDArray[np.integer]) -> Places:
        """Return rows of one file."""
        return cls([file], np.zeros(len(rows), dtype=np.int64), rows)

    def __len__(self) -> int:
        return len(self.rows)

    def first(self, count: int) -> list[str]:
        """Name the first rows."""
        pairs = zip(self.chosen[:count].tolist(), self.rows[:count].tolist(), strict=True)
        return [row_name(self.files[file], row) for file, row in pairs]


def added(finding: Finding, places: Places, action: str) -> Finding:
    """Return a finding with more rows, and what was done with them."""
    if not len(places):
        return finding
    names = places.first(MOST_NAMED - len(finding.places))
    return Finding(count=finding.count + len(places), places=(*finding.places, *names), action=action)


def row_name(file: ColumnFile, row: int) -> str:
    """Name a row, counted from 0, by file and line; the report gives the folders once."""
    if file.first_line is None:
        return f"{file.path.name}, row {row + 1}"
    return f"{file.path.name}, line {row + file.first_line}"
