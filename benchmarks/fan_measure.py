"""
One measurement of the fan-out: so many viewers of one server, so many events a second, for so long.

A `Side` is a server with whoever publishes into it. Viewers are opened first, then events are published and the time
that the server's process computes is read from the system; what was delivered is what the looked-at viewers got.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks import proc
from benchmarks.site import Site, Web
from benchmarks.talk import Program

#: All peers but the limit share one environment; versions of the server as in the project's own.
PEER_REQUIREMENTS = (
    "Django==5.2.19",
    "django-eventstream==5.3.4",
    "httptools==0.9.0",
    "psycopg[binary]==3.3.9",
    "sse-starlette==3.7.0",
    "starlette==1.10.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0",
)
_HERE = "benchmarks.contestants"
#: Between opening and publishing, and after the last event: what is under way comes to its end.
_REST_SECONDS = 0.5
#: Above this many events a second few viewers are looked at: their bytes are kept.
_MANY_EVENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked of a server."""

    viewers: int
    #: Events a second.
    rate: float
    seconds: float
    is_gzip: bool = True

    @property
    def samples(self) -> int:
        """How many viewers are looked at."""
        return min(self.viewers, 20 if self.rate <= _MANY_EVENTS else 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What came of it."""

    load: Load
    published: int
    #: Events that reached a viewer, all viewers added up.
    delivered: float
    #: Of the server's process.
    cpu_seconds: float
    kb_per_viewer: float
    #: From commit, or from publishing where nothing is committed, to the viewer's socket.
    latencies_ms: tuple[float, ...]
    #: Of the viewers' process, as a share of one core; near 1 it would be the limit itself.
    viewers_share: float

    @property
    def per_core(self) -> float:
        """Events delivered per second of the server's computing."""
        # A clock of 10 ms: less than one tick is one tick.
        return self.delivered / max(self.cpu_seconds, 0.01)

    @property
    def us_per_event(self) -> float:
        """Microseconds of computing per delivered event."""
        return 1e6 / self.per_core if self.delivered else float("inf")

    @property
    def share(self) -> float:
        """How much of what was asked for arrived."""
        return self.delivered / (self.load.viewers * self.load.rate * self.load.seconds)

    def latency_ms(self, share: float) -> float:
        """Return the latency that this share of events did not exceed."""
        return percentile(self.latencies_ms, share)


class Side(Protocol):
    """A server and its publisher."""

    name: str
    version: str
    #: The server's process.
    pid: int
    port: int

    def begin(self, load: Load) -> str:
        """Make ready what will be published; return the path of the stream."""

    def publish(self, load: Load) -> None:
        """Publish, without waiting for the end."""

    def published(self) -> Mapping[int, int]:
        """Wait for the end; return event ids and when they were published, ns."""

    def end(self) -> None:
        """Let go of what `begin` made."""


class Ours:
    """This project: events come from another process, through Postgres."""

    def __init__(self, web: Web, writer: Program, *, name: str) -> None:
        self.name, self.version = name, "this project"
        self.pid, self.port = web.pid, web.port
        self._writer = writer

    def begin(self, load: Load) -> str:
        """Create a session that is paced, as one is that somebody watches."""
        session_id = self._writer.ask(do="begin", pace=load.rate)["session_id"]
        return f"/api/backtest/{session_id}/stream"

    def publish(self, load: Load) -> None:
        """Publish into its log."""
        self._writer.tell(do="publish", rate=load.rate, seconds=load.seconds)

    def published(self) -> Mapping[int, int]:
        """Return when each event was committed."""
        return _times(self._writer.hear())

    def end(self) -> None:
        """Leave the session."""
        self._writer.ask(do="end")


class Peer:
    """A contestant, which publishes in its own process."""

    def __init__(self, name: str, program: Program) -> None:
        self.name, self.version = name, str(program.greeting["version"])
        self.pid, self.port = program.pid, int(program.greeting["port"])
        self._program = program

    def begin(self, load: Load) -> str:
        """Let it make ready what it can."""
        self._program.ask(do="prepare", rate=load.rate, seconds=load.seconds)
        return "/stream/" if "eventstream" in self.version else "/stream"

    def publish(self, load: Load) -> None:
        """Let it publish."""
        self._program.tell(do="publish", rate=load.rate, seconds=load.seconds)

    def published(self) -> Mapping[int, int]:
        """Return when each event was published."""
        return _times(self._program.hear())

    def end(self) -> None:
        """Nothing is left."""


def start_peer(name: str, module: str, events: Path, *arguments: str, is_own: bool = False) -> Program:
    """Start a contestant, without waiting until it is ready; one of our own needs no environment apart."""
    requirements = () if is_own else PEER_REQUIREMENTS
    return Program(name, f"{_HERE}.{module}", str(events), *arguments, requirements=requirements)


@contextmanager
def our_writer(running: Site, events: Path) -> Iterator[Program]:
    """Start our writer."""
    with Program("our writer", f"{_HERE}.fan_writer", str(events), variables=running.variables) as writer:
        yield writer


def measure(side: Side, viewers: Program, load: Load) -> Measured:
    """Open viewers, publish, close; what the first few viewers cost a server is not counted as theirs."""
    path = side.begin(load)
    opening = {"do": "open", "port": side.port, "path": path, "gzip": load.is_gzip}
    viewers.ask(**opening, count=1, samples=0)
    viewers.ask(do="watch", seconds=_REST_SECONDS)
    before_kb = proc.resident_kb(side.pid)
    viewers.ask(**opening, count=load.viewers, samples=load.samples)
    viewers.ask(do="watch", seconds=_REST_SECONDS)
    kb_per_viewer = (proc.resident_kb(side.pid) - before_kb) / load.viewers
    before_cpu = proc.cpu_seconds(side.pid)
    side.publish(load)
    watched = viewers.ask(do="watch", seconds=load.seconds + _REST_SECONDS)
    times = side.published()
    cpu_seconds = proc.cpu_seconds(side.pid) - before_cpu
    seen = viewers.ask(do="close")
    side.end()
    latencies = latencies_ms(times, seen["samples"])
    time.sleep(_REST_SECONDS)
    return Measured(
        load=load,
        published=len(times),
        delivered=len(latencies) / load.samples * load.viewers,
        cpu_seconds=cpu_seconds,
        kb_per_viewer=kb_per_viewer,
        latencies_ms=tuple(sorted(latencies)),
        viewers_share=watched["cpu_seconds"] / (load.seconds + _REST_SECONDS),
    )


def writer_speed(writer: Program, viewers: Program, *, port: int, count: int, seconds: float) -> float:
    """Return the events a second of a writer at full speed, while so many viewers watch."""
    session_id = writer.ask(do="begin", pace=None)["session_id"]
    if count:
        path = f"/api/backtest/{session_id}/stream"
        viewers.ask(do="open", port=port, path=path, count=count, samples=0, gzip=True)
        viewers.ask(do="watch", seconds=_REST_SECONDS)
    writer.tell(do="publish", rate=None, seconds=seconds)
    speed = float(writer.hear()["events_per_second"])
    viewers.ask(do="close")
    writer.ask(do="end")
    return speed


def latencies_ms(times: Mapping[int, int], samples: Sequence[Sequence[Sequence[int]]]) -> list[float]:
    """
    Return how long each event took to each looked-at viewer.

    Args:
        times: When each event was published, ns; an arrival of any other event is none of these.
        samples: For each viewer, event id and arrival.
    """
    return [
        (arrival - times[event_id]) / 1e6 for arrivals in samples for event_id, arrival in arrivals if event_id in times
    ]


def percentile(ascending: Sequence[float], share: float) -> float:
    """Return the value that this share of values does not exceed; infinite where there are none."""
    if not ascending:
        return float("inf")
    return ascending[min(len(ascending) - 1, int(len(ascending) * share))]


def median_of(measured: Sequence[Measured]) -> Measured:
    """Return the one in the middle by what it delivered per core."""
    ordered = sorted(measured, key=lambda one: one.per_core)
    return ordered[len(ordered) // 2]


def slowdown(*, without: Sequence[float], watched: Sequence[float]) -> float:
    """
    Return how much slower a writer is with viewers, as a share of its speed without; below 0 is none.

    Args:
        without: Events a second of each round.
        watched: The same with viewers, one right after or before the other: each pair has the machine in one mood.
    """
    return statistics.median(1 - slower / faster for faster, slower in zip(without, watched, strict=True))


def _times(answer: Mapping[str, Any]) -> dict[int, int]:
    return {int(event_id): int(moment) for event_id, moment in answer["times"]}
