"""
The panels of a session's page: what each says where it cannot show the whole truth, and how much it can hold.

Each test is named after the requirement of the monitor that it proves.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from strategies.models import BacktestSession
from tests.journeys import appearance, looking
from tests.journeys.conftest import Complaints
from tests.journeys.cuttable_line import CuttableLine
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser

#: Panels that show the moment which is looked at, and nothing else.
_OF_THE_MOMENT: Final = ("figures", "graph", "positions", "trades", "node-events", "nodes")
_PANELS: Final = (*_OF_THE_MOMENT, "charts", "why", "transport")
#: Panels that say in words of their own that there is nothing yet.
_BLANK: Final = ("positions", "trades", "node-events")
#: A browser without a shared worker: the stream is asked for by the page, where a test can stand in the way.
_WITHOUT_WORKER = "delete window.SharedWorker"


def test_requirement_19_every_panel_is_empty_before_the_first_tick(
    watched_page: Page, complaints: Complaints, asgi_server: str, queue_sample_run: Callable[..., BacktestSession]
) -> None:
    session = queue_sample_run(pace="max")

    watched_page.goto(f"{asgi_server}/sessions/{session.session_id}/")

    _expect_faces(watched_page, dict.fromkeys(_PANELS, "empty"))
    for panel in set(_PANELS) - {*_BLANK, "transport"}:
        expect(_note(watched_page, panel)).to_have_text("No tick yet.")
    for panel in _BLANK:
        # Not all of them are in sight at once: they are behind tabs.
        expect(watched_page.locator(f"#{panel} .empty")).not_to_have_attribute("hidden", "")
    assert complaints == Complaints()


def test_requirement_19_loading_error_forbidden_and_stale_are_said_by_every_panel(
    browser: Browser, site: RunningSite, running_id: str, site_line: CuttableLine
) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 1000})
    context.add_init_script(_WITHOUT_WORKER)
    page = context.new_page()
    sheet = appearance.Sheet("requirement-19-faces", columns=4)

    def hold(_route: Route) -> None:
        """Never answer."""

    answers: dict[str, tuple[str, Callable[[Route], object]]] = {
        "loading": ("Reading the session …", hold),
        "error": ("The server answered 503.", lambda route: route.fulfill(status=503)),
        "forbidden": ("You may not see this session", lambda route: route.fulfill(status=403)),
    }

    for face, (words, answer) in answers.items():
        page.route("**/stream", answer)
        page.goto(f"{site_line.url}/sessions/{running_id}/")
        _expect_faces(page, dict.fromkeys(_PANELS, face))
        for panel in _PANELS:
            expect(_note(page, panel)).to_contain_text(words)
        sheet.add(face, appearance.take(page))
        page.unroute_all()
    page.goto(f"{site_line.url}/sessions/{running_id}/")
    _expect_faces(page, {panel: re.compile("live|empty") for panel in _PANELS})
    site_line.cut()

    _expect_faces(page, dict.fromkeys(_PANELS, "stale"))
    for panel in _PANELS:
        expect(_note(page, panel)).to_contain_text("Not up to date: the line is")
    sheet.add("stale", appearance.take(page))
    site_line.mend()
    page.get_by_role("button", name="Try now").click()
    _expect_faces(page, {panel: re.compile("live|empty") for panel in _PANELS})
    context.close()
    sheet.write(browser)


@pytest.mark.parametrize(("status", "face"), [(503, "error"), (403, "forbidden")])
def test_requirement_19_an_endpoint_that_fails_is_said_by_its_panel_and_the_others_stay_live(
    page: Page, site: RunningSite, status: int, face: str
) -> None:
    looking.open_finished(page, f"{site.url}{site.finished}?t=9300&node=put-signal")
    live = dict.fromkeys(_PANELS, "live")
    _expect_faces(page, live)

    with _failing(page, "why", status):
        page.keyboard.press("ArrowLeft")
        expect(page.locator("#why-fault")).to_contain_text("cannot be read", timeout=PATIENCE)
        _expect_faces(page, live | {"why": face})
    with _failing(page, "explain", status):
        page.locator("#explain-from").fill("09:20")
        page.locator("#explain-to").fill("09:30")
        page.get_by_role("button", name="Explain", exact=True).click()
        expect(page.locator("#explain-words")).to_contain_text("cannot be explained", timeout=PATIENCE)
        expect(page.locator("#explain")).to_have_attribute("data-face", face)
        page.get_by_role("button", name="Clear").click()
    page.locator("#main").focus()
    page.keyboard.press("ArrowLeft")
    looking.await_moment(page)
    _expect_faces(page, live)
    with _failing(page, "state", status), _failing(page, "events", status):
        page.keyboard.press("n")
        expect(page.locator("#transport-fault")).to_contain_text("This moment cannot be shown", timeout=PATIENCE)
        # They say that they show another moment than the bar does; the charts have the whole day.
        of_moment = dict.fromkeys(_OF_THE_MOMENT, "stale" if face == "error" else "forbidden")
        _expect_faces(page, live | of_moment | {"transport": face, "why": of_moment["trades"]})
    page.keyboard.press("p")
    looking.await_moment(page)
    _expect_faces(page, live)
    with _failing(page, "series", status):
        page.goto(f"{site.url}{site.finished}?t=9300")
        looking.await_moment(page)
        expect(page.locator("#chart-fault")).to_be_visible(timeout=PATIENCE)
        _expect_faces(page, live | {"charts": face})


def test_requirement_19_comparison_and_list_say_that_they_cannot_be_read(
    page: Page, site: RunningSite, pair: tuple[str, str]
) -> None:
    page.route("**/api/sessions/compare/**", lambda route: route.fulfill(status=503))
    page.goto(f"{site.url}/sessions/compare/?s={pair[0]}&s={pair[1]}")
    for figure in ("equity", "difference"):
        chart = page.locator(f"#compare-{figure}")
        expect(chart).to_have_attribute("data-face", "error")
        expect(chart.locator(".chart-readout")).to_have_text("It cannot be drawn: The server answered 503.")
    expect(page.locator("tr[data-kind=same]")).to_have_count(1)

    page.goto(f"{site.url}/")
    expect(page.locator("#sessions")).to_have_attribute("data-face", "live", timeout=PATIENCE)
    page.route("**/api/sessions/live/", lambda route: route.fulfill(status=503))
    expect(page.locator("#sessions")).to_have_attribute("data-face", "error", timeout=PATIENCE)
    expect(page.locator("#list-freshness")).to_contain_text("not up to date: The server answered 503.")
    page.unroute_all()
    expect(page.locator("#sessions")).to_have_attribute("data-face", "live", timeout=PATIENCE)


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
    state["trades"]["trades"] = (state["trades"]["trades"] * 1_000)[:1_000]
    desk.route("**/state/?tick=22000*", lambda route: route.fulfill(json=state))
    # The stretch around the moment is of the real session; it stays empty here.
    desk.route("**/events/?from_tick=*", lambda route: route.fulfill(json={"events": []}))
    looking.open_finished(desk, f"{site.url}{site.finished}?t=22000&tab=events")

    expect(desk.locator("#node-events .count")).to_have_text("100,000", timeout=PATIENCE)
    expect(desk.locator("#node-events tbody tr")).to_have_count(40)
    # No kind is there that cannot be asked for, and what is not shown is counted.
    kinds = desk.locator("#events-kind option").evaluate_all("options => options.map((option) => option.value)")
    assert set(kinds) >= {record["node_type"] for record in history.values()}
    desk.locator("#events-kind").select_option("ExitNode")
    expect(desk.locator("#node-events .count")).to_have_text("showing 50,000 of 100,000 (Exit)", timeout=PATIENCE)
    desk.locator("#node-events").get_by_role("button", name="Older").click()
    expect(desk.locator("#node-events .pages .muted")).to_have_text("41–80 of 50,000")
    expect(desk.locator("#node-events tbody tr")).to_have_count(40)
    expect(desk.locator("#trades .count")).to_have_text("1,000")
    expect(desk.locator("#trades tbody tr")).to_have_count(40)


def test_requirement_20_every_event_of_a_real_day_is_counted_under_its_kind(desk: Page, site: RunningSite) -> None:
    looking.open_finished(desk, f"{site.url}{site.finished}?tab=events")
    events = site.read_of_finished("node-events/?limit=1000")
    count = desk.locator("#node-events .count")
    expect(count).to_have_text(str(events["count"]))

    kinds = desk.locator("#events-kind option").evaluate_all("options => options.map((option) => option.value)")
    shown = 0
    for kind in filter(None, kinds):
        of_kind = [event for event in events["results"] if event["node_type"] == kind]
        desk.locator("#events-kind").select_option(kind)
        expect(count).to_have_text(re.compile(rf"^showing {len(of_kind)} of {events['count']} \("))
        shown += len(of_kind)

    assert shown == events["count"]


def _expect_faces(page: Page, faces: dict[str, Any]) -> None:
    for panel, face in faces.items():
        expect(page.locator(f"#{panel}"), panel).to_have_attribute("data-face", face, timeout=PATIENCE)


def _note(page: Page, panel: str) -> Locator:
    if panel == "transport":
        return page.locator("#transport-fault")
    return page.locator("#figures + .face-note" if panel == "figures" else f"#{panel} > .face-note")


@contextmanager
def _failing(page: Page, endpoint: str, status: int) -> Iterator[None]:
    address = f"**/api/sessions/*/{endpoint}/**"
    page.route(address, lambda route: route.fulfill(status=status, body="no"))
    yield
    page.unroute(address)
