"""
The stream's fan-out beside its peers: same events, same viewers, one server process each, in turn.

    python -m benchmarks.fanout [--quick] [--json]

Our endpoint (gzip and identity, events through Postgres from another process), django-eventstream's stock view with its
own storage and with none, the seed's queue for each viewer on Starlette, sse-starlette, and a socket server that
forwards our compressed bytes and does nothing else: the limit. Every figure is per core: events delivered for each
second that the server's process computed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks import day, harness, site, talk
from benchmarks.fan_measure import (
    Load,
    Measured,
    Ours,
    Peer,
    Side,
    measure,
    median_of,
    our_writer,
    slowdown,
    start_peer,
    writer_speed,
)
from benchmarks.harness import Figure
from benchmarks.talk import Program

OURS, OURS_PLAIN = "ours, gzip", "ours, identity"
STORED, UNSTORED = "django-eventstream, stored", "django-eventstream, in process"
SEED, SSE_STARLETTE = "seed's queues, Starlette", "sse-starlette"
RAW = "raw sockets, our bytes"

#: The storage's view takes a database connection for each viewer, and Postgres has 100 in all.
_MOST_STORED = 80

SLOW = Load(viewers=1000, rate=20, seconds=1)
FAST = Load(viewers=200, rate=1000, seconds=1)
CALM = Load(viewers=1000, rate=10, seconds=1)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    rounds: int
    seconds: float
    #: Viewers at 20 events a second, for everybody.
    levels: tuple[int, ...]
    #: Whether memory is measured of everybody, or of us alone.
    has_memory_of_all: bool
    #: Full speed for so long.
    writer_seconds: float
    writer_rounds: int


THOROUGH = Effort(
    rounds=3, seconds=4.0, levels=(1, 10, 100, 1000), has_memory_of_all=True, writer_seconds=3.0, writer_rounds=9
)
QUICK = Effort(rounds=1, seconds=2.0, levels=(100,), has_memory_of_all=False, writer_seconds=1.0, writer_rounds=3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured."""

    day: str
    versions: Mapping[str, str]
    #: By contestant and number of viewers, at 20 events a second.
    levels: Mapping[tuple[str, int], Measured]
    slow: Mapping[str, Measured]
    fast: Mapping[str, Measured]
    calm_p99_ms: float
    #: Of a server's memory, for each of the first 1,000 viewers that it has.
    kb_per_viewer: Mapping[str, float]
    #: Share of its speed that a writer loses.
    slowdown: float


def run(effort: Effort) -> Results:
    """Measure everything."""
    talk.allow_many_files()
    with tempfile.TemporaryDirectory() as folder:
        events = Path(folder) / "events"
        told = day.load()
        day.write_events(told, events, limit=12_000)
        with ExitStack() as stack:
            harness.progress("starting the servers")
            viewers = stack.enter_context(Program("viewers", "benchmarks.viewers"))
            running = stack.enter_context(site.database())
            web = stack.enter_context(site.web(running))
            writer = stack.enter_context(our_writer(running, events))
            ours = Ours(web, writer, name=OURS)
            sides = {OURS: ours, **_peers(stack, events, running)}
            memory = _memory(sides, viewers, effort)
            slow = _contest("1,000 viewers, 20 events/s", sides, (OURS, UNSTORED, RAW), viewers, SLOW, effort)
            fast = _contest("200 viewers, 1,000 events/s", sides, (OURS, STORED, UNSTORED, RAW), viewers, FAST, effort)
            calm = [measure(ours, viewers, replace(CALM, seconds=effort.seconds)) for _ in range(effort.rounds)]
            levels = _levels(sides, viewers, effort)
            return Results(
                day=told.name,
                versions={name: side.version for name, side in sides.items()},
                levels=levels,
                slow=slow,
                fast=fast,
                calm_p99_ms=statistics.median(one.latency_ms(0.99) for one in calm),
                kb_per_viewer=memory,
                slowdown=_slowdown(writer, viewers, web, effort),
            )


def _peers(stack: ExitStack, events: Path, running: site.Site) -> dict[str, Side]:
    started = {}
    sockets = running.variables["DATABASE_URL"].partition("host=")[2]
    for name, module, arguments in (
        (RAW, "fan_raw", ()),
        (UNSTORED, "fan_eventstream", ()),
        (STORED, "fan_eventstream", (sockets,)),
        (SEED, "fan_queues", ()),
        (SSE_STARLETTE, "fan_sse_starlette", ()),
    ):
        harness.progress(f"{name}: environment and start")
        started[name] = start_peer(name, module, events, *arguments, is_own=name == RAW)
    # All of them first: each takes seconds until it is ready.
    return {name: Peer(name, stack.enter_context(program)) for name, program in started.items()}


def _memory(sides: Mapping[str, Side], viewers: Program, effort: Effort) -> dict[str, float]:
    """Measure memory first: what a server once had for viewers it gives to the next ones."""
    found = {}
    for name in sides if effort.has_memory_of_all else (OURS,):
        if name != STORED:
            harness.progress(f"{name}: memory")
            found[name] = measure(sides[name], viewers, _asked_of(name, CALM)).kb_per_viewer
    return found


