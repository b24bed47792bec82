"""
A person watches a session: the live page in a real Chromium, while a real worker runs the sample day.

Proves what only a browser can show: that the page follows the stream (S8), ends with what the server's books say (S4),
works without scripts, comes back after a cut (S9), and keeps to the Content-Security-Policy.
"""

import re
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from strategies.models import BacktestSession
from strategies.templatetags import monitor
from tests.journeys import looking
from tests.journeys.conftest import Complaints
from tests.journeys.cuttable_line import CuttableLine

pytestmark = pytest.mark.browser

#: Milliseconds within which the sample day is over, on a slow and busy machine.
_DAY_MS = 120_000


def test_trades_arrive_live_and_the_end_is_what_the_books_say(
    watched_page: Page,
    complaints: Complaints,
    asgi_server: str,
    queue_sample_run: Callable[..., BacktestSession],
    run_worker_process: "subprocess.Popen[str]",
    read_api: Callable[[str], Any],
) -> None:
    session = queue_sample_run(pace="2500")
    page = watched_page

    page.goto(f"{asgi_server}/sessions/{session.session_id}/")
    expect(page.locator("#status-word")).to_have_text("Live", timeout=30_000)
    trade_counts = _values_until(page, "#trades .count", lambda: page.inner_text("#status-word") == "COMPLETED")

    # One by one, not all at the end.
    assert len(trade_counts) >= 6, trade_counts
    assert trade_counts == sorted(trade_counts, key=int)
    trades = read_api(f"/api/sessions/{session.session_id}/trades/?limit=1000")["results"]
    node_events = read_api(f"/api/sessions/{session.session_id}/node-events/?limit=1000")["results"]
    result = read_api(f"/api/sessions/{session.session_id}/")["result"]
    assert looking.rows(page, "#trades") == looking.trade_rows(trades)
    assert looking.rows(page, "#node-events") == [looking.event_row(event) for event in reversed(node_events)]
    assert page.inner_text("#figure-total") == monitor.signed_money(result["total_pnl"])
    assert page.inner_text("#figure-trades") == str(result["total_trades"])
    assert page.inner_text("#figure-win-rate") == f"{result['win_rate']} %"
    assert page.inner_text("#status-detail") == "tick 22,351 / 22,351"
    assert complaints == Complaints()


