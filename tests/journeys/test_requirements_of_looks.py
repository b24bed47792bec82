"""
What the pages look like: to eyes that see few colours, in both themes, on narrow screens, in other zones of time.

Pictures are compared within one run only; sheets of them are left in test-results/pictures for people. Each test is
named after the requirement of the monitor that it proves.
"""

import re
from collections.abc import Iterator
from itertools import combinations, pairwise
from typing import Any, Final, Literal

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from tests.journeys import appearance, looking
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite, comparison_of

pytestmark = pytest.mark.browser

Theme = Literal["light", "dark"]
THEMES: Final[tuple[Theme, Theme]] = ("light", "dark")
#: WCAG 2.2, success criteria 1.4.3 and 1.4.11.
_TEXT, _LINES = 4.5, 3.0
#: Shapes that share more than this much of their ink are hard to tell apart.
_APART = 0.25
#: The themes that are painted while a page is made, frame by frame.
_NOTE_THEMES = """
    window.painted = []
    const note = () => {
        if (document.documentElement !== null) painted.push(getComputedStyle(document.documentElement).colorScheme)
        if (document.readyState !== 'complete') requestAnimationFrame(note)
    }
    requestAnimationFrame(note)"""
#: Every text on a canvas, as the four sides of its box in the canvas' pixels.
_NOTE_TEXTS = """
    window.written = []
    const write = CanvasRenderingContext2D.prototype.fillText
    CanvasRenderingContext2D.prototype.fillText = function (text, x, y, ...rest) {
        if (text === '') return
        const box = this.measureText(text)
        const place = this.getTransform().transformPoint({ x, y })
        written.push({ text, chart: this.canvas.closest('figure')?.id ?? '',
            left: place.x - box.actualBoundingBoxLeft, right: place.x + box.actualBoundingBoxRight,
            top: place.y - box.actualBoundingBoxAscent, bottom: place.y + box.actualBoundingBoxDescent,
            width: this.canvas.width, height: this.canvas.height })
        return write.call(this, text, x, y, ...rest)
    }"""
_GRAPH_STATES: Final = ("idle", "active", "fired", "done", "failed", "disabled")
#: Colours of a node of the graph in each of its states, and of the graph's lines, as the browser computes them.
_GRAPH_COLOURS = """(states) => {
    const node = document.querySelector('.graph-node')
    const ground = getComputedStyle(node.closest('.panel')).backgroundColor
    const colour = (selector, property) => getComputedStyle(node.querySelector(selector))[property]
    const was = node.dataset.status
    node.setAttribute('aria-pressed', 'false')
    const found = states.map((state) => {
        node.dataset.status = state
        const mark = `.state-mark[data-mark=${state}]`
        return { state, fill: colour('.node-shape', 'fill'), outline: colour('.node-shape', 'stroke'),
            name: colour('.node-name', 'fill'), words: colour('.node-state', 'fill'), mark: colour(mark, 'stroke'),
            shown: [...node.querySelectorAll('.state-mark')].filter((each) => getComputedStyle(each).display !== 'none')
                .map((each) => each.dataset.mark) }
    })
    node.dataset.status = was
    const edge = document.querySelector('.graph-edge')
    return { ground, edge: getComputedStyle(edge).stroke, states: found } }"""
#: Lines and texts of the charts, as the canvas is given them.
_CHART_COLOURS = """() => {
    const probe = document.createElement('span')
    document.body.append(probe)
    const read = (name) => { probe.style.color = `var(--chart-${name})`; return getComputedStyle(probe).color }
    const found = Object.fromEntries(
        ['surface', 'text', 'axis', 'price', 'profit', 'loss', 'open', 'mark', 'range']
            .map((name) => [name, read(name)]))
    probe.remove()
    return found }"""
_TONES = """() => [...document.querySelectorAll('[data-tone=profit], [data-tone=loss]')]
    .map((node) => [node.dataset.tone, node.textContent.trim()]).filter(([, text]) => text !== '')"""


