"""
Convergence: whatever happens to a viewer, it ends with the session's state, and nothing is lost or doubled on the way.

    python -m benchmarks.convergence [--quick] [--json] [--seed N]

Draws schedules (`benchmarks.schedules`): sessions that are written flat out, paced, or by writers that are killed and
taken over, each watched by up to six viewers that come and go, are cut in the middle of frames, come back with their
cursor in the header or the query, with an old one, none or nonsense, read slowly, skip ahead, with and without gzip.
The engine, the worker's code, the log, the web processes and the sockets are the real ones, in processes of their own.
Every event is held against the engine's own run (`benchmarks.ledger`). A schedule that shows a fault is named by its
seed; `--seed N` runs it alone.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from benchmarks import harness, schedules, stream_site
from benchmarks.harness import Figure
from benchmarks.ledger import Ledger, Truth
from benchmarks.schedules import Schedule
from benchmarks.stream_site import Writers
from benchmarks.stream_viewer import Viewer

if TYPE_CHECKING:
    from strategies.engine.ticks import MarketData
    from strategies.models import BacktestSession

THOROUGH: Final = 1_000
QUICK: Final = 60
#: Schedules that run at once.
AT_ONCE: Final = 4
WEB_PROCESSES: Final = 2
#: How long viewers may need after the session's end.
PATIENCE_SECONDS: Final = 60.0

#: Where the index begins and ends; the nearest strikes are 24,300 and 24,350.
_LOW, _RISE = 24_300.0, 74.0
_LEGS: Final = tuple((_LOW + 1 + 6 * number, _LOW + 4 + 6 * number) for number in range(12))


@dataclass(slots=True)
class Totals:
    """What all schedules came to."""

    schedules: int = 0
    lost: int = 0
    doubled: int = 0
    #: Viewers that were shown anything else than the truth, or did not get to the end.
    differing: int = 0
    #: What was done, by name.
    done: Counter[str] = field(default_factory=Counter)
    #: Of each schedule with a fault its seed and what was wrong.
    faults: dict[int, list[str]] = field(default_factory=dict)

    def add(self, schedule: Schedule, viewers: Sequence[Viewer], *, deaths: int, problems: Sequence[str]) -> None:
        """Count a schedule in."""
        self.schedules += 1
        wrong = list(problems)
        self.done["writers killed"] += deaths
        for number, viewer in enumerate(viewers, start=1):
            ledger, tally = viewer.ledger, viewer.tally
            if not ledger.has_ended:
                ledger.faults.append(f"it came only to event {ledger.state.event_id}")
            if tally.early_ends and not schedule.writer.keep_events:
                ledger.faults.append("the server ended the stream before the session's end")
            self.lost += ledger.lost
            self.doubled += ledger.doubled
            self.differing += bool(ledger.faults)
            if not ledger.is_clean:
                told = "; ".join([f"{ledger.lost} lost, {ledger.doubled} doubled", *ledger.faults[:5]])
                wrong.append(f"viewer {number}: {told}")
            self.done["viewers"] += 1
            self.done["events"] += ledger.events
            self.done["snapshots"] += ledger.snapshots
            self.done["connections"] += tally.connections
            self.done["cuts"] += tally.cuts
            self.done["cuts inside a frame"] += tally.cuts_inside_a_frame
            self.done.update({f"begun as {mode}": count for mode, count in ledger.modes.items()})
        # Whatever else went wrong is no convergence either.
        self.differing += bool(problems) and all(viewer.ledger.is_clean for viewer in viewers)
        if wrong:
            self.faults[schedule.seed] = wrong

    @property
    def is_clean(self) -> bool:
        """Whether every viewer of every schedule converged."""
        return not self.faults


class Market:
    """The strategy, and the data sets that sessions run on, stored once."""

    def __init__(self) -> None:
        """Store them; the database has neither."""
        from django.conf import settings

        from strategies import actions
        from strategies.models import DataSet
        from tests import sessions

        document = sessions.graph(name="Twelve calls", legs=_LEGS)
        self._version = actions.create_strategy(slug="twelve-calls", name="Twelve calls", document=document, owner=None)
        self._data_sets: dict[int, DataSet] = {}
        self._loaded: dict[int, MarketData] = {}
        for length in schedules.LENGTHS:
            name = f"data_sets/rising-{length}.csv"
            ticks = _write_ticks(Path(settings.DATA_DIR) / "uploads" / name, length)
            data_set = DataSet(slug=f"rising-{length}", name="Rising", kind=DataSet.Kind.FILES, ticks_file=name)
            self._loaded[length] = actions.load_files(ticks=ticks, warmup=None)
            actions.describe_data_set(data_set, self._loaded[length])
            data_set.save()
            self._data_sets[length] = data_set

    def create(self, schedule: Schedule) -> tuple[BacktestSession, Truth]:
        """Create a schedule's session, and run the engine once for the truth."""
        from strategies import actions

        session = actions.queue_session(
            version=self._version,
            data_set=self._data_sets[schedule.length],
            pace=schedule.writer.pace,
            session_id=f"schedule-{schedule.seed}",
        )
        return session, Truth(self._events(session.session_id, schedule.length))

    def _events(self, session_id: str, length: int) -> list[dict[str, Any]]:
        from strategies.engine.centralized_backtest_engine import BacktestConfig
        from strategies.engine.graph import parse_strategy
        from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE

        config = BacktestConfig(strategy=parse_strategy(self._version.graph), market_data=self._loaded[length])
        engine = CentralizedBacktestEngineWithSSE(config=config, session_id=session_id)
        events: list[dict[str, Any]] = []
        engine.register_sse_callback(lambda event: events.append(dict(event)))
        engine.run()
        return events


