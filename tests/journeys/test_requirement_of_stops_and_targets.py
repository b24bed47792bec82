"""
Requirement 8: every entry, exit, stop and target is on the charts at its second, the same on run, replay and compare.

What the charts were given to draw is held against the trades and against the events of the stream. The session is one
of the sample day whose positions have stops, targets and trailing stops.
"""

import re
from datetime import datetime
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from strategies.templatetags import monitor
from tests.journeys import looking
from tests.journeys.looking import PATIENCE
from tests.journeys.running_site import RunningSite

pytestmark = pytest.mark.browser

Json = dict[str, Any]

KINDS = {
    "signal": "exit",
    "stop_loss": "stop",
    "trailing_stop": "stop",
    "take_profit": "target",
    "square_off": "close",
    "market_close": "close",
}
WORDS = {"stop_loss": "stop", "trailing_stop": "trailing stop", "take_profit": "target"}
FIELDS = {"stop": "stop_loss_price", "target": "take_profit_price", "trail": "trailing_stop_price"}
#: Ticks that the server gives the events of at once.
WINDOW = 600


@pytest.fixture(scope="module")
def guarded(site: RunningSite) -> str:
    """Return a finished session of a guarded strategy."""
    session_id = site.queue_guarded("max")
    site.await_state(session_id, "completed")
    return session_id


def test_requirement_08_markers_and_levels_of_a_replay_are_those_of_books_and_stream(
    desk: Page, site: RunningSite, guarded: str
) -> None:
    trades = trades_of(site, guarded)
    seconds = site.read(f"/api/sessions/{guarded}/series/")["columns"]["time"]
    by_kind = {trade["exit_type"]: trade for trade in trades}
    assert by_kind.keys() == {"signal", "stop_loss", "take_profit", "trailing_stop"}
    looking.open_finished(desk, f"{site.url}/sessions/{guarded}/")

    for exit_type, trade in by_kind.items():
        entry, exit_ = (seconds.index(second_of(trade[name])) + 1 for name in ("entry_time", "exit_time"))
        looking.go_to_tick(desk, exit_ - 1)
        wanted = steps_of(site, guarded, trade, range(entry, exit_ + 1))
        # The contract's prices and steps are asked for when its chart comes into sight.
        await_steps(desk, trade["symbol"], wanted)

        leg = model(desk, "leg-chart-1")
        assert steps(leg, trade) == wanted
        assert markers(leg) == expected_markers(trades, symbol=trade["symbol"])
        assert markers(model(desk, "price-chart")) == expected_markers(trades)
        state = site.read(f"/api/sessions/{guarded}/state/?tick={exit_ - 1}")
        [position] = state["diagnostics"]["current_state"]["open_positions"]
        [row] = looking.rows(desk, "#positions")
        assert row[6:8] == [monitor.stop(position), monitor.money(position["take_profit_price"])]
        if exit_type != "signal":
            # What stood in the tick before the exit is what decided it; the chart says so in words, too.
            level = position[f"{exit_type}_price"]
            assert level == trade["trigger_price"]
            words = re.compile(rf"Open position: .*{WORDS[exit_type]} {level}")
            expect(desk.locator("#leg-chart-1 .chart-canvas")).to_have_attribute("aria-label", words)


def test_requirement_08_markers_and_levels_of_a_live_run_are_those_of_the_replay(
    desk: Page, site: RunningSite, guarded: str
) -> None:
    session_id = site.queue_guarded("1500")
    desk.goto(f"{site.url}/sessions/{session_id}/")

    expect(desk.locator("#status-word")).to_have_text("Completed", timeout=4 * PATIENCE)

    trades = trades_of(site, session_id)
    last = trades[-1]
    seconds = site.read(f"/api/sessions/{session_id}/series/")["columns"]["time"]
    entry, exit_ = (seconds.index(second_of(last[name])) + 1 for name in ("entry_time", "exit_time"))
    wanted = steps_of(site, guarded, last, range(entry, exit_ + 1))
    await_steps(desk, last["symbol"], wanted)
    leg = model(desk, "leg-chart-1")
    assert steps(leg, last) == wanted
    assert markers(leg) == expected_markers(trades, symbol=last["symbol"])
    for chart in ("price-chart", "pnl-chart"):
        assert markers(model(desk, chart)) == expected_markers(trades_of(site, guarded))


