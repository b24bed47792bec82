"""
The tutorial's first page, walked as it is written: on a live run, by keyboard alone.

Whatever the page says in figures is read off the site here and must stand in the tutorial; and the tutorial's walk must
name no figure that was not seen.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.journeys import looking
from tests.journeys.looking import PATIENCE, assert_focus_is_seen, tab_to
from tests.journeys.running_site import ROOT, RunningSite

pytestmark = pytest.mark.browser

_TUTORIAL = ROOT / "docs" / "tutorial" / "watch-a-run.md"
#: A time of day, money with its sign, both sides of a comparison of prices.
_FACT = re.compile(r"\d+\.\d\d [<>]=? \d+\.\d\d|\d\d:\d\d(?::\d\d)?|[+−][\d,]+\.\d\d")
_CLOCK = re.compile(r"^\d\d:\d\d:\d\d$")


@pytest.fixture
def live(site: RunningSite) -> Iterator[str]:
    """Yield the path of a run that is live, three times as fast as ./run has it."""
    session_id = site.queue("300")
    yield f"/sessions/{session_id}/"
    site.cancel(session_id)


def facts_of_the_tutorial() -> set[str]:
    """Return the figures that the tutorial's walk names."""
    walk = _TUTORIAL.read_text().partition("\n## Find out why")[2].partition("\n## ")[0]
    return set(_FACT.findall(walk))


def test_a_newcomer_walks_the_tutorial_by_keyboard_and_finds_its_very_figures(
    desk: Page, site: RunningSite, live: str
) -> None:
    seen: set[str] = set()
    press, write = desk.keyboard.press, desk.keyboard.type

    def note(place: Locator) -> str:
        text = place.inner_text().strip()
        seen.update(_FACT.findall(text))
        return text

    def ask(time_from: str, time_to: str) -> None:
        tab_to(desk, "#explain-from")
        write(time_from)
        press("Tab")
        write(time_to)
        press("Enter")
        seen.update((time_from, time_to))

    # 1. Open it, and see that it is live.
    desk.goto(f"{site.url}/")
    tab_to(desk, f"#sessions a[href='{live}']")
    press("Enter")
    expect(desk.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    expect(desk.locator("#scrub-tick")).to_have_text(re.compile(r"^tick ([2-9]|\d\d),\d{3}$"), timeout=PATIENCE)

    # 2. Ask why nothing was sold in the first minutes, and look at the nearest miss.
    press("w")
    assert_focus_is_seen(desk.locator("#why .why-body"))
    ask("09:17", "09:22")
    entry = desk.locator("#explain-list [data-node-id=put-signal]")
    expect(entry.locator(".explained-head")).to_have_text("Bullish breakoutdid not fire", timeout=PATIENCE)
    nearest = "#explain-list [data-node-id=put-signal] a[href*='t=312&']"
    tab_to(desk, nearest)
    note(desk.locator(nearest))
    press("Enter")
    expect(desk.locator("#figure-time")).to_have_text("09:20:13", timeout=PATIENCE)
    expect(desk.locator("#why-node")).to_have_value("put-signal")
    looking.await_moment(desk)
    failing = desk.locator("#why-conditions .condition[data-verdict=false]")
    expect(failing).to_have_count(2)
    assert {note(row.locator(".operands")) for row in failing.all()} == {"30.13 < 30.00", "24265.40 > 24265.40"}

    # 3. Go on to the entry.
    press("n")
    expect(desk.locator("#figure-time")).not_to_have_text("09:20:13")
    looking.await_moment(desk)
    note(desk.locator("#figure-time"))
    expect(desk.locator("#why-conditions .condition[data-verdict=true]")).to_have_count(3)
    expect(desk.locator("#figure-open")).to_have_text("1")

    # 4. Back to the newest, and to the loss.
    press("l")
    expect(desk.locator("#session[data-following=yes]")).to_be_attached()
    press("t")
    assert_focus_is_seen(desk.locator("#trades .table-scroll"))
    losses = {row[8]: row[6] for row in looking.rows(desk, "#trades") if row[8].startswith("−")}
    worst = max(losses, key=lambda money: float(money[1:].replace(",", "")))
    exited = f"#trades tbody tr:has-text('{worst}') td:nth-child(7) a"
    note(desk.locator("#trades tbody tr").filter(has_text=worst).locator("td.result"))
    tab_to(desk, exited)
    press("Enter")
    expect(desk.locator("#figure-time")).to_have_text(note(desk.locator(exited)), timeout=PATIENCE)
    looking.await_moment(desk)

    # 5. Why was it closed?
    press("w")
    tab_to(desk, "#why-parents a")
    expect(desk.locator("#why-parents a")).to_have_text("Put stop")
    press("Enter")
    expect(desk.locator("#why-node")).to_have_value("put-stop")
    expect(desk.locator("#why-conditions .condition[data-verdict=true]")).to_have_count(2, timeout=PATIENCE)
    for row in desk.locator("#why-conditions .condition").all():
        note(row.locator(".operands"))
    assert_focus_is_seen(desk.locator("#why .why-body"))

    # 6. Play its exit again.
    press("Shift+ArrowLeft")
    expect(desk.locator("#figure-open")).to_have_text("1", timeout=PATIENCE)
    looking.await_moment(desk)
    assert _CLOCK.match(note(desk.locator("#figure-time")))
    press("]")
    expect(desk.locator(".speeds button[aria-pressed=true]")).to_have_text("60×")
    press("Space")
    expect(desk.locator("#transport[data-mode=playing]")).to_be_attached(timeout=PATIENCE)
    expect(desk.locator("#figure-open")).to_have_text("0", timeout=PATIENCE)
    press("Space")
    expect(desk.locator("#transport[data-mode=still]")).to_be_attached()

    # 7. Take it along.
    press("e")
    export = desk.locator(".menu-list a[href$='trades.csv']")
    assert_focus_is_seen(export)
    with desk.expect_download() as downloading:
        press("Enter")
    trades = list(csv.DictReader(downloading.value.path().read_text().splitlines()))
    assert [trade["exit_reason"] for trade in trades if trade["pnl"] == worst.replace("−", "-").replace(",", "")] == [
        "put-stop-exit"
    ]
    press("Escape")
    assert_focus_is_seen(desk.locator(".menu summary"))

    assert facts_of_the_tutorial() == seen
