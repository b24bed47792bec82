"""
The stream's bandwidth: a day on the wire, and what sending it to one more viewer costs.

    python -m benchmarks.bandwidth [--quick] [--json]

Every event of the day is a block of its own here, as it is in a run that goes on in real time: the dearest case. Then
one viewer and 1,000 viewers follow a run, and the real counters of writer and web server say how often an event was
written as JSON and how often anything was compressed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks import day, harness, proc, site, talk
from benchmarks.contestants.fan_contest import read_events
from benchmarks.fan_measure import our_writer
from benchmarks.harness import Figure
from benchmarks.talk import Program
from streaming.protocol import frames, segments

_SEED_MB = 70
_RATE = 20.0
_REST_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    #: Of following a run, with one viewer and with 1,000.
    seconds: float


THOROUGH = Effort(seconds=15.0)
QUICK = Effort(seconds=4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySize:
    """A day's bytes."""

    events: int
    raw_bytes: int
    #: With gzip's header and trailer and HTTP's frame around each chunk.
    wire_bytes: int
    #: The same in batches of a whole segment, as at full speed.
    batched_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A run that some viewers followed."""

    viewers: int
    events: int
    encodes: int
    compressions: int
    #: Of the web process.
    cpu_seconds: float
    #: Received by each viewer.
    bytes_per_viewer: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured."""

    day: str
    size: DaySize
    followed: tuple[Followed, ...]

    @property
    def day_cpu_seconds(self) -> float:
        """What the web process computes to forward the day to one viewer, one event at a time."""
        most = self.followed[-1]
        return most.cpu_seconds / most.viewers / most.events * self.size.events


def size_of(encoded: Sequence[bytes]) -> DaySize:
    """Compress a day's frames as the log's writer does."""
    numbered = list(enumerate(encoded))
    single, batched = segments.SegmentEncoder(), segments.SegmentEncoder()
    around = len(segments.GzipMember().open()) + len(segments.GzipMember().close())
    wire = sum(on_wire(len(block.body)) for frame in numbered for block in single.add([frame]))
    return DaySize(
        events=len(encoded),
        raw_bytes=sum(map(len, encoded)),
        wire_bytes=around + wire,
        batched_bytes=around + sum(on_wire(len(block.body)) for block in batched.add(numbered)),
    )


def on_wire(size: int) -> int:
    """Return the bytes of a chunk of HTTP/1.1 (RFC 9112 §7.1): its size in hex, two line ends, the bytes."""
    return len(f"{size:x}") + 4 + size


def run(effort: Effort) -> Results:
    """Measure everything."""
    talk.allow_many_files()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        events = Path(folder) / "events"
        told = day.load()
        day.write_events(told, events)
        harness.progress("the day's bytes")
        size = size_of(
            [frames.encode_frame(one.event_type, one.text.encode(), one.event_id) for one in read_events(str(events))]
        )
        harness.progress("starting the server")
        viewers = stack.enter_context(Program("viewers", "benchmarks.viewers"))
        running = stack.enter_context(site.database())
        web = stack.enter_context(
            Program("our web server", "benchmarks.contestants.counting_web", variables=running.variables)
        )
        writer = stack.enter_context(our_writer(running, events))
        followed = tuple(follow(web, writer, viewers, count=count, seconds=effort.seconds) for count in (1, 1000))
        return Results(day=told.name, size=size, followed=followed)


def follow(web: Program, writer: Program, viewers: Program, *, count: int, seconds: float) -> Followed:
    """Let viewers follow a run, and count."""
    harness.progress(f"{count} viewers follow a run")
    session_id = writer.ask(do="begin", pace=_RATE)["session_id"]
    path = f"/api/backtest/{session_id}/stream"
    viewers.ask(do="open", port=web.greeting["port"], path=path, count=count, samples=0, gzip=True)
    viewers.ask(do="watch", seconds=_REST_SECONDS)
    web_before, written_before = web.ask(), writer.ask(do="counts")
    cpu_before = proc.cpu_seconds(web.pid)
    writer.tell(do="publish", rate=_RATE, seconds=seconds)
    watched = viewers.ask(do="watch", seconds=seconds + _REST_SECONDS)
    published = writer.hear()
    cpu_seconds = proc.cpu_seconds(web.pid) - cpu_before
    made = _gain(written_before, writer.ask(do="counts"))
    served = _gain(web_before, web.ask())
    viewers.ask(do="close")
    writer.ask(do="end")
    return Followed(
        viewers=count,
        events=len(published["times"]),
        encodes=made["events_encoded"] + served["events_encoded"],
        compressions=made["events_compressed"] + made["texts_compressed"] + served["texts_compressed"],
        cpu_seconds=cpu_seconds,
        bytes_per_viewer=watched["bytes"] / count,
    )


def _gain(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    return {name: count - before[name] for name, count in after.items()}


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures by key."""
    return {
        "mb_raw": Figure(results.size.raw_bytes / 1e6, meaning=f"the day as plain frames; the seed says {_SEED_MB}"),
        "mb_gzip": Figure(results.size.wire_bytes / 1e6, 5, "on the wire, one event at a time"),
        "encodes_per_event": Figure(
            max(one.encodes / one.events for one in results.followed), 1, "written as JSON, with 1 and 1,000 viewers"
        ),
        "compressions_per_event": Figure(
            max(one.compressions / one.events for one in results.followed), 1, "compressed, with 1 and 1,000 viewers"
        ),
        "day_cpu_seconds": Figure(results.day_cpu_seconds, 1, "of the web process, to forward the day to a viewer"),
    }


def text(results: Results) -> str:
    """Write it for people."""
    size = results.size
    sizes = [
        ("plain frames", f"{size.raw_bytes / 1e6:.1f}", f"{size.raw_bytes / size.events:,.0f}"),
        ("gzip, one event at a time", f"{size.wire_bytes / 1e6:.2f}", f"{size.wire_bytes / size.events:,.0f}"),
        ("gzip, at full speed", f"{size.batched_bytes / 1e6:.2f}", f"{size.batched_bytes / size.events:,.0f}"),
    ]
    runs = [
        (
            f"{one.viewers:,}",
            f"{one.events:,}",
            f"{one.encodes / one.events:.2f}",
            f"{one.compressions / one.events:.2f}",
            f"{one.bytes_per_viewer / one.events:,.0f}",
            f"{1e6 * one.cpu_seconds / one.events / one.viewers:,.1f}",
        )
        for one in results.followed
    ]
    head = ("viewers", "events", "encodes/event", "compressions/event", "bytes/event", "µs/event and viewer")
    return "\n\n".join(
        [
            f"{results.day}, {size.events:,} events; {harness.machine()}",
            harness.table(("on the wire", "MB", "bytes/event"), sizes),
            harness.table(head, runs),
        ]
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
