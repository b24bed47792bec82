"""The pictures of the documentation: which page each of them shows, and how one knows that the page has come there."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

from playwright.sync_api import Page, expect

from tests.journeys import looking
from tests.journeys.looking import PATIENCE

#: A chart that has its line says from when to when it goes; one that waits for its prices has at most one moment.
_HAS_A_LINE: Final = re.compile(r"(\d\d:\d\d:\d\d) to (?!\1)\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The pages of sessions that stand at a certain moment, on one site."""

    url: str
    #: Paths of sessions' pages.
    finished: str
    live: str
    failed: str
    #: Path of the page that compares the finished session with one that began to trade later.
    compare: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One picture of the documentation."""

    theme: Literal["light", "dark"]
    #: Brings a page to the scene and returns when it is there.
    go: Callable[[Page, Stage], None]
    #: CSS pixels.
    width: int = 1440
    height: int = 960
    #: Pixels of the picture for a CSS pixel.
    scale: int = 1


def _go_live(page: Page, stage: Stage) -> None:
    page.goto(stage.url + stage.live)
    expect(page.locator("#status-word")).to_have_text("Live", timeout=PATIENCE)
    expect(page.locator("#status-detail")).to_have_text(
        re.compile(r"^tick 1[45],\d\d\d / 22,351 · 13:\d\d:\d\d IST · [0-4]\.\d s ago$"), timeout=PATIENCE
    )
    expect(page.locator("#figure-open")).to_have_text("1")
    expect(page.locator("#figure-trades")).to_have_text("4")
    expect(page.locator("#leg-chart-1 .chart-note")).to_have_text("open", timeout=PATIENCE)
    expect(page.locator("#why-conditions .condition .since").first).to_have_text(
        re.compile(r"^since \d\d:\d\d:\d\d$"), timeout=PATIENCE
    )
    _await_lines(page)


def _go_to_replay(page: Page, stage: Stage) -> None:
    looking.open_finished(page, f"{stage.url}{stage.finished}?t=14700&node=call-target&tab=events&tf=1m")
    expect(page.locator("#transport[data-mode=still]")).to_be_visible()
    expect(page.locator("#session[data-following=no]")).to_be_attached()
    expect(page.locator("#scrub-tick")).to_have_text("tick 14,700")
    expect(page.locator("#figure-open")).to_have_text("1")
    expect(page.locator("#leg-chart-1 .chart-note")).to_have_text("open")
    expect(page.locator("#node-events")).to_be_visible()
    _await_lines(page)


def _go_to_why(page: Page, stage: Stage) -> None:
    looking.open_finished(page, f"{stage.url}{stage.finished}?t=312&node=put-signal")
    expect(page.locator("#figure-time")).to_have_text("09:20:13")
    miss = looking.condition(page, "TI.underlying_ltp")
    expect(miss.locator(".operands")).to_have_text("24265.40 > 24265.40")
    expect(miss.locator(".last-true")).to_have_text(re.compile(r"^last true \d\d:\d\d:\d\d$"), timeout=PATIENCE)
    expect(miss).to_be_in_viewport()
    _await_lines(page)


def _go_to_failed(page: Page, stage: Stage) -> None:
    page.goto(stage.url + stage.failed)
    expect(page.locator("#status-word")).to_have_text("Failed", timeout=PATIENCE)
    expect(page.locator(".failure")).to_contain_text("Failed at tick 10,209")
    expect(page.locator(".failure")).to_contain_text("5 workers died while they ran this session")
    expect(page.locator("#figure-open")).to_have_text("1", timeout=PATIENCE)
    looking.await_moment(page)
    _await_lines(page)


def _go_to_compare(page: Page, stage: Stage) -> None:
    page.goto(stage.url + stage.compare)
    label = re.compile(r"^Total P&L: 15:30:00  A [+−][\d,.]+   B [+−][\d,.]+$")
    expect(page.locator("#compare-equity .chart-canvas")).to_have_attribute("aria-label", label, timeout=PATIENCE)
    expect(page.locator("#divergence")).to_contain_text("tick 120, node Bearish breakout: condition 1 had another")
    expect(page.locator("tr[data-kind=missing]").first).to_be_attached()


def _go_to_sessions(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.url}/")
    card = page.locator(f".live-card:has(a[href='{stage.live}'])")
    expect(card.locator(".state")).to_have_text("Running")
    expect(card.locator(".spark-line")).to_have_attribute("d", re.compile(r"^M.+L"))
    for path, state in ((stage.finished, "Completed"), (stage.failed, "Failed")):
        expect(page.locator(f"#sessions tr:has(a[href='{path}']) .state")).to_have_text(state)
    expect(page.locator("#list-freshness")).to_have_text(re.compile("^updated "), timeout=PATIENCE)


def _go_to_phone(page: Page, stage: Stage) -> None:
    looking.open_finished(page, f"{stage.url}{stage.finished}?t=14700")
    expect(page.locator("#charts")).to_be_visible()
    expect(page.locator("#why")).to_be_hidden()
    expect(page.locator("#play")).to_be_in_viewport()
    _await_lines(page)


def _await_lines(page: Page) -> None:
    """Wait until every chart in sight has its line."""
    for canvas in page.locator(".chart-canvas").filter(visible=True).all():
        expect(canvas).to_have_attribute("aria-label", _HAS_A_LINE, timeout=PATIENCE)


#: By file name in docs/images.
PICTURES: Final[dict[str, Picture]] = {
    "live-run.png": Picture(theme="light", go=_go_live),
    "live-run-dark.png": Picture(theme="dark", go=_go_live),
    "replay.png": Picture(theme="dark", go=_go_to_replay),
    "why.png": Picture(theme="light", go=_go_to_why),
    "compare.png": Picture(theme="light", go=_go_to_compare),
    "failed-run.png": Picture(theme="light", go=_go_to_failed),
    "sessions.png": Picture(theme="light", go=_go_to_sessions, height=720),
    "phone.png": Picture(theme="light", go=_go_to_phone, width=390, height=844, scale=2),
}
