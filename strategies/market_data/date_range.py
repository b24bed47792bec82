"""A range of exchange dates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class DateRange:
    """Exchange dates from ``start`` to ``end``, both included; None leaves that side open."""

    start: date | None = None
    end: date | None = None

    def has(self, day: date) -> bool:
        """Return whether a day lies in the range."""
        return (self.start is None or day >= self.start) and (self.end is None or day <= self.end)

    def __str__(self) -> str:
        if self.start is not None and self.start == self.end:
            return f"of {self.start}"
        return " ".join(f"{word} {day}" for word, day in (("from", self.start), ("to", self.end)) if day)


EVERY_DATE = DateRange()
