"""
The monitor's page under a fast stream: frames, processor time, memory, and how far behind the server it is.

    python -m benchmarks.monitor [--quick] [--json]

A real web server, a real worker, a Postgres and a headless Chromium that draws without a graphics card, all on this
machine and all of the time: what the others compute the page does not have. The whole page follows a whole day from its
first tick to its last.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Browser

from benchmarks import harness, monitor_page, site
from benchmarks.harness import ROOT, ContestantFailed, Figure
from benchmarks.monitor_page import Heap, Stretch, WatchedPage
from benchmarks.talk import Program

FULL: Final = "full speed"
#: For a run's beginning or end, seconds.
_PATIENCE_SECONDS: Final = 120.0
#: How often the database is asked whether a run has ended: seldom enough to cost nothing.
_LOOK_SECONDS: Final = 0.1


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    #: Sessions stored beside those that run.
    stored: int
    #: Ticks a second, and how often; None is full speed.
    paces: tuple[tuple[int | None, int], ...]
    #: A slower run is left after so many seconds.
    longest_seconds: float
    paints: int
    #: Live ticks that are waited for.
    live_ticks: int


THOROUGH = Effort(
    stored=10_000, paces=((600, 1), (2_235, 3), (11_000, 5), (None, 5)), longest_seconds=60.0, paints=9, live_ticks=20
)
QUICK = Effort(
    stored=10_000, paces=((600, 1), (2_235, 1), (11_000, 2), (None, 3)), longest_seconds=8.0, paints=3, live_ticks=3
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followed:
    """A run that a page followed."""

    ticks: int
    #: From the first tick on the page to the last.
    seconds: float
    stretch: Stretch
    #: From the server's end of the session to "Completed" on the page; None where the run was left before.
    lag_seconds: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """Everything that was measured."""

    day: str
    #: By ticks a second; None is full speed.
    runs: Mapping[int | None, Sequence[Followed]]
    #: After one day and after three in the same page.
    heaps: tuple[Heap, Heap]
    #: By page, seconds.
    paints: Mapping[str, float]
    #: From commit to drawn, milliseconds, of ticks at one a second; the first is the first after the page was opened.
    live_ms: Sequence[float]


class Bench:
    """The processes that are needed, and what is done with them."""

    def __init__(self, stack: ExitStack, effort: Effort) -> None:
        running = stack.enter_context(site.database())
        if not (ROOT / "frontend" / "dist" / "monitor" / "session.js").is_file():
            raise ContestantFailed("the pages' scripts are not built: run ./test, or `npm run build` in frontend/")
        _collect_files(running)
        harness.progress("storing sessions and market data")
        stored = str(effort.stored)
        self._sessions = stack.enter_context(
            Program("sessions", "benchmarks.monitor_sessions", stored, variables=running.variables)
        )
        self.day: str = self._sessions.greeting["day"]
        self.ticks: int = self._sessions.greeting["ticks"]
        web = stack.enter_context(site.web(running))
        self._address = f"http://127.0.0.1:{web.port}"
        self._worker = stack.enter_context(site.worker(running))
        self._browser: Browser = stack.enter_context(monitor_page.started())

    def run_unseen(self) -> str:
        """Run a day that nobody looks at, which also makes worker and web server load what they need."""
        session = self._queue(None)
        self._await_end(session)
        return session

    def follow(self, pace: int | None, *, longest_seconds: float) -> Followed:
        """Open the page of a session that waits, let it run, and follow it to its end."""
        with WatchedPage(self._browser) as page:
            with self._paused():
                session = self._queue(pace)
                page.open(self._page_of(session), word="Queued")
                page.mark()
            if pace is not None and self.ticks / pace > longest_seconds:
                time.sleep(longest_seconds)
                return self._left(page, session)
            ended_at = self._await_end(session)
            page.await_word("Completed")
            # The frame after the one that says so.
            page.page.wait_for_timeout(100)
            seen = [one for one in page.seen() if one.tick > 0]
            drawn_at = next(one.at for one in seen if one.word == "Completed")
            return Followed(
                ticks=seen[-1].tick,
                seconds=drawn_at - seen[0].at,
                stretch=page.stretch(since=seen[0].at, until=drawn_at),
                lag_seconds=drawn_at - ended_at,
            )

    def _left(self, page: WatchedPage, session: str) -> Followed:
        seen = [one for one in page.seen() if one.tick > 0]
        stretch = page.stretch(since=seen[0].at, until=seen[-1].at)
        self._sessions.ask(do="cancel", session=session)
        seconds = seen[-1].at - seen[0].at
        return Followed(ticks=seen[-1].tick - seen[0].tick, seconds=seconds, stretch=stretch, lag_seconds=None)

    def heaps(self) -> tuple[Heap, Heap]:
        """Measure a page's memory after the first day of a session of three, and after the last."""
        with WatchedPage(self._browser) as page:
            with self._paused():
                session = self._queue(None, days=3)
                page.open(self._page_of(session), word="Queued")
            self._await_ticks(session, self.ticks)
            with self._paused():
                # What is on its way arrives.
                page.page.wait_for_timeout(2_000)
                after_one = page.heap()
            self._await_end(session)
            page.await_word("Completed")
            page.page.wait_for_timeout(2_000)
            return after_one, page.heap()

    def live_ms(self, ticks: int) -> list[float]:
        """Open the page of a session that runs in real time; return how late its ticks are drawn, milliseconds."""
        session = self._queue(1)
        self._await_ticks(session, 1)
        written: dict[int, float] = {}
        with WatchedPage(self._browser) as page:
            page.open(self._page_of(session), word="Live")
            opened_with = max((one.tick for one in page.seen()), default=0)
            while len(written) < ticks + 2:
                found = self._sessions.ask(do="look", session=session)
                written[found["ticks"]] = found["written_at"]
                time.sleep(_LOOK_SECONDS)
            drawn = {one.tick: one.at for one in reversed(page.seen())}
        self._sessions.ask(do="cancel", session=session)
        live = [tick for tick in sorted(written) if tick > opened_with and tick in drawn]
        return [1000 * (drawn[tick] - written[tick]) for tick in live][:ticks]

    def paints(self, session: str, *, times: int) -> dict[str, float]:
        """Return how long the pages take to their first text or picture, seconds."""
        found = {}
        for name, path in (("a session's page", f"/sessions/{session}/"), ("the list of sessions", "/")):
            # What the server does once only is no part of it.
            monitor_page.first_paint_seconds(self._browser, self._address + path, times=1)
            found[name] = monitor_page.first_paint_seconds(self._browser, self._address + path, times=times)
        return found

    def _queue(self, pace: int | None, *, days: int = 1) -> str:
        session: str = self._sessions.ask(do="queue", pace=pace, days=days)["session"]
        return session

    def _page_of(self, session: str) -> str:
        return f"{self._address}/sessions/{session}/"

    @contextmanager
    def _paused(self) -> Iterator[None]:
        """Hold the worker's process: a page is open before its session begins, or looked at while nothing comes."""
        os.kill(self._worker, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._worker, signal.SIGCONT)

    def _await_ticks(self, session: str, ticks: int) -> None:
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while self._sessions.ask(do="look", session=session)["ticks"] < ticks:
            if time.monotonic() > deadline:
                raise ContestantFailed(f"session {session} has not reached tick {ticks}")
            time.sleep(_LOOK_SECONDS)

    def _await_end(self, session: str) -> float:
        """Wait for the end of a session; return when the transaction began that wrote it, Unix seconds."""
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while not (found := self._sessions.ask(do="look", session=session))["is_finished"]:
            if time.monotonic() > deadline:
                raise ContestantFailed(f"session {session} has not ended")
            time.sleep(_LOOK_SECONDS)
        return float(found["written_at"])


