"""What the browser tests read off a session's page, and how they move it to a moment."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import Any

from playwright.sync_api import Locator, Page, expect

from strategies.templatetags import monitor

#: Inside the window, and not below the bars at its top and its bottom.
_IS_IN_SIGHT = """(node) => {
    const { top, bottom, left, width, height } = node.getBoundingClientRect()
    return top >= 0 && bottom <= innerHeight
        && node.contains(document.elementFromPoint(left + width / 2, top + height / 2)) }"""
_EXCHANGE = timezone(timedelta(hours=5, minutes=30))
#: Milliseconds for one answer of the server and its drawing, on a busy machine.
PATIENCE = 30_000
#: A ring around it, or a thick outline where a node of the graph has the focus.
_IS_RINGED = """(node) => {
    const ring = getComputedStyle(node)
    const shape = node.querySelector(':scope > .node-shape')
    return node.matches(':focus-visible') && (shape === null
        ? ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) >= 2
        : parseFloat(getComputedStyle(shape).strokeWidth) >= 3) }"""


def open_finished(page: Page, address: str) -> None:
    """Open a finished session's page and wait until it shows the moment that the address asks for."""
    page.goto(address)
    expect(page.locator("#status-word")).to_have_text("Completed", timeout=PATIENCE)
    expect(page.locator("#price-chart .chart-canvas")).to_have_attribute(
        "aria-label", re.compile("09:15:00 to 15:30:00"), timeout=PATIENCE
    )
    await_moment(page)


def await_moment(page: Page) -> None:
    """Wait until every panel shows the moment that is looked at."""
    expect(page.locator("#session[data-exact=yes]")).to_be_attached(timeout=PATIENCE)


def tab_to(page: Page, selector: str, *, backwards: bool = False) -> None:
    """Press Tab until an element has the focus, which must then be seen."""
    wanted = page.locator(selector)
    for _ in range(150):
        page.keyboard.press("Shift+Tab" if backwards else "Tab")
        if wanted.evaluate("(node) => node === document.activeElement"):
            assert_focus_is_seen(wanted)
            return
    raise AssertionError(f"{selector} is not reached by Tab")


def assert_focus_is_seen(wanted: Locator) -> None:
    """Make sure that an element has the focus, lies in the window and shows that it has it."""
    expect(wanted).to_be_focused()
    assert wanted.evaluate(_IS_IN_SIGHT), f"{wanted} has the focus and is hidden"
    assert wanted.evaluate(_IS_RINGED), f"{wanted} has the focus and does not show it"


def go_to_tick(page: Page, tick: int) -> None:
    """Drag the bar to a tick and wait until the page shows it."""
    page.locator("#scrub").evaluate(
        "(bar, tick) => { bar.value = tick; bar.dispatchEvent(new Event('input', { bubbles: true })) }", tick
    )
    expect(page.locator("#scrub-tick")).to_have_text(f"tick {monitor.count(tick)}", timeout=PATIENCE)
    await_moment(page)


def go_to_time(page: Page, timestamp: str) -> None:
    """Drag the bar to the first tick at a time of the exchange."""
    go_to_tick(page, page.evaluate("(time) => backtest.tickAt(time)", unix(timestamp)))


def unix(timestamp: str) -> float:
    """Return Unix seconds of a time as the interface writes it, with its zone or as the exchange's clock."""
    at = datetime.fromisoformat(timestamp)
    return (at if at.tzinfo else at.replace(tzinfo=_EXCHANGE)).timestamp()


def tick_of(page: Page) -> int:
    """Read the tick that the page shows."""
    return int(page.inner_text("#scrub-tick").removeprefix("tick ").replace(",", ""))


def rows(page: Page, section: str) -> list[list[str]]:
    """Read a table, the texts of its cells row by row."""
    found: list[list[str]] = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map(
             (row) => [...row.cells].map((cell) => cell.textContent.trim()))""",
        f"{section} tbody tr",
    )
    return found


def figures(page: Page) -> dict[str, str]:
    """Read the day's figures by their names."""
    found: dict[str, str] = page.evaluate(
        """(names) => Object.fromEntries(
             names.map((name) => [name, document.getElementById(`figure-${name}`).textContent.trim()]))""",
        ["total", "realized", "unrealized", "open", "trades", "win-rate", "underlying", "time"],
    )
    return found


def figures_of(state: dict[str, Any], *, underlying: str = "NIFTY") -> dict[str, str]:
    """Write what the figures should say of a state, from the server's documents."""
    tick, summary = state["diagnostics"]["current_state"], state["trades"]["summary"]
    return {
        "total": monitor.signed_money(tick["pnl_summary"]["total_pnl"]),
        "realized": monitor.signed_money(tick["pnl_summary"]["realized_pnl"]),
        "unrealized": monitor.signed_money(tick["pnl_summary"]["unrealized_pnl"]),
        "open": str(tick["pnl_summary"]["open_trades"]),
        "trades": monitor.count(summary["total_trades"]),
        "win-rate": f"{summary['win_rate']} %",
        "underlying": monitor.money(tick["ltp"][underlying]["ltp"]),
        "time": monitor.clock(tick["timestamp"]),
    }


def trade_row(number: int, trade: dict[str, Any]) -> list[str]:
    """Write the row of a trade, from the API's document."""
    re_entry = f" · re-entry {trade['re_entry_num']}" if trade["re_entry_num"] else ""
    return [
        str(number),
        monitor.contract(trade["symbol"]) + re_entry,
        trade["side"].capitalize(),
        monitor.count(trade["quantity"]),
        monitor.clock(trade["entry_time"]),
        monitor.money(trade["entry_price"]),
        monitor.clock(trade["exit_time"]),
        monitor.money(trade["exit_price"]),
        monitor.signed_money(trade["pnl"]),
        trade["exit_reason"],
    ]


def position_row(position: dict[str, Any]) -> list[str]:
    """Write the row of an open position, from the API's document."""
    return [
        monitor.contract(position["symbol"]),
        position["side"].capitalize(),
        monitor.count(position["quantity"]),
        monitor.clock(position["entry_time"]),
        monitor.money(position["entry_price"]),
        monitor.money(position["current_price"]),
        *(_level(position, *names) for names in (("stop_loss_price", "trailing_stop_price"), ("take_profit_price",))),
        monitor.signed_money(position["unrealized_pnl"]),
    ]


def _level(position: dict[str, Any], *names: str) -> str:
    # The words of guards that are there are proved with them; the sample's positions have none.
    assert not any(position.get(name) for name in names)
    return "—"


def trade_rows(trades: list[dict[str, Any]]) -> list[list[str]]:
    """Write the rows of all trades, from the API's documents; the newest stands first."""
    return [trade_row(number, trade) for number, trade in enumerate(trades, start=1)][::-1]


def event_row(event: dict[str, Any]) -> list[str]:
    """Write the row of a node event, from the API's document."""
    return [
        monitor.clock(event["timestamp"]),
        event["node_name"],
        monitor.node_kind(event["node_type"]),
        event["conditions_preview"],
    ]


def condition(page: Page, text: str) -> Locator:
    """Find a condition of the Why? panel by what the strategy calls it."""
    return page.locator("#why-conditions .condition").filter(has_text=text)