def _contest(
    title: str,
    sides: Mapping[str, Side],
    names: Sequence[str],
    viewers: Program,
    load: Load,
    effort: Effort,
) -> dict[str, Measured]:
    """Let some contestants take turns; return each one's middle run."""
    runs: dict[str, list[Measured]] = {name: [] for name in names}
    for number in range(effort.rounds):
        for name in names[:: 1 if number % 2 == 0 else -1]:
            asked = _asked_of(name, replace(load, seconds=effort.seconds))
            runs[name].append(measure(sides[name], viewers, asked))
            harness.progress(f"{title}: {name}: {runs[name][-1].per_core:,.0f} delivered per core and second")
    return {name: median_of(measured) for name, measured in runs.items()}


def _levels(sides: Mapping[str, Side], viewers: Program, effort: Effort) -> dict[tuple[str, int], Measured]:
    """Let everybody serve more and more viewers."""
    found = {}
    for count in effort.levels:
        for name in (OURS, OURS_PLAIN, *list(sides)[1:]):
            if name == STORED and count > _MOST_STORED:
                continue
            harness.progress(f"{count} viewers: {name}")
            load = _asked_of(name, replace(SLOW, viewers=count, seconds=effort.seconds))
            found[name, count] = measure(sides[OURS if name == OURS_PLAIN else name], viewers, load)
    return found


def _asked_of(name: str, load: Load) -> Load:
    """Ask a contestant for what it can do: compression, and as many viewers as its database lets it have."""
    viewers = min(load.viewers, _MOST_STORED) if name == STORED else load.viewers
    return replace(load, viewers=viewers, is_gzip=name in (OURS, RAW))


def _slowdown(writer: Program, viewers: Program, web: site.Web, effort: Effort) -> float:
    """Compare a writer at full speed with nobody and with 1,000 viewers."""
    speeds: dict[int, list[float]] = {0: [], 1000: []}
    with _apart(writer.pid, (web.pid, viewers.pid)):
        for number in range(effort.writer_rounds):
            for count in (0, 1000) if number % 2 == 0 else (1000, 0):
                speed = writer_speed(writer, viewers, port=web.port, count=count, seconds=effort.writer_seconds)
                speeds[count].append(speed)
                harness.progress(f"a writer at full speed, {count} viewers: {speed:,.0f} events/s")
    return slowdown(without=speeds[0], watched=speeds[1000])


@contextmanager
def _apart(one: int, others: Sequence[int]) -> Iterator[None]:
    """Keep a process away from others: what they take from each other by sharing a core says nothing of the program."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        yield
        return
    _pin(one, {cores[0]})
    for pid in others:
        _pin(pid, set(cores[1:]))
    try:
        yield
    finally:
        for pid in (one, *others):
            _pin(pid, set(cores))


def _pin(pid: int, cores: set[int]) -> None:
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), cores)


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures by key."""
    ours_fast, ours_slow = results.fast[OURS].per_core, results.slow[OURS].per_core
    best_fast = max(results.fast[STORED].per_core, results.fast[UNSTORED].per_core)
    return {
        "vs_eventstream_fast": _at_least(100, ours_fast / best_fast, "1,000 events/s, 200 viewers, its better way"),
        "vs_eventstream_slow": _at_least(
            5, ours_slow / results.slow[UNSTORED].per_core, "20 events/s, 1,000 viewers, in process, no storage"
        ),
        "vs_raw": _at_least(0.5, ours_slow / results.slow[RAW].per_core, "the same bytes, 1,000 viewers, 20 events/s"),
        "p99_ms_1000": Figure(results.calm_p99_ms, 50, "commit to socket, 1,000 viewers, 10 events/s"),
        "writer_slowdown": Figure(results.slowdown, 0.05, "by 1,000 viewers, at full speed"),
        "kb_per_viewer": Figure(results.kb_per_viewer[OURS], 40, "of the web process's memory"),
    }


def _at_least(goal: float, value: float, meaning: str) -> Figure:
    return Figure(value, goal, meaning, is_more_better=True)


def text(results: Results) -> str:
    """Write the contest for people."""
    told = f"{results.day}; {harness.machine()}"
    versions = ", ".join(f"{name}: {version}" for name, version in results.versions.items() if name != OURS)
    memory = results.kb_per_viewer.items()
    tables = [
        ("20 events/s", _table([(name, one) for (name, _), one in results.levels.items()])),
        ("20 events/s, 1,000 viewers, middle of the rounds", _table(list(results.slow.items()))),
        ("1,000 events/s, 200 viewers, middle of the rounds", _table(list(results.fast.items()))),
        ("memory", harness.table(("contestant", "KB/viewer"), [(n, f"{kb:.1f}") for n, kb in memory])),
    ]
    return "\n\n".join([told, versions, *(f"{title}\n{table}" for title, table in tables)])


def _table(rows: Sequence[tuple[str, Measured]]) -> str:
    head = ("contestant", "viewers", "delivered/s", "of wanted", "µs/event", "per core·s", "p50 ms", "p99 ms")
    return harness.table(head, [_row(name, one) for name, one in rows])


def _row(name: str, one: Measured) -> tuple[str, ...]:
    return (
        name,
        f"{one.load.viewers:,}",
        f"{one.delivered / one.load.seconds:,.0f}",
        f"{one.share:.0%}",
        f"{one.us_per_event:,.1f}",
        f"{one.per_core:,.0f}",
        f"{one.latency_ms(0.5):,.1f}",
        f"{one.latency_ms(0.99):,.1f}",
    )


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