def _collect_files(running: site.Site) -> None:
    """Give scripts and styles the names that they have in production, which a browser keeps."""
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, **running.variables},
        check=True,
        stdout=subprocess.DEVNULL,
    )


def run(effort: Effort) -> Results:
    """Measure everything."""
    with ExitStack() as stack:
        bench = Bench(stack, effort)
        finished = bench.run_unseen()
        paints = bench.paints(finished, times=effort.paints)
        harness.progress(f"first paint: {', '.join(f'{name} {seconds:.3f} s' for name, seconds in paints.items())}")
        live_ms = bench.live_ms(effort.live_ticks)
        harness.progress(f"live ticks drawn after {', '.join(f'{late:.0f}' for late in live_ms)} ms")
        runs: dict[int | None, list[Followed]] = {}
        for pace, rounds in effort.paces:
            for _ in range(rounds):
                found = bench.follow(pace, longest_seconds=effort.longest_seconds)
                runs.setdefault(pace, []).append(found)
                harness.progress(f"{_name(pace)}: {found.stretch.fps:.1f} fps, lag {_text(found.lag_seconds)} s")
        heaps = bench.heaps()
        return Results(day=bench.day, runs=runs, heaps=heaps, paints=paints, live_ms=live_ms)


def figures(results: Results) -> dict[str, Figure]:
    """Return the figures by key."""
    quick, fast = (_joined(results.runs[pace]) for pace in (2_235, 11_000))
    after_one, after_three = (heap.objects for heap in results.heaps)
    return {
        "fps_2235": _at_least(55, quick.fps, "frames a second, 2,235 ticks/s"),
        "p95_ms_2235": Figure(quick.frame_ms(0.95), 34, "that 19 of 20 frames keep, 2,235 ticks/s"),
        "fps_11000": Figure(fast.fps, meaning="frames a second, 11,000 ticks/s", is_more_better=True),
        "lag_s_full": Figure(_lag(results.runs[None]), 1, "from the server's end to the page's, full speed"),
        "heap_growth": Figure(after_three / after_one - 1, 0.1, "of the page's objects from one day to three"),
        "first_paint_s": Figure(max(results.paints.values()), 1, "of the slower page, 10,000 sessions stored"),
        "first_tick_ms": Figure(results.live_ms[0], 500, "from commit to drawn, the first live tick"),
    }


