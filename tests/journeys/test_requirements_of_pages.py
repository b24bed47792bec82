"""
Every page of the site: what no page may do, what every reader can reach, on one site that all these tests share.

Each test is named after the requirement of the monitor that it proves.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from strategies.templatetags import monitor
from tests.journeys import looking
from tests.journeys.conftest import Complaints
from tests.journeys.looking import PATIENCE, tab_to
from tests.journeys.running_site import ROOT, RunningSite, comparison_of

pytestmark = pytest.mark.browser

_NOTE_VIOLATIONS = """
    window.violations = []
    document.addEventListener('securitypolicyviolation', (event) => {
        violations.push(`${event.violatedDirective}: ${event.blockedURI}`) })"""
#: Buttons, fields and links outside of sentences that are smaller than 24 by 24 pixels. WCAG 2.2, 2.5.8.
_SMALL_TARGETS = """() => [...document.querySelectorAll('button, select, input, summary, [role=button], [role=tab]')]
    .filter((node) => node.checkVisibility({ visibilityProperty: true }) && !node.closest('.visually-hidden'))
    .filter((node) => {
        const target = node.closest('label') ?? node
        const { width, height } = target.getBoundingClientRect()
        return width > 0 && (Math.round(width) < 24 || Math.round(height) < 24) })
    .map((node) => node.outerHTML.slice(0, 120))"""
#: The element that has the focus: whether a bar that sticks to the window covers all of it, and whether it is marked.
_FOCUS = """() => {
    const node = document.activeElement
    if (node === null || node === document.body) return null
    const { top, bottom, left, right } = node.getBoundingClientRect()
    const points = [0.1, 0.5, 0.9].flatMap((x) => [0.1, 0.5, 0.9].map((y) =>
        [left + (right - left) * x, top + (bottom - top) * y]))
    const isSeen = points.some(([x, y]) => {
        const found = document.elementFromPoint(x, y)
        return found !== null && (node.contains(found) || found.contains(node)) })
    const style = getComputedStyle(node)
    const shape = node.querySelector?.('.node-shape')
    const marked = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0)
        || (shape !== null && shape !== undefined && parseFloat(getComputedStyle(shape).strokeWidth) >= 3)
    return { name: node.outerHTML.slice(0, 90), hidden: !isSeen, marked } }"""
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


def _page_map(site: RunningSite, pair: tuple[str, str]) -> list[str]:
    """Every page that anybody may look at."""
    session = [site.finished, f"{site.finished}?t=5532&node=put-re-entry&range=5000-6000&tab=events&tf=1m"]
    lists = ["/", "/?q=nothing-is-like-this"]
    compared = [comparison_of(site.finished_id, *pair), "/sessions/compare/"]
    others = ["/strategies/rsi-breakout/", "/status/", "/help/", "/accounts/login/"]
    return [*session, *lists, *compared, *others, "/nothing/", "/api/docs/", "/admin/login/"]


#: Stands for the step from anybody to somebody of the staff.
_SIGN_IN: Final = "sign in"
_THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
#: What only the staff sees.
_OF_STAFF: Final = ("/", "/admin/", "/admin/strategies/backtestsession/", "/admin/auth/user/")


@pytest.fixture
def signed_in(browser: Browser, site: RunningSite) -> Iterator[BrowserContext]:
    """Yield a browser that somebody of the staff has signed in with."""
    context = browser.new_context()
    site.sign_in(context).close()
    yield context
    context.close()


def test_requirement_02_no_page_asks_another_server_or_breaks_the_policy(
    browser: Browser, signed_in: BrowserContext, site: RunningSite, pair: tuple[str, str], running_id: str
) -> None:
    anybody = browser.new_context()
    visits = [(anybody, path) for path in [*_page_map(site, pair), f"/sessions/{running_id}/"]]
    visits += [(signed_in, path) for path in [*_OF_STAFF, f"/sessions/{running_id}/", site.finished]]
    for context in (anybody, signed_in):
        context.add_init_script(_NOTE_VIOLATIONS)
    found = Complaints()
    pages = {context: context.new_page() for context in (anybody, signed_in)}
    for page in pages.values():
        found.watch(page, server=site.url)

    for context, path in visits:
        page = pages[context]
        answer = page.goto(f"{site.url}{path}")
        _await_drawn(page, site, path)
        assert answer is not None
        if answer.status == 404:
            # The browser's own line about the status is no complaint of ours.
            found.console = [line for line in found.console if "404" not in line]
        assert page.evaluate("violations") == [], path
        assert found == Complaints(), path
    anybody.close()


def test_requirement_03_without_scripts_everything_can_be_read(browser: Browser, site: RunningSite) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    session = site.read_of_finished("")
    trades = site.read_of_finished("trades/?limit=1000")["results"]
    final = site.read_of_finished(f"state/?tick={session['total_ticks']}")

    page.goto(f"{site.url}/")
    row = page.locator(f"tr[data-session-id='{site.finished_id}']")
    expect(row).to_contain_text("Completed")
    expect(row).to_contain_text(monitor.signed_money(session["result"]["net_pnl"]))
    row.get_by_role("link", name=site.finished_id).click()

    expect(page.locator("#status-word")).to_have_text("Completed")
    shown = looking.figures(page)
    assert shown == looking.figures_of(final)
    assert shown["total"] == monitor.signed_money(session["result"]["total_pnl"])
    assert looking.rows(page, "#trades") == looking.trade_rows(trades)
    events = final["diagnostics"]["events_history"].values()
    assert looking.rows(page, "#node-events") == [looking.event_row(event) for event in events][::-1]
    # The graph, each node in its final state by words, and the conditions of one that decides.
    fired = Counter(event["node_id"] for event in events)
    nodes = page.locator(".graph-node")
    assert nodes.count() == 16
    for node in nodes.all():
        times = fired[node.get_attribute("data-node-id") or ""]
        words = node.locator(".node-state").text_content() or ""
        assert words.endswith(f"×{times}") if times else words == "idle", words
    conditions = page.locator(".node[data-node-id=put-signal] .condition-text").all_inner_texts()
    assert "Current Time >= 09:17" in conditions
    expect(page.locator("#why-conditions .condition .operands")).not_to_have_count(0)
    expect(page.locator("#transport")).to_be_hidden()
    context.close()


def test_requirement_21_axe_finds_nothing_on_any_page(
    browser: Browser, site: RunningSite, pair: tuple[str, str], running_id: str
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    source = Path(_AXE).read_text()

    # Idle and running, as anybody and then as the staff, and each in both themes.
    visits = [*_page_map(site, pair), f"/sessions/{running_id}/", _SIGN_IN, *_OF_STAFF, f"/sessions/{running_id}/"]
    for path in visits:
        if path == _SIGN_IN:
            site.sign_in(context).close()
            continue
        page.goto(f"{site.url}{path}")
        _await_drawn(page, site, path)
        page.evaluate(source)
        for theme in _THEMES:
            page.emulate_media(color_scheme=theme)
            # Colours on their way from one theme to the other are of neither.
            page.wait_for_function("() => document.getAnimations().every((each) => !(each instanceof CSSTransition))")
            violations = page.evaluate(_VIOLATIONS)

            assert violations == [], f"{path} {theme}"
    context.close()


@pytest.mark.parametrize("width", [390, 1440])
def test_requirement_21_what_can_be_pressed_is_large_enough_and_never_focused_under_a_bar(
    browser: Browser, site: RunningSite, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    looking.open_finished(page, f"{site.url}{site.finished}?t=9300")

    small = page.evaluate(_SMALL_TARGETS)
    assert small == []
    seen = 0
    for _ in range(400):
        page.keyboard.press("Tab")
        place = page.evaluate(_FOCUS)
        if place is None:
            break
        seen += 1
        assert place["hidden"] is False, f"{place['name']} has the focus beneath a bar"
        assert place["marked"] is True, f"{place['name']} has the focus, and nothing shows it"
    else:
        raise AssertionError("Tab does not come to an end")
    assert seen > 30
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


def test_requirement_25_little_motion_where_it_is_preferred(
    browser: Browser, site: RunningSite, running_id: str
) -> None:
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

    # Live, twenty ticks a second are told once a second; and the same button holds them.
    page.goto(f"{site.url}/sessions/{running_id}/")
    expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    expect(page.locator("#charts[data-face=live]")).to_be_attached(timeout=PATIENCE)
    assert 1 <= page.evaluate(_CHANGES) <= 4
    assert page.evaluate("document.getAnimations().length") == 0
    page.get_by_role("button", name="Hold this moment").click()
    expect(page.locator("#session[data-following=no]")).to_be_attached(timeout=PATIENCE)
    looking.await_moment(page)
    held = page.inner_text("#figure-time")
    assert page.evaluate(_CHANGES) == 0
    assert page.inner_text("#figure-time") == held
    context.close()


def test_requirement_25_the_list_can_be_held_too(desk: Page, site: RunningSite, running_id: str) -> None:
    desk.goto(f"{site.url}/")
    tick = desk.locator(f".live-card[data-session-id='{running_id}'] .live-tick")
    before = tick.inner_text()
    expect(tick).not_to_have_text(before, timeout=PATIENCE)

    desk.get_by_role("button", name="Hold").click()
    expect(desk.locator("#list-freshness")).to_have_text(re.compile(r"^held, updated "))
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url))
    # The words about its age go on: two of them later nothing was asked.
    for _ in range(2):
        words = desk.inner_text("#list-freshness")
        expect(desk.locator("#list-freshness")).not_to_have_text(words, timeout=PATIENCE)
    assert asked == []
    desk.get_by_role("button", name="Hold").click()
    held = tick.inner_text()
    expect(tick).not_to_have_text(held, timeout=PATIENCE)


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


def test_requirement_29_two_sessions_on_one_clock_and_where_they_part(
    desk: Page, site: RunningSite, pair: tuple[str, str]
) -> None:
    asked: list[str] = []
    desk.on("request", lambda request: asked.append(request.url.removeprefix(site.url)))
    desk.goto(f"{site.url}{comparison_of(*pair)}")

    chart = desk.locator("#compare-equity .chart-canvas")
    label = re.compile(r"^Total P&L: 09:19:59  A [+−][\d,.]+   B [+−][\d,.]+$")
    expect(chart).to_have_attribute("aria-label", label, timeout=PATIENCE)
    expect(desk.locator("#divergence")).to_contain_text("tick 102, node enter-2")
    chart.press("ArrowLeft")
    expect(desk.locator("#compare-equity .chart-readout")).to_contain_text("09:19:58")
    expect(desk.locator("#compare-difference .chart-readout")).to_have_text(re.compile(r"^09:19:58  B [+−][\d,.]+$"))
    expect(desk.locator("tr[data-kind=same]")).to_have_count(1)
    expect(desk.locator("td[data-best]").first).to_contain_text("best")
    # One question for all of it, and no stream.
    assert [path for path in asked if "/api/" in path] == [f"/api{comparison_of(*pair)}"]
    differing = desk.get_by_role("table", name="Settings that are not the same in all sessions")
    expect(differing.locator("tr", has_text="24355")).to_have_count(1)
    desk.get_by_role("link", name="open at tick 102").last.click()
    expect(desk.locator("#scrub-tick")).to_have_text("tick 102", timeout=PATIENCE)
    expect(desk.locator("#why-node")).to_have_value("enter-2")
    expect(desk.locator("#why-conditions .operands")).to_have_text("24350.50 > 24355.00", timeout=PATIENCE)


def test_requirement_29_three_sessions_have_three_letters(desk: Page, site: RunningSite, pair: tuple[str, str]) -> None:
    desk.goto(f"{site.url}{comparison_of(*pair, site.finished_id)}")

    label = re.compile(r"A \S+   B \S+   C \S+$")
    expect(desk.locator("#compare-equity .chart-canvas")).to_have_attribute("aria-label", label, timeout=PATIENCE)
    expect(desk.locator(".compare-chip strong")).to_have_text(["A", "B", "C"])
    expect(desk.locator(".compare-kpis thead th")).to_have_count(4)


def _await_drawn(page: Page, site: RunningSite, path: str) -> None:
    """Wait until a page has drawn what its scripts draw."""
    if path.startswith(site.finished):
        looking.await_moment(page)
    elif path.startswith("/sessions/compare/?"):
        expect(page.locator("#compare-difference[data-face=live]")).to_be_attached(timeout=PATIENCE)
    elif path.startswith("/sessions/") and not path.startswith("/sessions/compare/"):
        expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    elif path == "/api/docs/":
        expect(page.locator(".opblock-summary-path").first).to_be_visible(timeout=PATIENCE)
