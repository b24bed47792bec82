"""A document with the lines of the text that it was read from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

DocumentPath = Sequence[str | int]
"""Keys and indices from the outermost value inwards."""


class SourceInvalid(Exception):
    """A text holds no document: ``message`` says why, ``line`` where (from 1; None where no line can be named)."""

    def __init__(self, message: str, line: int | None = None) -> None:
        self.message = message
        self.line = line
        super().__init__(message if line is None else f"line {line}: {message}")


@dataclass(frozen=True, slots=True)
class Source:
    """What a text holds."""

    #: Plain values, as JSON has them.
    document: Any
    #: The line of a value, from 1: of the innermost value on the path where the rest does not exist. The second
    #: argument is a line inside the value, from 1, where it is a text of several lines.
    line_of: Callable[[DocumentPath, int | None], int]
