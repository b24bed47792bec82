"""The log as a program reads it: every line that is written while a test runs, parsed."""

from __future__ import annotations

import io
import json
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backtest_site import log_lines


class WrittenLines:
    """What was written so far."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    def __call__(self, event: str | None = None) -> list[dict[str, Any]]:
        """Return the lines, all or those of one event."""
        lines = [json.loads(line) for line in self.stream.getvalue().splitlines()]
        return [line for line in lines if event in (None, line["event"])]

    def wait_for(self, is_it: Callable[[dict[str, Any]], bool], *, within_seconds: float = 10) -> dict[str, Any]:
        """Return the first line that is it, as soon as it is written."""
        deadline = time.monotonic() + within_seconds
        while not (found := [line for line in self() if is_it(line)]):
            assert time.monotonic() < deadline, self()
            time.sleep(0.02)
        return found[0]


@contextmanager
def read_log(*, level: int = logging.INFO) -> Iterator[WrittenLines]:
    """Read what is written inside, whatever form the settings ask for."""
    written = WrittenLines()
    handler = logging.StreamHandler(written.stream)
    handler.setFormatter(log_lines.formatter(is_console=False, has_colors=False))
    handler.setLevel(level)
    logging.getLogger().addHandler(handler)
    try:
        yield written
    finally:
        logging.getLogger().removeHandler(handler)
