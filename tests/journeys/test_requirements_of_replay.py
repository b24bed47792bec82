"""
A finished session looked at, moment by moment, on one site that all these tests share.

Each test is named after the requirement of the monitor that it proves.
"""

import random
import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from strategies.templatetags import monitor
from tests.journeys import looking
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser

#: The first entry signal misses by nothing at all: 24,265.40 is not above 24,265.40.
_NEAR_MISS = 312


def test_requirement_07_and_13_every_moment_shows_what_the_books_say_to_the_cent(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}")
    chance = random.Random(7)
    ticks = [1, 422, 546, *(chance.randrange(1, 22_351) for _ in range(17)), 22_351]

    for tick in ticks:
        looking.go_to_tick(desk, tick)
        state = site.read_of_finished(f"state/?tick={tick}")

        assert looking.figures(desk) == looking.figures_of(state), f"tick {tick}"
        trades = [looking.trade_row(place, trade) for place, trade in enumerate(state["trades"]["trades"], start=1)]
        assert looking.rows(desk, "#trades") == trades[::-1], f"tick {tick}"
        events = state["diagnostics"]["events_history"].values()
        assert looking.rows(desk, "#node-events") == [looking.event_row(event) for event in events][::-1]
        assert len(looking.rows(desk, "#positions")) == len(state["diagnostics"]["current_state"]["open_positions"])


def test_requirement_13_playing_on_and_stepping_back_end_in_the_same_states(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?t=400")
    desk.get_by_role("button", name="600×").click()
    desk.keyboard.press("Space")
    expect(desk.locator("#transport[data-mode=playing]")).to_be_attached()
    expect(desk.locator("#figure-trades")).to_have_text("2", timeout=PATIENCE)

    desk.keyboard.press("Space")
    expect(desk.locator("#transport[data-mode=playing]")).not_to_be_attached()
    looking.await_moment(desk)
    tick = _tick(desk)
    for key, step in (("Shift+ArrowLeft", -60), ("ArrowLeft", -1), ("ArrowRight", 1), ("Shift+ArrowRight", 60)):
        desk.keyboard.press(key)
        tick += step
        expected = looking.figures_of(site.read_of_finished(f"state/?tick={tick}"))

        expect(desk.locator("#figure-time")).to_have_text(expected["time"], timeout=PATIENCE)
        looking.await_moment(desk)
        assert looking.figures(desk) == expected


def test_requirement_08_and_22_entries_and_exits_of_the_charts_are_those_of_the_books(
    desk: Page, site: RunningSite
) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}")
    trades = site.read_of_finished("trades/?limit=1000")["results"]
    desk.get_by_text("The charts as a table").click()
    desk.get_by_label("only entries and exits").check()

    words = {"square_off": "close of the day", "stop_loss": "stop", "take_profit": "target"}
    of_books = [(monitor.clock(trade["entry_time"]), f"entry {n}") for n, trade in enumerate(trades, 1)]
    of_books += [
        (monitor.clock(trade["exit_time"]), f"{words.get(trade['exit_type'], 'exit on a signal')} {n}")
        for n, trade in enumerate(trades, 1)
    ]

    expect(desk.locator("#chart-table-count")).to_have_text(f"rows 1 to {len(of_books)} of {len(of_books)}")
    table = looking.rows(desk, "#chart-table")
    assert sorted((row[0], row[3]) for row in table) == sorted(of_books)
    desk.get_by_label("only entries and exits").uncheck()
    expect(desk.locator("#chart-table-count")).to_have_text("rows 1 to 25 of 376")
    desk.locator("#chart-table-next").click()
    first = desk.locator("#chart-table tbody button").first
    expect(first).to_have_text("09:40:59")
    first.click()
    expect(desk.locator("#figure-time")).to_have_text("09:40:59", timeout=PATIENCE)


