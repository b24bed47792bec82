"""
What every contestant shares: the rule's numbers, the day, and the talk with the harness.

The harness starts a contestant with the file of the day and writes "run" lines to it. The contestant first runs once to
warm up (compilers, caches) and answers with its version; then with one line of JSON for each run: how long it took, its
trades, its peak memory. What ``prepare`` does is not timed, what ``run`` does is.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy import typing as npt

FAST, SLOW = 60, 300
ENTRY_FROM = 9 * 3600 + 17 * 60
SQUARE_OFF = 15 * 3600 + 20 * 60
STOP = 1.20
MIDNIGHT = datetime(2024, 10, 29)  # noqa: DTZ001 - the peers keep wall clock time without a zone

Trade = tuple[int, float, int, float]
"""Entry tick and price, exit tick and price."""


@dataclass(frozen=True, slots=True)
class Day:
    """The day. Shape (n,) each."""

    #: Seconds from midnight.
    seconds: npt.NDArray[np.int64]
    index: npt.NDArray[np.float64]
    option: npt.NDArray[np.float64]

    @property
    def times(self) -> list[datetime]:
        """Return the wall clock time of each second."""
        return [MIDNIGHT + timedelta(seconds=int(second)) for second in self.seconds]


@dataclass(slots=True)
class Stopwatch:
    """When the timed part began; a contestant that cannot prepare outside of its run sets it itself."""

    began: float = 0.0

    def start(self) -> None:
        """Begin to time."""
        self.began = time.perf_counter()


WATCH = Stopwatch()


def read_day(path: str) -> Day:
    """Read the day that the harness has written."""
    with np.load(path) as columns:
        return Day(columns["seconds"].astype(np.int64), columns["index"], columns["option"])


def serve(prepare: Callable[[Day], Any], run: Callable[[Any], list[Trade]], version: str) -> None:
    """
    Answer the harness until it closes the line.

    Args:
        prepare: Makes of the day what a run needs, anew for each run.
        run: Runs it and returns the trades.
        version: What is compared.
    """
    day = read_day(sys.argv[1])
    answer, sys.stdout = sys.stdout, sys.stderr  # What a package prints must not get between the answers.
    run(prepare(day))
    print(json.dumps({"version": version}), file=answer, flush=True)
    for _ in sys.stdin:
        ready = prepare(day)
        gc.collect()
        WATCH.start()
        trades = run(ready)
        seconds = time.perf_counter() - WATCH.began
        del ready
        told = [[int(i), round(float(p), 2), int(j), round(float(q), 2)] for i, p, j, q in trades]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "trades": told, "peak_mb": peak}), file=answer, flush=True)