def test_requirement_08_compare_marks_what_decided_each_exit(desk: Page, site: RunningSite, guarded: str) -> None:
    both = (site.finished_id, guarded)
    desk.goto(f"{site.url}/sessions/compare/?s={both[0]}&s={both[1]}")
    expect(desk.locator("#compare-equity .chart-readout")).to_contain_text("15:30:00", timeout=PATIENCE)

    found = model(desk, "compare-equity")

    assert [markers(each) for each in found] == [expected_markers(trades_of(site, each)) for each in both]
    words = desk.locator("tr[data-kind]").all_inner_texts()
    for kind in ("exit signal", "stop", "trailing stop", "target", "square-off"):
        assert any(f", {kind}" in text for text in words), kind


def trades_of(site: RunningSite, session_id: str) -> list[Json]:
    found: list[Json] = site.read(f"/api/sessions/{session_id}/trades/?limit=1000")["results"]
    return found


def model(page: Page, figure: str) -> Any:  # noqa: ANN401 - one model, or a list of them
    """Read what a chart was given to draw."""
    return page.evaluate("(id) => JSON.parse(JSON.stringify(document.getElementById(id).chartModel()))", figure)


def markers(found: Json) -> list[tuple[int, str, str, float]]:
    return sorted((each["time"], each["kind"], each["label"], each["price"]) for each in found["markers"])


def expected_markers(trades: list[Json], *, symbol: str | None = None) -> list[tuple[int, str, str, float]]:
    found = []
    for number, trade in enumerate(trades, start=1):
        if symbol in (None, trade["symbol"]):
            found.append((second_of(trade["entry_time"]), "entry", str(number), float(trade["entry_price"])))
            kind = KINDS[trade["exit_type"]]
            found.append((second_of(trade["exit_time"]), kind, str(number), float(trade["exit_price"])))
    return sorted(found)


def steps(found: Json, trade: Json) -> Json:
    """Read the steps of a trade's guards off a chart's model, by kind: second and price; None where there is none."""
    start = second_of(trade["entry_time"])
    return {
        each["kind"]: [list(step) for step in zip(each["steps"]["times"], each["steps"]["prices"], strict=True)]
        for each in found["levels"]
        if each["kind"] in FIELDS and each["start"] == start
    }


def steps_of(site: RunningSite, session_id: str, trade: Json, ticks: range) -> Json:
    """Work the steps of a trade's guards out of every tick that the stream told from its entry to its exit."""
    found: dict[str, list[list[Any]]] = {kind: [] for kind in FIELDS}
    entered = second_of(trade["entry_time"])
    for begin in range(ticks.start, ticks.stop, WINDOW):
        end = min(begin + WINDOW, ticks.stop) - 1
        events = site.read(f"/api/sessions/{session_id}/events/?from_tick={begin}&to_tick={end}")["events"]
        for tick in (event["data"] for event in events if event["event"] == "tick_update"):
            mine = [each for each in tick["open_positions"] if second_of(each["entry_time"]) == entered]
            for kind, field in FIELDS.items():
                price = float(mine[0][field]) if mine and mine[0][field] is not None else None
                if price != (found[kind][-1][1] if found[kind] else None):
                    found[kind].append([second_of(tick["timestamp"]), price])
    return {kind: each for kind, each in found.items() if each}


def await_steps(page: Page, symbol: str, wanted: Json) -> None:
    """Wait until the first contract's chart is that of a symbol and has so many steps of its guards."""
    expect(page.locator("#leg-chart-1 .chart-title")).to_have_text(monitor.contract(symbol), timeout=PATIENCE)
    page.wait_for_function(
        """([kinds, count]) => {
             const { levels } = document.getElementById('leg-chart-1').chartModel()
             return levels.some(({ kind, steps }) => kinds.includes(kind) && steps.times.length >= count)
           }""",
        arg=[list(FIELDS), max(map(len, wanted.values()))],
        timeout=PATIENCE,
    )


def second_of(timestamp: str) -> int:
    return int(datetime.fromisoformat(timestamp).timestamp())
