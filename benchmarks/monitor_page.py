"""
A session's page in a real browser, and what it costs: frames, processor time, memory, when which words were seen.

A probe that is there before the page's own scripts notes every frame, and reads two texts in it. It changes nothing on
the page; but it asks for every frame, so that a page which rests is told as 60 frames a second.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, Self

from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, ViewportSize, expect, sync_playwright

from benchmarks.harness import ContestantFailed
from tests import chromium

#: Of a laptop.
_VIEWPORT: Final = ViewportSize(width=1440, height=900)
#: For an answer of the page while the machine does other work as well, milliseconds.
_PATIENCE_MS: Final = 60_000

#: `frames` holds when each frame began, milliseconds since the page was opened; `seen` when a text was first seen, a
#: frame late: by then it has been drawn.
_PROBE: Final = """
(() => {
  const probe = { frames: new Float64Array(200_000), count: 0, seen: [] }
  let [last, fresh] = ['', '']
  const text = (id) => document.getElementById(id)?.textContent ?? ''
  const frame = (now) => {
    probe.frames[probe.count % probe.frames.length] = now
    probe.count += 1
    if (fresh !== '') probe.seen.push([fresh, performance.timeOrigin + performance.now()])
    fresh = ''
    const shown = `${text('status-word')}|${text('scrub-tick')}`
    if (shown !== last && probe.seen.length < 20_000) fresh = shown
    last = shown
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
  globalThis.monitorProbe = probe
})()
"""
_READ_PROBE: Final = """
() => ({
  origin: performance.timeOrigin,
  frames: [...monitorProbe.frames.subarray(0, Math.min(monitorProbe.count, monitorProbe.frames.length))],
  seen: monitorProbe.seen,
})
"""
_FIRST_PAINT: Final = """
() => performance.getEntriesByName('first-contentful-paint').map((entry) => entry.startTime)[0] ?? null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Some time of a page on which something happened."""

    #: Milliseconds from each frame to the next.
    frames: tuple[float, ...]
    #: That the page's own thread computed, milliseconds.
    page_ms: float
    #: That all processes of the browser computed, milliseconds.
    browser_ms: float

    @property
    def fps(self) -> float:
        """Frames a second."""
        return 1000 * len(self.frames) / sum(self.frames) if self.frames else 0.0

    def frame_ms(self, share: float) -> float:
        """Return the time that so large a share of the frames keep, milliseconds."""
        ascending = sorted(self.frames)
        return ascending[min(len(ascending) - 1, int(len(ascending) * share))] if ascending else float("inf")

    def histogram(self) -> dict[str, float]:
        """Return which share of the frames took one, two, three and more beats of a screen of 60 Hz."""
        beats = [max(1, round(frame * 60 / 1000)) for frame in self.frames]
        counted = {str(number): beats.count(number) for number in (1, 2, 3)}
        counted["more"] = len(beats) - sum(counted.values())
        return {name: count / len(beats) if beats else 0.0 for name, count in counted.items()}

    @classmethod
    def joined(cls, stretches: list[Self]) -> Self:
        """Join several stretches of the same kind."""
        return cls(
            frames=tuple(frame for each in stretches for frame in each.frames),
            page_ms=sum(each.page_ms for each in stretches),
            browser_ms=sum(each.browser_ms for each in stretches),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heap:
    """What a page holds after everything was let go that can be, megabytes."""

    #: Objects of scripts.
    objects: float
    #: Columns of numbers, which lie beside them.
    columns: float


@dataclass(frozen=True, slots=True)
class Seen:
    """A text on the page."""

    word: str
    #: The number of the tick; 0 where none is shown.
    tick: int
    #: Unix seconds, by which it had been drawn.
    at: float


class WatchedPage:
    """One page and its probe."""

    def __init__(self, browser: Browser) -> None:
        self._all = browser.new_browser_cdp_session()
        self._context: BrowserContext = browser.new_context(viewport=_VIEWPORT)
        self._context.add_init_script(_PROBE)
        self.page: Page = self._context.new_page()
        self._own: CDPSession = self._context.new_cdp_session(self.page)
        # Processor time of the page's thread, not how long its tasks took: other programs compute as well.
        self._own.send("Performance.enable", {"timeDomain": "threadTicks"})
        self._marked = (0.0, 0.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._context.close()
        self._all.detach()

    def open(self, address: str, *, word: str) -> None:
        """Open a page and wait until it says how its session is."""
        self.page.goto(address)
        self.await_word(word)

    def await_word(self, word: str) -> None:
        """Wait until the page says so."""
        expect(self.page.locator("#status-word")).to_have_text(word, timeout=_PATIENCE_MS)

    def mark(self) -> None:
        """Begin to count processor time."""
        self._marked = (self._page_ms(), self._browser_ms())

    def stretch(self, *, since: float, until: float) -> Stretch:
        """Return what was between two moments, Unix seconds; processor time counts since the mark."""
        spent = (self._page_ms() - self._marked[0], self._browser_ms() - self._marked[1])
        found = self._probe()
        frames = [found["origin"] / 1000 + each / 1000 for each in found["frames"]]
        inside = [each for each in frames if since <= each <= until]
        lasted = tuple(1000 * (after - before) for before, after in pairwise(inside))
        return Stretch(frames=lasted, page_ms=spent[0], browser_ms=spent[1])

    def seen(self) -> list[Seen]:
        """Return what the page has said, in order."""
        return [_seen(text, at) for text, at in self._probe()["seen"]]

    def heap(self) -> Heap:
        """Measure the page's memory after what can be let go was let go."""
        for _ in range(3):
            # The first round runs finalizers, whose leavings the next one finds.
            self._own.send("HeapProfiler.collectGarbage")
        used = self._own.send("Runtime.getHeapUsage")
        return Heap(objects=used["usedSize"] / 1e6, columns=used["backingStorageSize"] / 1e6)

    def _probe(self) -> dict[str, Any]:
        found: dict[str, Any] = self.page.evaluate(_READ_PROBE)
        return found

    def _page_ms(self) -> float:
        metrics = self._own.send("Performance.getMetrics")["metrics"]
        return 1000 * next(float(one["value"]) for one in metrics if one["name"] == "TaskDuration")

    def _browser_ms(self) -> float:
        processes = self._all.send("SystemInfo.getProcessInfo")["processInfo"]
        return 1000 * sum(float(process["cpuTime"]) for process in processes)


def _seen(text: str, at: float) -> Seen:
    word, _, tick = text.partition("|")
    digits = tick.removeprefix("tick").replace(",", "").strip()
    return Seen(word=word, tick=int(digits) if digits.isdecimal() else 0, at=at / 1000)


@contextmanager
def started() -> Iterator[Browser]:
    """Start a headless Chromium that draws without a graphics card."""
    path = chromium.require()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=chromium.arguments())
        try:
            yield browser
        finally:
            browser.close()


def first_paint_seconds(browser: Browser, address: str, *, times: int) -> float:
    """Return how long a page takes to its first text or picture in a browser that has nothing of it yet: the median."""
    return statistics.median(_first_paint_ms(browser, address) for _ in range(times)) / 1000


def _first_paint_ms(browser: Browser, address: str) -> float:
    context = browser.new_context(viewport=_VIEWPORT)
    try:
        page = context.new_page()
        page.goto(address)
        for _ in range(100):
            painted: float | None = page.evaluate(_FIRST_PAINT)
            if painted is not None:
                return painted
            page.wait_for_timeout(20)
        raise ContestantFailed(f"{address} was not painted: {json.dumps(page.title())}")
    finally:
        context.close()