def _at_least(goal: float, value: float, meaning: str) -> Figure:
    return Figure(value, goal, meaning, is_more_better=True)


def _joined(runs: Sequence[Followed]) -> Stretch:
    return Stretch.joined([each.stretch for each in runs])


def _lag(runs: Sequence[Followed]) -> float:
    return statistics.median(each.lag_seconds for each in runs if each.lag_seconds is not None)


def text(results: Results) -> str:
    """Write it for people."""
    head = ("ticks/s", "reached", "ticks", "fps", "p95 ms", "p99 ms", "page ms/frame", "browser ms/frame", "behind s")
    beats = ("ticks/s", "one beat", "two", "three", "more")
    frames = {pace: _joined(runs) for pace, runs in results.runs.items()}
    rows = [_row(pace, runs, frames[pace]) for pace, runs in results.runs.items()]
    shares = [(_name(pace), *(f"{share:.1%}" for share in one.histogram().values())) for pace, one in frames.items()]
    one, three = results.heaps
    held = [(name, f"{heap.objects:.2f}", f"{heap.columns:.2f}") for name, heap in (("one day", one), ("three", three))]
    late = results.live_ms
    return "\n\n".join(
        [
            f"{results.day}; {harness.machine()}",
            harness.table(head, rows),
            f"frames by beats of 60 Hz\n{harness.table(beats, shares)}",
            f"memory, MB\n{harness.table(('after', 'objects', 'columns of numbers'), held)}",
            f"first paint, s\n{harness.table(('page', 's'), [(n, f'{s:.3f}') for n, s in results.paints.items()])}",
            f"live ticks, commit to drawn: first {late[0]:.0f} ms, median {statistics.median(late):.0f}, "
            f"slowest {max(late):.0f}",
        ]
    )


def _row(pace: int | None, runs: Sequence[Followed], joined: Stretch) -> tuple[str, ...]:
    reached = statistics.median(each.ticks / each.seconds for each in runs)
    lags = [each.lag_seconds for each in runs if each.lag_seconds is not None]
    return (
        _name(pace),
        f"{reached:,.0f}",
        f"{sum(each.ticks for each in runs):,}",
        f"{joined.fps:.1f}",
        f"{joined.frame_ms(0.95):.1f}",
        f"{joined.frame_ms(0.99):.1f}",
        f"{joined.page_ms / max(1, len(joined.frames)):.1f}",
        f"{joined.browser_ms / max(1, len(joined.frames)):.1f}",
        _text(statistics.median(lags) if lags else None),
    )


def _name(pace: int | None) -> str:
    return FULL if pace is None else f"{pace:,}"


def _text(lag: float | None) -> str:
    return "" if lag is None else f"{lag:.2f}"


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
