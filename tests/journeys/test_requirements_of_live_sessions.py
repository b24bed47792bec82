"""
A session watched while it runs, on one site that all these tests share.

Each test is named after the requirement of the monitor that it proves.
"""

import re
import time
from contextlib import suppress
from itertools import pairwise

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect

from tests.journeys import looking
from tests.journeys.cuttable_line import CuttableLine
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser

#: A browser without a shared worker: its pages have connections of their own, and the test's clock is their only one.
_WITHOUT_WORKER = "delete window.SharedWorker"
#: The ids of all events that came, in order; a snapshot counts as the event that it stands for.
_NOTE_IDS = """
    window.received = []
    const ask = window.fetch
    window.fetch = async (...question) => {
        const answer = await ask(...question)
        if (!String(question[0]).endsWith('/stream') || answer.body === null) return answer
        const [own, pages] = answer.body.tee()
        void (async () => {
            let rest = ''
            try {
                for await (const text of own.pipeThrough(new TextDecoderStream())) {
                    const lines = (rest + text).split('\\n')
                    rest = lines.pop()
                    for (const line of lines) {
                        if (line.startsWith('id:')) received.push(Number(line.slice(3)))
                    }
                }
            } catch {
                // The line was cut.
            }
        })()
        return new Response(pages, answer)
    }"""
#: A viewer that missed so many events is given a snapshot in their place.
_BUFFER = 100
_LIVE = re.compile(r"^tick [\d,]+ / 22,351 · \d\d:\d\d:\d\d IST · [\d.]+ s ago$")


def test_requirement_16_and_17_the_line_says_live_offline_resumed(
    page: Page, site: RunningSite, site_line: CuttableLine, live_id: str
) -> None:
    page.goto(f"{site_line.url}/sessions/{live_id}/")
    expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    expect(page.locator("#status-detail")).to_have_text(_LIVE)

    site_line.cut()
    expect(page.locator("#status-word")).to_have_text("Offline", timeout=PATIENCE)
    expect(page.locator("#status-detail")).to_have_text(re.compile(r"^next attempt in \d+ s · The server"))
    site_line.mend()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#status-word")).to_have_text("Resumed", timeout=PATIENCE)
    expect(page.locator("#status-detail")).to_have_text(re.compile(r"^from tick [\d,]+ · tick "))
    expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    # No tick is missing and none came twice: what the page folded is what the server has of that moment.
    page.keyboard.press("Space")
    looking.await_moment(page)
    tick = int(page.inner_text("#scrub-tick").removeprefix("tick ").replace(",", ""))
    assert looking.figures(page) == looking.figures_of(site.read(f"/api/sessions/{live_id}/state/?tick={tick}"))
    page.get_by_role("button", name="Live").click()
    expect(page.locator("#session[data-following=yes]")).to_be_attached()


@pytest.mark.parametrize(
    ("pace", "is_long"), [("5", False), ("400", True)], ids=["within the buffer", "longer than the buffer"]
)
def test_requirement_16_a_server_that_is_killed_and_comes_back_costs_no_tick(
    browser: Browser, site: RunningSite, pace: str, is_long: bool
) -> None:
    session_id = site.queue(pace)
    context = browser.new_context()
    context.add_init_script(_WITHOUT_WORKER)
    context.add_init_script(_NOTE_IDS)
    page = context.new_page()
    with site.another_server() as server:
        page.goto(f"{server.url}/sessions/{session_id}/")
        expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)

        server.kill()
        expect(page.locator("#status-word")).to_have_text("Offline", timeout=PATIENCE)
        seen = page.evaluate("received.at(-1)")
        if is_long:
            _await_event(site, session_id, seen + _BUFFER + 1)
        server.start()
        with suppress(Error):
            # It may have come back by itself, and then there is no such button.
            page.get_by_role("button", name="Try now").click(timeout=1_000)
        if is_long:
            expect(page.locator("#afresh")).to_be_visible(timeout=PATIENCE)
            words = page.inner_text("#afresh-words")
            assert re.match(r"^Re-snapshotted: this page missed [\d,]+ events while the line was down", words), words
            missed = int(re.sub(r"\D", "", words))
            assert missed > _BUFFER
            expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
            # It stays until it is put away, whatever comes meanwhile.
            _await_page_event(page, seen + 2 * _BUFFER + missed)
            expect(page.locator("#afresh")).to_be_visible()
            page.get_by_role("button", name="Dismiss").click()
            expect(page.locator("#afresh")).to_be_hidden()
        else:
            expect(page.locator("#status-word")).to_have_text("Resumed", timeout=PATIENCE)
            expect(page.locator("#status-detail")).to_have_text(re.compile(r"^from tick [\d,]+ · tick "))
            expect(page.locator("#afresh")).to_be_hidden()
        site.cancel(session_id)
        expect(page.locator("#status-word")).to_have_text("Cancelled", timeout=PATIENCE)
        received, ticks = page.evaluate("received"), page.evaluate("backtest.ticks()")
        events = site.read(f"/api/sessions/{session_id}/")

    gaps = [(before, after) for before, after in pairwise(received) if after != before + 1]
    if is_long:
        # One leap, over what the snapshot holds; nothing else is missing, and nothing came twice.
        ((before, after),) = gaps
        assert before == seen
        assert after > seen + _BUFFER
    else:
        assert gaps == []
    # The charts have every tick of the day so far, whatever was missed.
    assert ticks == [1, events["ticks_done"]]
    context.close()