@pytest.fixture(params=THEMES)
def themed(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    """Yield a browser of each theme, its pictures in double resolution."""
    context = browser.new_context(
        color_scheme=request.param, viewport={"width": 1440, "height": 1000}, device_scale_factor=2
    )
    yield context
    context.close()


def test_requirement_08_entry_exit_stop_target_and_close_differ_by_shape(
    browser: Browser, themed: BrowserContext, site: RunningSite, pair: tuple[str, str]
) -> None:
    page = themed.new_page()
    _compare_one_of_each_kind(page, site, pair)
    sheet = appearance.Sheet(f"requirement-08-markers-{_theme(page)}", columns=1)
    canvas = page.locator("#compare-equity canvas")

    for deficiency in ("none", *appearance.COLOUR_BLINDNESS):
        with appearance.seen_with(page, deficiency):
            taken = appearance.take(canvas)
        sheet.add(deficiency, taken)
        entries, exits = _markers(appearance.pixels(page, taken))
        assert len(entries) == len(exits) == 4, deficiency
        kinds = dict(zip(("exit", "stop", "target", "close"), exits, strict=True)) | {"entry": entries[0]}
        for one, other in combinations(kinds, 2):
            apart = appearance.difference(appearance.shape(kinds[one]), appearance.shape(kinds[other]))
            assert apart > _APART, f"{one} and {other} look alike with {deficiency}: {apart:.2f}"
        for kind, picture in kinds.items():
            assert appearance.ink_contrast(picture) >= _LINES, f"{kind} is too pale with {deficiency}"
    sheet.write(browser)


def test_requirement_12_the_states_of_nodes_differ_by_mark(
    browser: Browser, themed: BrowserContext, site: RunningSite
) -> None:
    page = themed.new_page()
    events = [*site.read_of_finished("state/?tick=22000")["diagnostics"]["events_history"].values()]
    # Something has just completed, others completed before, others wait, and one never had a turn.
    tick = events[len(events) // 2]["tick"]
    looking.open_finished(page, f"{site.url}{site.finished}?t={tick}")
    sheet = appearance.Sheet(f"requirement-12-states-{_theme(page)}", columns=1)

    for deficiency in ("none", *appearance.COLOUR_BLINDNESS):
        with appearance.seen_with(page, deficiency):
            sheet.add(deficiency, appearance.take(page.locator("#graph")))
            marks = {
                state: appearance.pixels(page, _mark_of(page, state)) for state in ("idle", "active", "fired", "done")
            }
        for one, other in combinations(marks, 2):
            apart = appearance.difference(appearance.shape(marks[one]), appearance.shape(marks[other]))
            assert apart > _APART, f"{one} and {other} look alike with {deficiency}: {apart:.2f}"
    sheet.write(browser)


def test_requirement_24_lines_and_texts_stand_off_their_ground(themed: BrowserContext, site: RunningSite) -> None:
    page = themed.new_page()
    looking.open_finished(page, f"{site.url}{site.finished}?t=9300")

    chart = {name: _channels(colour) for name, colour in page.evaluate(_CHART_COLOURS).items()}
    surface = chart.pop("surface")
    for name, colour in chart.items():
        wanted = _TEXT if name in ("text", "axis") else _LINES
        assert appearance.contrast(colour, surface) >= wanted, f"{name} of the charts"
    # What is computed above is what is painted: the numbers beside the price.
    painted = appearance.pixels(page, appearance.take(page.locator("#price-chart canvas")))
    beside = painted[: int(painted.shape[0] * 0.8), : 2 * 40]
    assert appearance.ink_contrast(beside) >= _TEXT

    graph = page.evaluate(_GRAPH_COLOURS, _GRAPH_STATES)
    ground = _channels(graph["ground"])
    assert appearance.contrast(_channels(graph["edge"]), ground) >= _LINES
    for state in graph["states"]:
        fill = _channels(state["fill"])
        assert state["shown"] == [state["state"]]
        assert appearance.contrast(_channels(state["outline"]), ground) >= _LINES, state
        assert appearance.contrast(_channels(state["name"]), fill) >= _TEXT, state
        assert appearance.contrast(_channels(state["words"]), fill) >= _TEXT, state
        assert appearance.contrast(_channels(state["mark"]), fill) >= _LINES, state


def test_requirement_24_up_and_down_true_and_false_are_told_without_colour(
    browser: Browser, themed: BrowserContext, site: RunningSite, pair: tuple[str, str]
) -> None:
    page = themed.new_page()
    for path in (site.finished, "/", comparison_of(site.finished_id, *pair)):
        page.goto(f"{site.url}{path}")
        if path == site.finished:
            looking.await_moment(page)
        tones = page.evaluate(_TONES)
        assert {tone for tone, _ in tones}, path
        for tone, text in tones:
            assert text.startswith({"profit": "+", "loss": "−"}[tone]), f"{path}: {text}"

    looking.open_finished(page, f"{site.url}{site.finished}?t=312&node=put-signal")
    sheet = appearance.Sheet(f"requirement-24-colour-blind-{_theme(page)}")
    true = page.locator("#why-conditions .condition[data-verdict=true] .verdict").first
    false = page.locator("#why-conditions .condition[data-verdict=false] .verdict").first
    for deficiency in ("none", *appearance.COLOUR_BLINDNESS):
        with appearance.seen_with(page, deficiency):
            sheet.add(deficiency, appearance.take(page))
            seen = [appearance.pixels(page, appearance.take(verdict)) for verdict in (true, false)]
        assert appearance.difference(*(appearance.shape(picture) for picture in seen)) > _APART, deficiency
        # The criterion is about the page's own colours; whoever sees fewer still sees a letter.
        for picture in seen:
            assert appearance.ink_contrast(picture) >= (_TEXT if deficiency == "none" else _LINES), deficiency
    sheet.write(browser)


@pytest.mark.parametrize("system", THEMES)
def test_requirement_24_no_page_flashes_in_another_theme_than_the_chosen_one(
    browser: Browser, site: RunningSite, system: Theme
) -> None:
    context = browser.new_context(color_scheme=system)
    context.add_init_script(_NOTE_THEMES)
    page = context.new_page()
    page.goto(f"{site.url}/")
    button = page.get_by_role("button", name="Theme")

    for chosen, painted in (("system", "light dark"), ("light", "light"), ("dark", "dark")):
        expect(button).to_have_text(f"Theme: {chosen}")
        for path in ("/", site.finished, "/help/"):
            page.goto(f"{site.url}{path}", wait_until="load")
            seen = page.evaluate("painted")
            assert seen != []
            assert set(seen) == {painted}, f"{path} with {chosen}"
        dark = (system if chosen == "system" else chosen) == "dark"
        ground = _channels(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
        assert bool(appearance.luminance(ground) < 0.2) is dark
        button.click()
    context.close()


def test_requirement_26_no_page_scrolls_sideways_on_any_width(
    browser: Browser, site: RunningSite, pair: tuple[str, str]
) -> None:
    paths = [site.finished, "/", comparison_of(site.finished_id, *pair)]
    paths += ["/strategies/rsi-breakout/", "/status/", "/help/", "/accounts/login/", "/nothing/"]
    sheet = appearance.Sheet("requirement-26-phones", columns=8)
    context = browser.new_context(viewport={"width": 320, "height": 740}, has_touch=True)
    page = context.new_page()

    for path in paths:
        page.goto(f"{site.url}{path}")
        if path == site.finished:
            looking.await_moment(page)
        for width in (320, 390, 768):
            page.set_viewport_size({"width": width, "height": 740})
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{path} is {over} px wider than a screen of {width} px"
            if width == 320:
                sheet.add(path.replace(site.finished_id, "…"), appearance.take(page))
    context.close()
    sheet.write(browser)


def test_requirement_26_buttons_do_what_fingers_do_on_a_chart(browser: Browser, site: RunningSite) -> None:
    context = browser.new_context(viewport={"width": 320, "height": 740}, has_touch=True, is_mobile=True)
    page = context.new_page()
    looking.open_finished(page, f"{site.url}{site.finished}?t=9300")
    first_label = page.locator("#price-chart .chart-canvas")
    whole = appearance.take(first_label)
    seen = [whole]

    for name in ("Zoom in", "Zoom in", "Later", "Earlier", "Zoom out"):
        page.get_by_role("button", name=name, exact=True).tap()
        expect(page.locator("#charts")).to_have_attribute("data-zoomed", "yes")
        seen.append(appearance.take(first_label))

    assert all(one != other for one, other in pairwise(seen))
    # Later and Earlier, in and out, undo each other.
    assert seen[4] == seen[2]
    assert seen[5] == seen[1]
    page.get_by_role("button", name="Whole day").tap()
    expect(page.locator("#charts")).to_have_attribute("data-zoomed", "no")
    for name in ("Play", "One tick back", "One tick on", "Previous trade", "Next trade"):
        box = page.get_by_role("button", name=name, exact=True).bounding_box()
        assert box is not None
        # In the lower third, and as large as a thumb is sure of.
        assert box["y"] > 740 * 2 / 3
        assert box["y"] + box["height"] <= 740
        assert min(box["width"], box["height"]) >= 24
    before = looking.tick_of(page)
    page.get_by_role("button", name="One tick on", exact=True).tap()
    expect(page.locator("#scrub-tick")).to_have_text(f"tick {before + 1:,}", timeout=PATIENCE)
    context.close()


def test_requirement_30_exchange_time_in_any_zone_and_no_label_is_clipped(
    browser: Browser, site: RunningSite, pair: tuple[str, str]
) -> None:
    seen = []
    for zone, width in (("America/Los_Angeles", 1440), ("Asia/Kolkata", 768), ("Pacific/Auckland", 320)):
        context = browser.new_context(timezone_id=zone, viewport={"width": width, "height": 900})
        context.add_init_script(_NOTE_TEXTS)
        page = context.new_page()
        looking.open_finished(page, f"{site.url}{site.finished}?t=9300&node=put-signal")
        seen.append(
            (
                looking.figures(page)["time"],
                page.inner_text("#scrub-time"),
                page.locator("#node-events tbody tr").first.inner_text(),
                page.locator("#price-chart .chart-canvas").get_attribute("data-t"),
            )
        )
        label = page.locator("#price-chart .chart-canvas").get_attribute("aria-label") or ""
        assert "09:15:00 to 15:30:00 IST" in label
        assert "IST" in page.inner_text("#figures")
        texts = page.evaluate("written")
        page.goto(f"{site.url}{comparison_of(site.finished_id, *pair)}")
        expect(page.locator("#compare-difference[data-face=live]")).to_be_attached(timeout=PATIENCE)
        texts += page.evaluate("written")

        clipped = [text for text in texts if _is_clipped(text)]
        assert clipped == [], zone
        charts = {text["chart"] for text in texts}
        assert charts >= {"price-chart", "pnl-chart", "drawdown-chart", "compare-equity", "compare-difference"}
        # Five digits, which the library's own width would clip.
        assert any(re.fullmatch(r"2\d,\d{3}(\.\d\d)?", text["text"]) for text in texts)
        clocks = sorted({text["text"] for text in texts if re.fullmatch(r"\d\d:\d\d", text["text"])})
        # Labels of the exchange's day; those of any other zone would be hours away.
        assert "09:00" <= clocks[0] < clocks[-1] <= "16:00"
        context.close()

    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == seen[0][1] == seen[0][3]


def _compare_one_of_each_kind(page: Page, site: RunningSite, pair: tuple[str, str]) -> None:
    """Open the comparison with a flat line and four trades, one for each kind of exit, well apart."""
    address = comparison_of(*pair)
    document = site.read(f"/api{address}")
    start = 1_730_173_500
    template = document["trades"]["rows"][0]["trades"][0]
    trades = []
    for number, exit_type in enumerate(("signal", "stop_loss", "take_profit", "square_off")):
        entered, left = (start + 1_200 * number + offset for offset in (300, 900))
        clock = {"entry_time": entered, "exit_time": left}
        stamps = {name: _stamp(time) for name, time in clock.items()}
        trades.append({**template, **stamps, "exit_type": exit_type, "pnl": "10.00"})
    times = list(range(start, start + 5_100))
    flat: list[Any] = ["0.00"] * len(times)
    document["equity"] = {"time": times, "values": [flat, flat], "difference": [None, flat]}
    document["trades"]["rows"] = [{"trades": [trade, None]} for trade in trades]
    page.route("**/api/sessions/compare/**", lambda route: route.fulfill(json=document))
    page.goto(f"{site.url}{address}")
    expect(page.locator("#compare-equity[data-face=live]")).to_be_attached(timeout=PATIENCE)


def _stamp(unix_seconds: int) -> str:
    at = np.datetime64(unix_seconds + 19_800, "s")
    return f"{at}+05:30"


def _markers(picture: appearance.Pixels) -> tuple[list[appearance.Pixels], list[appearance.Pixels]]:
    """Cut the markers below and above the chart's flat line out of its picture, from left to right."""
    drawn = appearance.shape(picture)
    inside = drawn[:, 160:]
    line = int(inside.sum(axis=1).argmax())
    # A marker stands five pixels off the line and is nine high, here at double resolution; its number stands beyond.
    below, above = slice(line + 6, line + 32), slice(line - 32, line - 6)
    return _pieces(picture[below, 160:]), _pieces(picture[above, 160:])


def _pieces(strip: appearance.Pixels) -> list[appearance.Pixels]:
    columns = np.flatnonzero(appearance.shape(strip).any(axis=0))
    starts = np.flatnonzero(np.diff(columns, prepend=-100) > 12)
    pieces = []
    for number, start in enumerate(starts):
        end = starts[number + 1] - 1 if number + 1 < len(starts) else len(columns) - 1
        pieces.append(strip[:, max(0, columns[start] - 2) : columns[end] + 3])
    return pieces


def _mark_of(page: Page, state: str) -> bytes:
    node = page.locator(f".graph-node[data-status={state}][aria-pressed=false]").first
    mark: Locator = node.locator(f".state-mark[data-mark={state}]")
    box = mark.bounding_box()
    assert box is not None, f"no node is {state}"
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    clip = {"x": middle[0] - 8, "y": middle[1] - 8, "width": 16, "height": 16}
    return page.screenshot(clip={**clip}, animations="disabled")  # type: ignore[arg-type] # a FloatRect by its fields


def _is_clipped(text: dict[str, Any]) -> bool:
    """Tell whether the edge of its canvas cuts through a text; one that lies wholly outside is not written at all."""
    across = (text["left"] < 0 < text["right"]) or (text["left"] < text["width"] < text["right"])
    down = (text["top"] < 0 < text["bottom"]) or (text["top"] < text["height"] < text["bottom"])
    return bool(across or down)


def _theme(page: Page) -> str:
    return "dark" if page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches") else "light"


def _channels(colour: str) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Read "rgb(1, 2, 3)"."""
    found = [float(number) for number in re.findall(r"[\d.]+", colour)]
    assert len(found) == 3 or found[3] == 1, f"{colour} is see-through"
    return np.array(found[:3])
