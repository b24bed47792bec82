"""
A session's page under a fast stream, and a list of very many sessions.

Each test is named after the requirement of the monitor that it proves. How fast the page is, the benchmark measures
(`python -m benchmarks.monitor`); here stands what makes it so, and what holds on any machine: no assertion looks at a
clock.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests import sessions
from tests.journeys import looking
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser

#: A whole day on a busy machine, milliseconds.
_DAY = 180_000
_TICKS = 22_351

#: Counts, frame by frame, who asked for a drawing and which charts were drawn; and every state that was to be seen.
_COUNTING = """
(() => {
  const counted = { frames: 0, most: 0, drawings: 0, seen: [] }
  const ask = globalThis.requestAnimationFrame.bind(globalThis)
  let asked = 0
  globalThis.requestAnimationFrame = (callback) => {
    asked += 1
    return ask(callback)
  }
  const drawn = new Set()
  const clear = CanvasRenderingContext2D.prototype.clearRect
  CanvasRenderingContext2D.prototype.clearRect = function (...box) {
    if (this.canvas.closest('.chart-canvas') !== null) drawn.add(this.canvas)
    return clear.apply(this, box)
  }
  let last = ''
  const text = (id) => document.getElementById(id)?.textContent ?? ''
  const frame = () => {
    counted.frames += 1
    counted.most = Math.max(counted.most, asked)
    counted.drawings += drawn.size
    asked = 0
    drawn.clear()
    const shown = `${text('status-word')}|${text('scrub-tick')}`
    if (shown !== last) counted.seen.push(shown)
    last = shown
    ask(frame)
  }
  ask(frame)
  globalThis.counted = counted
})()
"""
#: Keeps the page's only thread at work until its session has ended: whatever comes meanwhile has to wait.
_HELD_UNTIL_THE_END = """
(address) => {
  for (;;) {
    const request = new XMLHttpRequest()
    request.open('GET', address, false)
    request.send()
    if (JSON.parse(request.responseText).state === 'completed') return
  }
}
"""


def _shown(text: str) -> tuple[str, int]:
    word, _, tick = text.partition("|")
    digits = tick.removeprefix("tick").replace(",", "").strip()
    return word, int(digits) if digits else 0


def _assert_whole_day(page: Page, site: RunningSite, session_id: str) -> None:
    """Hold the page against the server's own account of the session."""
    looking.await_moment(page)
    expect(page.locator("#scrub-tick")).to_have_text("tick 22,351")
    expect(page.locator("#price-chart .chart-canvas")).to_have_attribute(
        "aria-label", re.compile("09:15:00 to 15:30:00"), timeout=looking.PATIENCE
    )
    state = site.read(f"/api/sessions/{session_id}/state/?tick={_TICKS}")
    assert looking.figures(page) == looking.figures_of(state)
    assert len(looking.rows(page, "#trades")) == len(state["trades"]["trades"])


def test_requirement_04_a_whole_day_at_2235_ticks_a_second_goes_through_one_loop(page: Page, site: RunningSite) -> None:
    page.add_init_script(_COUNTING)
    session_id = site.queue("2235")

    page.goto(f"{site.url}/sessions/{session_id}/")
    expect(page.locator("#status-word")).to_have_text("Completed", timeout=_DAY)

    counted: dict[str, Any] = page.evaluate("() => counted")
    # However many panels and ticks: one request for each frame, none for what would have to wait behind it.
    assert counted["most"] == 1
    # Charts take turns; those that were all drawn at once, for the end and for prices that were fetched, are the few.
    assert counted["drawings"] <= counted["frames"] + 60
    ticks = [tick for _, tick in map(_shown, counted["seen"])]
    assert ticks == sorted(ticks)
    # What was not drawn was skipped, not lost.
    assert len(ticks) < _TICKS
    _assert_whole_day(page, site, session_id)


def test_requirement_05_the_end_stands_there_before_a_backlog_is_drawn(page: Page, site: RunningSite) -> None:
    page.add_init_script(_COUNTING)
    session_id = site.queue("11000")
    page.goto(f"{site.url}/sessions/{session_id}/")
    expect(page.locator("#status-word")).to_have_text(re.compile("Live|Completed"), timeout=looking.PATIENCE)

    page.evaluate(_HELD_UNTIL_THE_END, f"{site.url}/api/sessions/{session_id}/")
    held_at = page.evaluate("() => counted.seen.length")
    expect(page.locator("#status-word")).to_have_text("Completed", timeout=looking.PATIENCE)
    looking.await_moment(page)

    seen = [_shown(text) for text in page.evaluate("() => counted.seen")]
    after = seen[held_at:]
    # Batches came for as long as the page was held; what they brought is not played back.
    assert len([word for word, _ in after if word != "Completed"]) <= 5
    assert after[-1] == ("Completed", _TICKS)
    _assert_whole_day(page, site, session_id)


def test_requirement_06_a_page_of_three_days_holds_no_more_than_one_of_a_day(
    browser: Browser, site: RunningSite
) -> None:
    # A strategy that does little: its trades and node events are the session's own record, and are to be kept.
    one, three = site.run_one_day_and_three()
    heaps = []
    for session_id, ticks in ((one, _TICKS), (three, 3 * _TICKS)):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"{site.url}/sessions/{session_id}/")
        expect(page.locator("#status-word")).to_have_text("Completed", timeout=_DAY)
        expect(page.locator("#scrub-tick")).to_have_text(f"tick {ticks:,}", timeout=looking.PATIENCE)
        looking.await_moment(page)
        heaps.append(_heap(context.new_cdp_session(page), page))
        context.close()

    assert heaps[1] <= 1.1 * heaps[0], heaps


def _heap(devtools: CDPSession, page: Page) -> float:
    """Return the bytes of the page's objects after all was let go that can be: the least of a few looks."""
    found = []
    for _ in range(5):
        devtools.send("HeapProfiler.collectGarbage")
        # What was found to be free is given back between two turns of the page's loop.
        page.wait_for_timeout(100)
        found.append(float(devtools.send("Runtime.getHeapUsage")["usedSize"]))
    return min(found)


def test_requirement_31_ten_thousand_sessions_are_paged_filtered_and_sorted_by_address(
    watched_page: Page,
    asgi_server: str,
    queue_sample_run: Callable[..., BacktestSession],
    settings: Settings,
) -> None:
    like = queue_sample_run(pace="max")
    sessions.store_finished(like, 10_000)
    page = watched_page
    rows = page.locator("#sessions tr[data-session-id]")

    def first() -> str | None:
        return rows.first.get_attribute("data-session-id")

    page.goto(f"{asgi_server}/")
    expect(rows).to_have_count(25)
    expect(page.locator(".page-head")).to_contain_text("10,001 in all")
    assert first() == "s-10000"
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(f"{asgi_server}/?page=2")
    assert first() == "s-9975"
    page.locator("#sessions th a.sort", has_text="P&L").click()
    expect(page).to_have_url(re.compile(r"sort=-?pnl"))
    sorted_by_profit = page.url

    page.goto(f"{asgi_server}/?state=failed&q=s-99")
    expect(page.locator(".page-head")).to_contain_text("showing 11 of 10,001")
    expect(rows).to_have_count(11)
    page.go_back()
    expect(page).to_have_url(sorted_by_profit)
    expect(rows).to_have_count(25)
