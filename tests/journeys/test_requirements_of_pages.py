"""
Every page of the site: what no page may do, what every reader can reach, on one site that all these tests share.

Each test is named after the requirement of the monitor that it proves.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from strategies.templatetags import monitor
from tests.journeys import looking
from tests.journeys.conftest import Complaints
from tests.journeys.looking import PATIENCE, tab_to
from tests.journeys.running_site import ROOT, RunningSite

pytestmark = pytest.mark.browser

#: What axe finds by the rules of WCAG 2.2 A and AA, a line for each rule.
_VIOLATIONS = """async () => {
    const runOnly = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
    const { violations } = await axe.run(document, { runOnly })
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`) }"""
#: How often the page's clock is written within two and a half seconds.
_CHANGES = """() => new Promise((resolve) => {
    let count = 0
    const observer = new MutationObserver(() => { count += 1 })
    observer.observe(document.getElementById('figure-time'), { childList: true, characterData: true, subtree: true })
    setTimeout(() => resolve(count), 2500) })"""
_AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"


def _page_map(site: RunningSite) -> list[str]:
    """Every page that anybody may look at; "F" stands for the finished session."""
    both = f"s={site.finished_id}&s={site.finished_id}"
    session = [site.finished, f"{site.finished}?t=5532&node=put-re-entry&range=5000-6000&tab=events&tf=1m"]
    others = ["/", "/?state=completed&sort=pnl", f"/sessions/compare/?{both}", "/sessions/compare/"]
    return [*session, *others, "/strategies/rsi-breakout/", "/status/", "/help/", "/accounts/login/", "/nothing/"]


@pytest.fixture
def signed_in(browser: Browser, site: RunningSite) -> Iterator[BrowserContext]:
    """Yield a browser that somebody of the staff has signed in with."""
    context = browser.new_context()
    site.sign_in(context).close()
    yield context
    context.close()


def test_requirement_02_no_page_asks_another_server_or_breaks_the_policy(
    signed_in: BrowserContext, site: RunningSite
) -> None:
    found = Complaints()
    page = signed_in.new_page()
    found.watch(page, server=site.url)

    for path in [*_page_map(site), "/admin/", "/admin/strategies/backtestsession/", "/admin/auth/user/"]:
        answer = page.goto(f"{site.url}{path}")
        if path.startswith(site.finished):
            looking.await_moment(page)
        assert answer is not None
        if answer.status == 404:
            # The browser's own line about the status is no complaint of ours.
            found.console = [line for line in found.console if "404" not in line]
        assert found == Complaints(), path


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_requirement_21_axe_finds_nothing_on_any_page(
    browser: Browser, site: RunningSite, theme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=theme, viewport={"width": 1440, "height": 900})
    page = context.new_page()
    source = Path(_AXE).read_text()

    for path in _page_map(site):
        page.goto(f"{site.url}{path}")
        if path.startswith(site.finished):
            expect(page.locator("#session[data-exact=yes]")).to_be_attached(timeout=PATIENCE)
        page.evaluate(source)
        violations = page.evaluate(_VIOLATIONS)

        assert violations == [], path
    context.close()


def test_requirement_23_from_the_list_to_the_reason_of_a_loss_and_its_export_without_a_mouse(
    desk: Page, site: RunningSite
) -> None:
    desk.goto(f"{site.url}/")
    tab_to(desk, f"a[href='{site.finished}']")
    desk.keyboard.press("Enter")
    expect(desk.locator("#status-word")).to_have_text("Completed", timeout=PATIENCE)
    trades = site.read_of_finished("trades/?limit=1000")["results"]
    loss = min(trades, key=lambda trade: float(trade["pnl"]))
    exits = f"#trades tbody tr:has-text('{monitor.signed_money(loss['pnl'])}') td:nth-child(7) a"
    expect(desk.locator(exits)).to_have_text(monitor.clock(loss["exit_time"]), timeout=PATIENCE)

    tab_to(desk, exits)
    desk.keyboard.press("Enter")
    expect(desk.locator("#figure-time")).to_have_text(monitor.clock(loss["exit_time"]), timeout=PATIENCE)
    expect(desk.locator("#why-node")).to_have_value(loss["exit_reason"])
    desk.keyboard.press("g")
    expect(desk.locator(f".graph-node[data-node-id={loss['exit_reason']}]")).to_be_focused()
    tab_to(desk, ".graph-node[data-node-id=put-stop]", backwards=True)
    desk.keyboard.press("Enter")
    expect(desk.locator("#why-conditions .condition[data-verdict=true]").first).to_be_visible(timeout=PATIENCE)
    tab_to(desk, ".menu summary", backwards=True)
    desk.keyboard.press("Enter")
    tab_to(desk, "a[href$='trades.csv']")
    with desk.expect_download() as downloading:
        desk.keyboard.press("Enter")
    assert site.finished_id in downloading.value.suggested_filename


def test_requirement_25_little_motion_where_it_is_preferred(browser: Browser, site: RunningSite) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    looking.open_finished(page, f"{site.url}{site.finished}?t=100")

    page.keyboard.press("Space")
    expect(page.locator("#transport[data-mode=playing]")).to_be_attached(timeout=PATIENCE)
    changes = page.evaluate(_CHANGES)

    assert changes <= 4
    assert page.evaluate("document.getAnimations().length") == 0
    # What moves by itself can always be held (WCAG 2.2.2).
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#transport[data-mode=still]")).to_be_attached(timeout=PATIENCE)
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768])
def test_requirement_26_a_phone_shows_one_panel_at_a_time_and_the_transport_in_reach(
    browser: Browser, site: RunningSite, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 740}, has_touch=True)
    page = context.new_page()
    looking.open_finished(page, f"{site.url}{site.finished}?t=9300")

    for tab, panel in (
        ("Why?", "#why"),
        ("Graph", "#graph"),
        ("Trades", "#trades"),
        ("Events", "#node-events"),
        ("Chart", "#charts"),
    ):
        page.get_by_role("tab", name=tab).first.click()
        expect(page.locator(panel)).to_be_visible()
        shown = page.locator("#charts, #why, #graph, #positions, #trades, #node-events, #nodes").filter(visible=True)
        assert shown.count() == 1, tab
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0, tab
        play = page.locator("#play").bounding_box()
        assert play is not None
        assert play["y"] + play["height"] <= 740
    context.close()


def test_requirement_29_two_sessions_on_one_clock_and_where_they_part(desk: Page, site: RunningSite) -> None:
    one, other = site.run_two_that_part()
    desk.goto(f"{site.url}/sessions/compare/?s={one}&s={other}")

    chart = desk.locator("#compare-equity .chart-canvas")
    label = re.compile(r"^Total P&L: 09:19:59  A [+−][\d,.]+   B [+−][\d,.]+$")
    expect(chart).to_have_attribute("aria-label", label, timeout=PATIENCE)
    expect(desk.locator("#divergence")).to_contain_text("tick 102, node enter-2")
    chart.press("ArrowLeft")
    expect(desk.locator("#compare-equity .chart-readout")).to_contain_text("09:19:58")
    expect(desk.locator("#compare-difference .chart-readout")).to_have_text(re.compile(r"^09:19:58  B [+−][\d,.]+$"))
    expect(desk.locator("tr[data-kind=same]")).to_have_count(1)
    expect(desk.locator("td[data-best]").first).to_contain_text("best")
    desk.get_by_role("link", name="open at tick 102").last.click()
    expect(desk.locator("#scrub-tick")).to_have_text("tick 102", timeout=PATIENCE)
    expect(desk.locator("#why-node")).to_have_value("enter-2")
    expect(desk.locator("#why-conditions .operands")).to_have_text("24350.50 > 24355.00", timeout=PATIENCE)