def test_requirement_09_one_moment_on_every_chart_graph_and_table(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?t=9300")

    desk.locator("#pnl-chart .chart-canvas").press("ArrowRight")
    looking.await_moment(desk)

    panels = ["#figures", "#graph", "#why", "#transport", "#price-chart .chart-canvas", "#pnl-chart .chart-canvas"]
    panels += ["#drawdown-chart .chart-canvas", "#leg-chart-1 .chart-canvas"]
    for panel in panels:
        expect(desk.locator(panel)).to_have_attribute("data-t", "11:50:59", timeout=PATIENCE)
    expect(desk.locator("#moment-announcement")).to_have_text(re.compile("^11:50:59, P&L "), timeout=PATIENCE)
    desk.locator("#price-chart .u-over").hover(position={"x": 90, "y": 40})
    times = {
        desk.locator(f"#{name}-chart .chart-canvas").get_attribute("data-t") for name in ("price", "pnl", "drawdown")
    }
    assert len(times) == 1
    assert times != {"11:50:59"}


def test_requirement_10_why_the_entry_did_not_fire_at_a_near_miss(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?t={_NEAR_MISS}&node=put-signal")

    missed = looking.condition(desk, "TI.underlying_ltp > Previous[TI.1m.High]")
    expect(missed.locator(".verdict")).to_have_text("False")
    expect(missed.locator(".operands")).to_have_text("24265.40 > 24265.40")
    expect(desk.locator("#why-sentence")).to_contain_text("first failing: Previous[TI.1m.rsi(14,close)] < 30")
    expect(looking.condition(desk, "Current Time >= 09:17").locator(".since")).to_have_text(
        "since 09:17:00", timeout=PATIENCE
    )
    blocking = desk.locator("#why-conditions .condition[data-blocking=yes]")
    expect(blocking.locator(".condition-text")).to_have_text("Previous[TI.1m.rsi(14,close)] < 30")
    why = site.read_of_finished(f"why/?node=put-signal&tick={_NEAR_MISS}")
    told = [
        [row.locator(part).text_content() for part in (".condition-text", ".operands", ".since")]
        for row in desk.locator("#why-conditions .condition").all()
    ]
    assert told == [
        [row["raw"], row["evaluated"], f"since {monitor.clock(row['since_time'])}"] for row in why["conditions"]
    ]
    expect(desk.locator("#why-parents")).to_have_text("Activated by Start (done)")


def test_requirement_11_a_range_is_explained_by_the_share_of_each_condition(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?node=put-signal")
    desk.locator("#explain-from").fill("09:16")
    desk.locator("#explain-to").fill("09:25:30")
    desk.get_by_role("button", name="Explain", exact=True).click()

    expect(desk.locator("#explain-words")).to_have_text(re.compile(r"^09:16:00 to 09:25:30 IST"), timeout=PATIENCE)
    answer = site.read_of_finished("explain/?from=09:16:00&to=09:25:30&day=2024-10-29")
    entries = [node for node in answer["nodes"] if node["node_type"] in ("EntrySignalNode", "ReEntrySignalNode")]
    assert [node["node_id"] for node in entries] == ["put-signal", "put-re-entry", "call-signal", "call-re-entry"]
    for node in entries:
        shown = desk.locator(f".explained[data-node-id={node['node_id']}]")
        reasons = sorted(node["reasons"].items(), key=lambda reason: -reason[1])
        expect(shown.locator(".share-percent")).to_have_text(
            [f"{100 * ticks / node['ticks']:.1f} %" for _, ticks in reasons]
        )
        expect(shown.locator(".share-words")).to_have_text(
            [reason.removeprefix("condition false: ") for reason, _ in reasons]
        )
    nearest = desk.locator(".explained[data-node-id=put-signal] .tick-link").first
    nearest.click()
    expect(desk).to_have_url(re.compile(r"[?&]t=\d+"))
    desk.get_by_role("button", name="Clear").click()
    expect(desk.locator(".explained")).to_have_count(0)


def test_requirement_12_a_node_says_its_state_and_opens_why(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?t=5532")
    node = desk.locator(".graph-node[data-node-id=put-re-entry]")

    expect(node.locator(".node-state")).to_have_text("active ×2")
    expect(node).to_have_attribute("aria-label", "Bullish breakout again active ×2, Re-entry signal, last at 10:37:43")
    state = site.read_of_finished("state/?tick=5532")["diagnostics"]
    active = desk.locator(".graph-node[data-status=active]").evaluate_all("nodes => nodes.map(n => n.dataset.nodeId)")
    assert sorted(active) == sorted(state["current_state"]["active_nodes"])
    node.click()
    expect(desk.locator("#why-node")).to_have_value("put-re-entry")
    desk.locator(".graph-node[data-node-id=call-stop]").press("Enter")
    expect(desk.locator("#why-node")).to_have_value("call-stop")
    expect(desk.locator(".graph-node[aria-pressed=true]")).to_have_attribute("data-node-id", "call-stop")


def test_requirement_14_keys_act_on_the_page_and_can_be_turned_off(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?t=1000")
    steps = {"ArrowLeft": 999, "Shift+ArrowRight": 1059, "ArrowRight": 1060, "Shift+ArrowLeft": 1000}
    for key, tick in steps.items():
        desk.keyboard.press(key)
        expect(desk.locator("#scrub-tick")).to_have_text(f"tick {monitor.count(tick)}")
    trades = site.read_of_finished("trades/?limit=1000")["results"]
    desk.keyboard.press("n")
    expect(desk.locator("#scrub-time")).to_have_text(monitor.clock(trades[1]["exit_time"]))
    desk.keyboard.press("p")
    desk.keyboard.press("p")
    expect(desk.locator("#scrub-time")).to_have_text(monitor.clock(trades[0]["exit_time"]))
    desk.keyboard.press("]")
    expect(desk.locator("button[data-speed='60']")).to_have_attribute("aria-pressed", "true")
    desk.keyboard.press("[")
    expect(desk.locator("button[data-speed='10']")).to_have_attribute("aria-pressed", "true")
    desk.keyboard.press("Space")
    expect(desk.locator("#transport[data-mode=playing]")).to_be_attached()
    desk.keyboard.press("l")
    expect(desk.locator("#scrub-tick")).to_have_text("tick 22,351")
    desk.keyboard.press("g")
    expect(desk.locator(".graph-node:focus")).to_have_count(1)
    desk.keyboard.press("/")
    expect(desk.locator("#events-text")).to_be_focused()
    desk.keyboard.type("nlp")
    expect(desk.locator("#events-text")).to_have_value("nlp")
    expect(desk.locator("#scrub-tick")).to_have_text("tick 22,351")
    desk.locator("#events-text").fill("")
    desk.locator("#main").focus()
    desk.keyboard.press("?")
    desk.get_by_label("Keys act on this page").uncheck()
    desk.keyboard.press("Escape")
    desk.locator("#main").focus()
    desk.keyboard.press("p")
    desk.keyboard.press("ArrowLeft")
    expect(desk.locator("#scrub-tick")).to_have_text("tick 22,351")
    # A chart that has the focus keeps its arrows: they are not a page's shortcut.
    desk.locator("#price-chart .chart-canvas").press("ArrowLeft")
    expect(desk.locator("#scrub-tick")).to_have_text("tick 22,350")


def test_requirement_19_one_panel_that_fails_leaves_the_others_live(page: Page, site: RunningSite) -> None:
    looking.open_finished(page, f"{site.url}{site.finished}")
    for path in ("state", "why", "explain", "events"):
        page.route(f"**/api/sessions/*/{path}/**", lambda route: route.fulfill(status=503, body="busy"))

    page.keyboard.press("ArrowLeft")
    page.locator("#explain-from").fill("09:20")
    page.locator("#explain-to").fill("09:30")
    page.get_by_role("button", name="Explain", exact=True).click()

    expect(page.locator("#transport-fault")).to_have_text(
        re.compile(r"This moment cannot be shown: .*503"), timeout=PATIENCE
    )
    expect(page.locator("#why-fault")).to_have_text(re.compile(r"cannot be read: .*503"), timeout=PATIENCE)
    expect(page.locator("#explain-words")).to_have_text(re.compile(r"cannot be explained: .*503"), timeout=PATIENCE)
    expect(page.locator("#price-chart .chart-canvas")).to_have_attribute("data-t", "15:29:59")
    page.unroute_all()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#figure-time")).to_have_text("15:29:58", timeout=PATIENCE)
    expect(page.locator("#transport-fault")).to_be_hidden()


def test_requirement_20_a_hundred_thousand_events_are_forty_rows_and_counted(desk: Page, site: RunningSite) -> None:
    state = site.read_of_finished("state/?tick=22000")
    record = next(iter(state["diagnostics"]["events_history"].values()))
    small: dict[str, Any] = {key: record[key] for key in ("node_name", "node_type", "timestamp", "tick")}
    kinds = ("EntryNode", "ExitNode")
    history = {
        str(n): {
            **small,
            "execution_id": str(n),
            "node_id": f"n{n % 9}",
            "node_type": kinds[n % 2],
            "signal_emitted": True,
        }
        for n in range(100_000)
    }
    state["diagnostics"]["events_history"] = history
    desk.route("**/state/?tick=22000*", lambda route: route.fulfill(json=state))
    # The stretch around the moment is of the real session; it stays empty here.
    desk.route("**/events/?from_tick=*", lambda route: route.fulfill(json={"events": []}))
    looking.open_finished(desk, f"{site.url}{site.finished}?t=22000&tab=events")

    expect(desk.locator("#node-events .count")).to_have_text("100,000", timeout=PATIENCE)
    expect(desk.locator("#node-events tbody tr")).to_have_count(40)
    desk.locator("#events-kind").select_option("ExitNode")
    expect(desk.locator("#node-events .count")).to_have_text("showing 50,000 of 100,000 (Exit)", timeout=PATIENCE)
    desk.locator("#node-events").get_by_role("button", name="Older").click()
    expect(desk.locator("#node-events .pages .muted")).to_have_text("41–80 of 50,000")
    expect(desk.locator("#node-events tbody tr")).to_have_count(40)
    assert desk.locator("#trades tbody tr").count() <= 40


def test_requirement_27_a_link_opens_the_same_view_elsewhere_and_back_goes_back(
    desk: Page, site: RunningSite, browser: Browser
) -> None:
    looking.open_finished(
        desk, f"{site.url}{site.finished}?t=5532&node=call-signal&range=5000-6000&tab=events&tf=1m&q=stop"
    )
    elsewhere = browser.new_context(timezone_id="America/New_York")
    page = elsewhere.new_page()

    looking.open_finished(page, desk.url)

    parts = [
        "#scrub-tick",
        "#why-sentence",
        "#range-words",
        "#figure-total",
        "#node-events tbody",
        "#node-events .count",
    ]
    for part in parts:
        expect(page.locator(part)).to_have_text(desk.locator(part).inner_text(), use_inner_text=True, timeout=PATIENCE)
    expect(page.locator("#node-events .count")).to_have_text(re.compile(r"^showing \d of \d+ \(“stop”\)$"))
    expect(page.locator("#session")).to_have_attribute("data-tab", "events")
    expect(page.locator("button[data-timeframe='1m']")).to_have_attribute("aria-pressed", "true")
    page.locator(".graph-node[data-node-id=put-stop]").click()
    expect(page.locator("#why-node")).to_have_value("put-stop")
    page.go_back()
    expect(page.locator("#why-node")).to_have_value("call-signal")
    elsewhere.close()


def test_requirement_28_the_charts_are_a_picture_that_is_named_after_the_session(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}")
    desk.get_by_text("Export", exact=True).click()

    with desk.expect_download() as downloading:
        desk.get_by_role("button", name="Charts, PNG").click()

    assert downloading.value.suggested_filename == f"{site.finished_id}-charts.png"
    picture = downloading.value.path().read_bytes()
    assert picture.startswith(b"\x89PNG\r\n")
    assert len(picture) > 20_000


def _tick(page: Page) -> int:
    return int(page.inner_text("#scrub-tick").removeprefix("tick ").replace(",", ""))
