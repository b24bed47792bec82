"""
Schedules: what happens to a session's viewers, drawn from a number.

One schedule is one session with its writer and its viewers. The same seed always draws the same schedule; how the
processes then interleave is the machine's, which is what makes it worth while to draw many.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Final, Literal

#: How a viewer tells which event it has: in the header, in the query, in both with a stale query (as a native
#: EventSource does), an older one than it has, none, or one that cannot be used.
CursorBy = Literal["header", "query", "both", "older", "none", "unusable"]
WriterKind = Literal["flat out", "paced", "killed"]

#: Market seconds of a session. The longest has more events than a web process keeps in memory.
LENGTHS: Final = (300, 900, 3000)
_LENGTH_WEIGHTS: Final = (60, 32, 8)
_WRITER_WEIGHTS: Final[dict[WriterKind, int]] = {"flat out": 60, "paced": 20, "killed": 20}
_CURSOR_WEIGHTS: Final[dict[CursorBy, int]] = {
    "header": 50,
    "query": 15,
    "both": 15,
    "older": 8,
    "none": 6,
    "unusable": 6,
}
_UNUSABLE: Final = ("abc", "-1", "1.5", "99999999", "99999999999999999999", "0x10")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """One connection of a viewer."""

    #: How long the viewer is away before it.
    away_seconds: float = 0.05
    cursor_by: CursorBy = "header"
    #: How many events are forgotten by "older".
    older_by: int = 0
    #: What is sent by "unusable".
    unusable: str = ""
    is_gzip: bool = False
    #: Whether `on_lag=skip` is asked for.
    skips: bool = False
    #: After so many bytes of the body the line is cut, mostly inside a frame; None where the server ends it.
    cut_after_bytes: int | None = None
    #: Whether it is cut by a reset, so that the server cannot take its time.
    is_reset: bool = False
    #: For so long the viewer is slow: it rests after so many bytes each, so many seconds.
    slow_seconds: float = 0.0
    bytes_at_once: int = 65_536
    rest_seconds: float = 0.0
    #: Once, after the first bytes, nothing is read for so long.
    stall_seconds: float = 0.0
    #: Which of the web processes is asked, counted round.
    process: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """How a session is written."""

    kind: WriterKind
    #: After the first viewers, so that some of them wait for event 0.
    starts_after_seconds: float
    #: Market seconds per second; None for flat out.
    pace: float | None = None
    #: The process that writes is killed after so many seconds, and so is each that takes over.
    killed_after_seconds: tuple[float, ...] = ()
    #: Events that the log keeps at least; 0 for all.
    keep_events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One session and all who watch it."""

    seed: int
    #: Market seconds, one of `LENGTHS`.
    length: int
    writer: Writer
    #: Of each viewer its connections. After the last one it comes back as often as it needs to, without being cut.
    viewers: tuple[tuple[Connection, ...], ...]


def draw(seed: int) -> Schedule:
    """Draw a schedule."""
    rng = random.Random(seed)
    length = rng.choices(LENGTHS, _LENGTH_WEIGHTS)[0]
    return Schedule(
        seed=seed,
        length=length,
        writer=_draw_writer(rng, length),
        viewers=tuple(_draw_viewer(rng) for _ in range(rng.randint(1, 6))),
    )


def _draw_writer(rng: random.Random, length: int) -> Writer:
    kind = rng.choices(list(_WRITER_WEIGHTS), list(_WRITER_WEIGHTS.values()))[0]
    is_paced = kind == "paced" or (kind == "killed" and rng.random() < 0.5)
    deaths = rng.randint(1, 3) if kind == "killed" else 0
    return Writer(
        kind=kind,
        starts_after_seconds=rng.uniform(0, 0.3),
        # Over in one to two seconds.
        pace=rng.uniform(length / 2, length) if is_paced else None,
        killed_after_seconds=tuple(rng.uniform(0.05, 0.6) for _ in range(deaths)),
        keep_events=rng.choice((1, 64, 100, 200)) if rng.random() < 0.15 else 0,
    )


def _draw_viewer(rng: random.Random) -> tuple[Connection, ...]:
    cuts = min(int(rng.expovariate(0.35)), 12)
    connections = [_draw_connection(rng, is_cut=True) for _ in range(cuts)]
    return (*connections, _draw_connection(rng, is_cut=False))


def _draw_connection(rng: random.Random, *, is_cut: bool) -> Connection:
    is_gzip = rng.random() < 0.5
    is_slow, stalls = rng.random() < 0.15, rng.random() < 0.1
    # From inside the opening to hundreds of events; deflated ones are about twenty times smaller.
    most = 40_000 if is_gzip else 600_000
    return Connection(
        away_seconds=rng.choice((0.0, rng.uniform(0, 0.1), rng.uniform(0, 0.6))),
        cursor_by=rng.choices(list(_CURSOR_WEIGHTS), list(_CURSOR_WEIGHTS.values()))[0],
        older_by=rng.randint(1, 150),
        unusable=rng.choice(_UNUSABLE),
        is_gzip=is_gzip,
        skips=rng.random() < 0.3,
        cut_after_bytes=int(math.exp(rng.uniform(math.log(10), math.log(most)))) if is_cut else None,
        is_reset=rng.random() < 0.5,
        slow_seconds=rng.uniform(0.2, 4.0) if is_slow else 0.0,
        bytes_at_once=rng.choice((1_000, 8_000)) if is_slow else 65_536,
        rest_seconds=rng.uniform(0.001, 0.02) if is_slow else 0.0,
        stall_seconds=rng.uniform(0.2, 1.5) if stalls else 0.0,
        process=rng.randrange(4),
    )