def _write_ticks(path: Path, length: int) -> Path:
    """Write a market that rises evenly, so that the trades are spread over all of it."""
    from tests.sessions import UNDERLYING

    opening = datetime(2024, 10, 29, 9, 15)  # noqa: DTZ001 - exchange time, as files give it
    rows = ["timestamp,symbol,ltp,volume,oi"]
    for second in range(length):
        at, rise = opening + timedelta(seconds=second), _RISE * second / length
        rows.append(f"{at},{UNDERLYING},{_LOW + rise:.2f},0,0")
        rows += [
            f"{at},{UNDERLYING}:2024-10-31:OPT:{strike}:CE,{150 + (rise + _LOW - strike) // 2:.2f},75,1000"
            for strike in (24_300, 24_350)
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


async def run(
    seeds: Iterable[int],
    market: Market,
    *,
    at_once: int = AT_ONCE,
    web_processes: int = WEB_PROCESSES,
    tell: Callable[[int, Totals], None] = lambda _seed, _totals: None,
) -> Totals:
    """
    Run schedules on the database that Django has, with web and writer processes of their own.

    Args:
        seeds: Which schedules.
        market: Of this database.
        at_once: How many at once.
        web_processes: How many serve the viewers.
        tell: Called after each schedule with its seed.
    """
    totals = Totals()
    waiting = iter(list(seeds))

    async def take_next() -> None:
        for seed in waiting:
            await _run_one(schedules.draw(seed), market, bases, writers, totals)
            tell(seed, totals)

    async with stream_site.start_web(web_processes) as bases, stream_site.start_writers() as writers:
        await asyncio.gather(*(take_next() for _ in range(at_once)))
    return totals


async def _run_one(schedule: Schedule, market: Market, bases: list[str], writers: Writers, totals: Totals) -> None:
    session, truth = await asyncio.to_thread(_and_disconnect, market.create, schedule)
    viewers = [
        Viewer(bases, session.session_id, Ledger(truth, is_trimmed=bool(schedule.writer.keep_events)))
        for _ in schedule.viewers
    ]
    watching = [
        asyncio.create_task(viewer.watch(connections), name=f"viewer {number} of schedule {schedule.seed}")
        for number, (viewer, connections) in enumerate(zip(viewers, schedule.viewers, strict=True), start=1)
    ]
    await asyncio.sleep(schedule.writer.starts_after_seconds)
    written = await writers.write(session.pk, schedule.writer)
    _, late = await asyncio.wait(watching, timeout=PATIENCE_SECONDS)
    for task in late:
        task.cancel()
    ends = await asyncio.gather(*watching, return_exceptions=True)
    problems = [f"{task.get_name()}: {end!r}" for task, end in zip(watching, ends, strict=True) if end is not None]
    problems += [written.problem] if written.problem else []
    totals.add(schedule, viewers, deaths=written.deaths, problems=problems)


def _and_disconnect(create: Callable[[Schedule], Any], schedule: Schedule) -> Any:  # noqa: ANN401
    from django.db import connection

    try:
        return create(schedule)
    finally:
        connection.close()


def figures(totals: Totals) -> dict[str, Figure]:
    """Return the figures by key."""
    return {
        "schedules": Figure(totals.schedules, meaning="sessions, each with its writer and its viewers"),
        "lost": Figure(totals.lost, 0, "events that did not come"),
        "doubled": Figure(totals.doubled, 0, "events that came although the viewer had them"),
        "differing": Figure(totals.differing, 0, "viewers that saw or ended with anything but the truth"),
    }


def text(totals: Totals, seconds: float) -> str:
    """Write what was done, for people."""
    rows = [(name, f"{count:,}") for name, count in totals.done.items()]
    told = f"{totals.schedules:,} schedules in {seconds:,.0f} s; {harness.machine()}"
    return f"{told}\n\n{harness.table(('done', 'times'), rows)}"


def _tell_faults(seed: int, sentences: Sequence[str]) -> None:
    for sentence in sentences:
        harness.progress(f"schedule {seed}: {sentence}")
    harness.progress(f"again: python -m benchmarks.convergence --seed {seed}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the command line; the exit code is 0 if every viewer converged."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--seed", type=int)
    own, others = parser.parse_known_args(arguments)
    wanted = harness.options((__doc__ or "").strip().splitlines()[0], others)
    seeds = range(QUICK if wanted.is_quick else THOROUGH) if own.seed is None else [own.seed]

    def tell(seed: int, totals: Totals) -> None:
        if faults := totals.faults.get(seed):
            _tell_faults(seed, faults)
        if totals.schedules % 20 == 0:
            harness.progress(f"{totals.schedules} of {len(seeds)} schedules, {len(totals.faults)} with a fault")

    began = time.monotonic()
    # Who is told to end takes along what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with stream_site.own_database():
        totals = asyncio.run(run(seeds, Market(), tell=tell))
    harness.tell(wanted, figures(totals), text(totals, time.monotonic() - began))
    return 0 if totals.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