def test_the_charts_hold_the_whole_day_for_one_who_joins_late(
    watched_page: Page,
    complaints: Complaints,
    asgi_server: str,
    queue_sample_run: Callable[..., BacktestSession],
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    session = queue_sample_run(pace="2500")
    _wait_for_tick(session, 6_000)
    page = watched_page

    page.goto(f"{asgi_server}/sessions/{session.session_id}/")
    expect(page.locator("#status-word")).to_have_text("Completed", timeout=_DAY_MS)

    # The facts to which the sample day is calibrated: its first second, its low of 10:47 and its close.
    description = re.compile(r"NIFTY, 09:15:00 to 15:30:00 IST: low 24,140\.85, high 24,484\.50, last 24,454\.00")
    expect(page.locator("#price-chart .chart-canvas")).to_have_attribute("aria-label", description, timeout=10_000)
    page.focus("#price-chart .chart-canvas")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#price-chart .chart-readout")).to_contain_text("15:29:")
    expect(page.locator("#pnl-chart .chart-readout")).to_contain_text("15:29:")
    assert complaints == Complaints()


def test_without_scripts_a_finished_session_is_whole(
    browser: Browser,
    watched_page: Page,
    asgi_server: str,
    queue_sample_run: Callable[..., BacktestSession],
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    session = queue_sample_run(pace="max")
    address = f"{asgi_server}/sessions/{session.session_id}/"
    watched_page.goto(address)
    expect(watched_page.locator("#status-word")).to_have_text("Completed", timeout=_DAY_MS)
    plain = browser.new_context(java_script_enabled=False)

    page = plain.new_page()
    page.goto(address)

    # What the template writes is what the script would write: word for word.
    assert looking.rows(page, "#trades") == looking.rows(watched_page, "#trades")
    assert looking.rows(page, "#node-events") == looking.rows(watched_page, "#node-events")
    for figure in ("total", "realized", "unrealized", "open", "trades", "wins", "win-rate", "underlying", "time"):
        assert page.inner_text(f"#figure-{figure}") == watched_page.inner_text(f"#figure-{figure}")
    names = page.locator(".node .node-name").all_inner_texts()
    assert len(names) == 16
    assert names == watched_page.locator(".node .node-name").all_text_contents()
    expect(page.locator(".node[data-node-id=put-signal] .condition")).to_have_count(3)
    # The graph with its final states, and why: all of it without a script.
    states = page.locator(".graph-node .node-state").all_text_contents()
    assert states == watched_page.locator(".graph-node .node-state").all_text_contents()
    assert states.count("done ×5") == 2
    expect(page.locator("#why-conditions .condition")).to_have_count(3)
    expect(page.locator("#transport")).to_be_hidden()
    plain.close()


def test_every_node_says_why_it_has_not_fired(
    watched_page: Page,
    asgi_server: str,
    queue_sample_run: Callable[..., BacktestSession],
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    session = queue_sample_run(pace="20")
    page = watched_page

    page.goto(f"{asgi_server}/sessions/{session.session_id}/")

    # Before 09:17 the first condition of both entries stands in the way.
    first = page.locator(".node[data-status=active] .condition[data-blocking=yes]").first
    expect(first.locator(".verdict")).to_have_text("False", timeout=30_000)
    expect(first.locator(".condition-text")).to_have_text("Current Time >= 09:17")
    expect(first.locator(".operands")).to_have_text(re.compile(r"^09:1[56]:\d\d >= 09:17:00$"))
    page.get_by_role("tab", name="Nodes").last.click()
    page.click("button[data-node-filter=active]")
    expect(page.locator(".node[data-status=idle]").first).to_be_hidden()
    expect(page.locator("#nodes-count")).to_have_text(re.compile(r"^\d active of 16$"))


def test_a_line_that_is_cut_says_so_and_comes_back_without_a_gap(
    watched_page: Page,
    line: CuttableLine,
    queue_sample_run: Callable[..., BacktestSession],
    run_worker_process: "subprocess.Popen[str]",
    read_api: Callable[[str], Any],
) -> None:
    session = queue_sample_run(pace="2500")
    page = watched_page
    page.goto(f"{line.url}/sessions/{session.session_id}/")
    expect(page.locator("#status-word")).to_have_text("Live", timeout=30_000)

    line.cut()
    expect(page.locator("#status-word")).to_have_text("Offline", timeout=10_000)
    expect(page.locator("#status-detail")).to_have_text(re.compile(r"^next attempt in \d s · "))
    line.mend()
    page.click("#status-retry")

    expect(page.locator("#status-word")).to_have_text("Completed", timeout=_DAY_MS)
    trades = read_api(f"/api/sessions/{session.session_id}/trades/?limit=1000")["results"]
    assert looking.rows(page, "#trades") == looking.trade_rows(trades)
    expect(page.locator("#price-chart .chart-canvas")).to_have_attribute(
        "aria-label", re.compile("09:15:00 to 15:30:00 IST: low 24,140.85"), timeout=10_000
    )


def test_a_session_that_no_worker_has_taken_says_that_it_waits(
    watched_page: Page, complaints: Complaints, asgi_server: str, queue_sample_run: Callable[..., BacktestSession]
) -> None:
    session = queue_sample_run(pace="max")

    watched_page.goto(f"{asgi_server}/sessions/{session.session_id}/")

    expect(watched_page.locator("#status")).to_have_text(re.compile(r"Queued\s+waiting for a worker"), timeout=15_000)
    expect(watched_page.locator("#trades .empty")).to_be_visible()
    assert complaints == Complaints()


def _values_until(page: Page, selector: str, is_over: Callable[[], bool]) -> list[str]:
    """Collect the different texts of an element until something has happened."""
    values = [page.inner_text(selector)]
    deadline = time.monotonic() + _DAY_MS / 1000
    while not is_over():
        assert time.monotonic() < deadline, f"it did not end; {selector} showed {values}"
        if (value := page.inner_text(selector)) != values[-1]:
            values.append(value)
        page.wait_for_timeout(20)
    return values


def _wait_for_tick(session: BacktestSession, tick: int) -> None:
    deadline = time.monotonic() + _DAY_MS / 1000
    while session.ticks_done < tick:
        assert time.monotonic() < deadline, f"the session is still at tick {session.ticks_done}"
        time.sleep(0.05)
        session.refresh_from_db()
