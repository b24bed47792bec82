"""A person goes from page to page: signing in, starting a run, the lists, the theme, the phone."""

import re
import subprocess
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, Page, expect

from strategies.models import BacktestSession
from tests.journeys.conftest import Complaints

pytestmark = pytest.mark.browser

_PASSWORD = "a-long-word-for-tests"


def test_the_signed_in_start_a_run_from_the_list_and_watch_it_to_its_end(
    watched_page: Page,
    complaints: Complaints,
    asgi_server: str,
    session: BacktestSession,
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    User.objects.create_user("trader", password=_PASSWORD, is_staff=True)
    page = watched_page
    page.goto(f"{asgi_server}/")
    expect(page.get_by_role("heading", name="Run a backtest")).to_have_count(0)

    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("User name").fill("trader")
    page.get_by_label("Password").fill(_PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    start = page.get_by_role("region", name="Run a backtest")
    start.get_by_label("Strategy").select_option(index=1)
    start.get_by_label("Market data").select_option(index=1)
    start.get_by_role("button", name="Run").click()

    expect(page).to_have_url(re.compile(r"/sessions/[^/]+/$"))
    expect(page.locator("#status-word")).to_have_text("Completed", timeout=60_000)
    page.get_by_role("link", name="Sessions").click()
    expect(page.locator("#sessions tbody tr")).to_have_count(2)
    expect(page.locator("#sessions tbody tr .state").first).to_have_text("Completed")
    page.get_by_role("link", name="Two calls").first.click()
    expect(page.locator(".node")).to_have_count(9)
    assert complaints == Complaints()


def test_a_row_of_the_list_follows_its_session_in_place(
    watched_page: Page,
    complaints: Complaints,
    asgi_server: str,
    session: BacktestSession,
    start_worker_process: Callable[..., "subprocess.Popen[str]"],
) -> None:
    row = watched_page.locator(f"tr[data-session-id={session.session_id}]")
    watched_page.goto(f"{asgi_server}/")
    expect(row.locator(".state")).to_have_text("Queued")

    start_worker_process()

    expect(row.locator(".state")).to_have_text("Completed", timeout=60_000)
    expect(row.locator(".row-percent")).to_have_text("100 %")
    expect(row.locator(".row-pnl")).to_have_text(re.compile(r"^[+−][\d,]+\.\d\d$"))
    assert complaints == Complaints()


def test_the_theme_is_kept_and_set_before_the_first_paint(
    watched_page: Page, complaints: Complaints, asgi_server: str
) -> None:
    page = watched_page
    page.goto(f"{asgi_server}/accounts/login/")
    button = page.get_by_role("button", name="Theme")
    expect(button).to_have_text("Theme: system")

    button.click()
    button.click()
    expect(button).to_have_text("Theme: dark")
    page.add_init_script(
        """document.addEventListener('DOMContentLoaded', () => {
             window.themeAtFirst = document.documentElement.dataset.theme }, { capture: true })"""
    )
    page.reload()

    assert page.evaluate("window.themeAtFirst") == "dark"
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert complaints == Complaints()


@pytest.mark.parametrize("width", [320, 390, 768, 1440])
def test_no_page_scrolls_sideways(browser: Browser, asgi_server: str, session: BacktestSession, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()

    for path in ("/", "/accounts/login/", "/strategies/two-calls/", f"/sessions/{session.session_id}/"):
        page.goto(f"{asgi_server}{path}")
        overhang = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

        assert overhang <= 0, f"{path} is {overhang} px wider than a screen of {width} px"
    context.close()


def test_times_are_the_exchanges_in_a_browser_of_any_zone(
    browser: Browser,
    watched_page: Page,
    asgi_server: str,
    session: BacktestSession,
    run_worker_process: "subprocess.Popen[str]",
) -> None:
    address = f"{asgi_server}/sessions/{session.session_id}/"
    watched_page.goto(address)
    expect(watched_page.locator("#status-word")).to_have_text("Completed", timeout=60_000)

    for zone in ("America/New_York", "Asia/Kolkata", "Pacific/Auckland"):
        context = browser.new_context(timezone_id=zone)
        page = context.new_page()
        page.goto(address)
        expect(page.locator("#status-word")).to_have_text("Completed")
        expect(page.locator("#figure-time")).to_have_text("09:19:59")
        label = page.locator("#price-chart .chart-canvas")
        expect(label).to_have_attribute("aria-label", re.compile("^NIFTY, 09:15:00 to 09:19:59 IST"))
        context.close()


def test_a_page_that_is_not_there_says_so(watched_page: Page, asgi_server: str) -> None:
    answer = watched_page.goto(f"{asgi_server}/sessions/nobody-knows-it/")

    assert answer is not None
    assert answer.status == 404
    expect(watched_page.get_by_role("heading", name="There is no such page")).to_be_visible()