def test_requirement_17_a_silent_line_is_stale(
    browser: Browser, site: RunningSite, site_line: CuttableLine, live_id: str
) -> None:
    context = browser.new_context()
    context.add_init_script(_WITHOUT_WORKER)
    page = context.new_page()
    page.clock.install()
    page.goto(f"{site_line.url}/sessions/{live_id}/")
    expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)

    site_line.stall()
    page.clock.run_for(3_000)
    page.clock.fast_forward(36_000)
    page.clock.run_for(500)

    expect(page.locator("#status-word")).to_have_text("Stale", timeout=PATIENCE)
    expect(page.locator("#status-detail")).to_have_text(re.compile(r"^nothing for \d\d s · tick "))
    site_line.mend()
    context.close()


def test_requirement_18_ten_tabs_share_a_line_and_the_eleventh_loads(
    browser: Browser, site: RunningSite, live_id: str
) -> None:
    # Narrow, at the trades and with little motion: eleven tabs with charts would draw more than a small machine can.
    context = browser.new_context(viewport={"width": 800, "height": 600}, reduced_motion="reduce")
    address = f"{site.url}/sessions/{live_id}/?tab=trades"
    tabs = [context.new_page() for _ in range(10)]
    for tab in tabs:
        tab.goto(address)
    eleventh = context.new_page()
    eleventh.goto(address)

    # Six streams are all that a browser opens to a server: each of its own, the seventh tab would wait for ever.
    for tab in (*tabs, eleventh):
        expect(tab.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    # What each holds, not what it has painted: eleven pages draw more than a small machine can.
    before = {tab: tab.evaluate("backtest.tick()") for tab in (*tabs, eleventh)}
    for tab, tick in before.items():
        tab.wait_for_function("(tick) => backtest.tick() > tick", arg=tick, polling=100, timeout=PATIENCE)
    # The one that opened the line leaves; the others go on.
    tabs[0].close()
    shown = tabs[9].inner_text("#scrub-tick")
    expect(tabs[9].locator("#scrub-tick")).not_to_have_text(shown, timeout=PATIENCE)
    context.close()


def test_requirement_15_the_others_see_who_cancelled(browser: Browser, site: RunningSite) -> None:
    session_id = site.queue("20")
    address = f"{site.url}/sessions/{session_id}/"
    onlooker = browser.new_context().new_page()
    onlooker.goto(address)
    expect(onlooker.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    staff = browser.new_context()
    page = site.sign_in(staff)

    page.goto(address)
    page.get_by_role("button", name="Cancel").click()

    expect(onlooker.locator("#control-words")).to_have_text(
        re.compile(r"^(Cancelled by admin at|admin asked to cancel at) \d\d:\d\d:\d\d"), timeout=PATIENCE
    )
    expect(onlooker.locator("#status-word")).to_have_text("Cancelled", timeout=PATIENCE)
    expect(onlooker.locator("#control-words")).to_have_text(re.compile("^Cancelled by admin at"), timeout=PATIENCE)
    expect(onlooker.locator("#cancel-form")).to_have_count(0)
    _close(onlooker.context, staff)


def test_requirement_31_rows_and_cards_of_the_list_move_in_place(desk: Page, site: RunningSite, live_id: str) -> None:
    desk.goto(f"{site.url}/")
    card = desk.locator(f".live-card[data-session-id='{live_id}']")
    row = desk.locator(f"tr[data-session-id='{live_id}']")
    expect(row.locator(".state")).to_have_text(re.compile("Running"), timeout=PATIENCE)
    order = desk.locator("#sessions tr[data-session-id]").evaluate_all("rows => rows.map(r => r.dataset.sessionId)")

    percent = row.locator(".row-percent").inner_text()
    tick = card.locator(".live-tick").inner_text()
    expect(row.locator(".row-percent")).not_to_have_text(percent, timeout=PATIENCE)
    expect(card.locator(".live-tick")).not_to_have_text(tick, timeout=PATIENCE)
    site.cancel(live_id)
    expect(row.locator(".state")).to_have_text("Cancelled", timeout=PATIENCE)
    expect(card.locator(".state")).to_have_text("Cancelled", timeout=PATIENCE)
    after = desk.locator("#sessions tr[data-session-id]").evaluate_all("rows => rows.map(r => r.dataset.sessionId)")
    assert after == order


def _close(*contexts: BrowserContext) -> None:
    for context in contexts:
        context.close()


def _await_event(site: RunningSite, session_id: str, event_id: int) -> None:
    """Wait until the log holds an event; events are at least as many as ticks."""
    deadline = time.monotonic() + PATIENCE / 1000
    while (site.read(f"/api/sessions/{session_id}/")["ticks_done"] or 0) <= event_id:
        assert time.monotonic() < deadline, f"event {event_id} did not come"
        time.sleep(0.05)


def _await_page_event(page: Page, event_id: int) -> None:
    page.wait_for_function("(id) => received.at(-1) > id", arg=event_id, timeout=PATIENCE)
