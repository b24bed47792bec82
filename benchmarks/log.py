"""
The event log: what a day costs to store, and how much room it takes.

    python -m benchmarks.log [--quick] [--json]

The day runs without storing and with it, in turn; then its events are written as blocks, as one row each, and by
django-eventstream's `append_event`. Room is the whole of the tables, with their indexes and what is empty in them.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import day, harness, site
from benchmarks.fan_measure import PEER_REQUIREMENTS
from benchmarks.harness import Figure
from benchmarks.talk import Program

_HERE = "benchmarks.contestants"
WITHOUT, STORED, BLOCKS, ROWS, EVENTSTREAM = "encoded", "stored", "blocks", "rows", "append_event"


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    #: Of the day's events; django-eventstream would take minutes for all.
    eventstream_events: int


THOROUGH = Effort(rounds=5, eventstream_events=3_000)
QUICK = Effort(rounds=3, eventstream_events=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured."""

    day: str
    #: Seconds of each run, by what was done.
    seconds: Mapping[str, Sequence[float]]
    #: The last answers, by what was done.
    answers: Mapping[str, Mapping[str, Any]]

    def us_per_event(self, name: str) -> float:
        """Microseconds for each event, the median of the runs."""
        return 1e6 * statistics.median(self.seconds[name]) / int(self.answers[name]["events"])


def run(effort: Effort) -> Results:
    """Measure everything."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        events = Path(folder) / "events"
        day.write_events(day.load(), events, limit=effort.eventstream_events)
        running = stack.enter_context(site.database())
        ours = stack.enter_context(Program("our log", f"{_HERE}.log_day", variables=running.variables))
        sockets = running.variables["DATABASE_URL"].partition("host=")[2]
        harness.progress("django-eventstream: environment and start")
        theirs = stack.enter_context(
            Program(
                "django-eventstream",
                f"{_HERE}.log_eventstream",
                *(str(events), sockets),
                requirements=PEER_REQUIREMENTS,
            )
        )
        answers: dict[str, dict[str, Any]] = {}

        def once(name: str) -> float:
            answers[name] = theirs.ask(events=effort.eventstream_events) if name == EVENTSTREAM else ours.ask(do=name)
            return float(answers[name]["seconds"])

        names = (WITHOUT, STORED, BLOCKS, ROWS, EVENTSTREAM)
        # The first run of each warms up: imports, caches, the tables' files.
        for name in names:
            once(name)
        seconds = harness.alternate({name: partial(once, name) for name in names}, effort.rounds)
        return Results(day=ours.greeting["day"], seconds=seconds, answers=answers)


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures by key."""
    without, stored = (statistics.median(results.seconds[name]) for name in (WITHOUT, STORED))
    ours = results.us_per_event(BLOCKS)
    return {
        "mb_stored": Figure(results.answers[STORED]["mb_stored"], 8, "of the day in Postgres, indexes and all"),
        "share_of_run": Figure(1 - without / stored, 0.20, "of the run's time that storing costs"),
        "vs_row_per_event": Figure(results.us_per_event(ROWS) / ours, meaning="time of one row each over ours"),
        "vs_eventstream": Figure(results.us_per_event(EVENTSTREAM) / ours, meaning="time of append_event over ours"),
    }


def text(results: Results) -> str:
    """Write it for people."""
    told = {
        WITHOUT: "the day run, encoded, not stored",
        STORED: "the day run and stored",
        BLOCKS: "its events stored as blocks",
        ROWS: "its events stored as one row each",
        EVENTSTREAM: "its first events by django-eventstream",
    }
    rows = [
        (
            meaning,
            f"{results.answers[name]['events']:,}",
            f"{statistics.median(results.seconds[name]):.2f}",
            f"{results.us_per_event(name):,.0f}",
            f"{results.answers[name]['mb_stored']:.1f}" if "mb_stored" in results.answers[name] else "",
        )
        for name, meaning in told.items()
    ]
    head = ("what", "events", "median s", "µs/event", "MB in Postgres")
    return f"{results.day}; {harness.machine()}\n\n{harness.table(head, rows)}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the command line."""
    return harness.main(
        __doc__,
        arguments,
        run=lambda is_quick: run(QUICK if is_quick else THOROUGH),
        figures=figures,
        text=text,
    )


if __name__ == "__main__":
    sys.exit(main())
