"""The admin, its sign-in and the description of the interface: the site's colours under the site's policy."""

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from strategies.models import BacktestSession
from tests import sessions
from tests.journeys.conftest import Complaints

pytestmark = pytest.mark.browser

_PASSWORD = "a-long-word-for-tests"


def test_no_page_of_the_admin_breaks_the_policy_or_asks_another_server(
    watched_page: Page, complaints: Complaints, asgi_server: str, session: BacktestSession
) -> None:
    sessions.run_here(session)
    staff = User.objects.create_superuser("staff", password=_PASSWORD)
    page = watched_page
    page.goto(f"{asgi_server}/admin/")
    page.get_by_label("Username").fill("staff")
    page.get_by_label("Password").fill(_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("link", name="Backtests: administration")).to_be_visible()

    strategy = session.strategy_version.strategy_id
    for path in (
        "strategies/backtestsession/", "strategies/backtestsession/add/", f"strategies/strategy/{strategy}/change/",
        f"strategies/backtestsession/{session.pk}/change/", "strategies/trade/", f"auth/user/{staff.pk}/change/",
        "auth/group/add/",
    ):  # fmt: skip
        answer = page.goto(f"{asgi_server}/admin/{path}")
        assert answer is not None
        assert answer.status == 200
        expect(page.locator("#content")).to_be_visible()

    assert complaints == Complaints()


def test_the_theme_of_the_site_is_that_of_the_admin(
    watched_page: Page, complaints: Complaints, asgi_server: str, transactional_db: None
) -> None:
    page = watched_page
    page.goto(f"{asgi_server}/accounts/login/")
    grounds = []
    for _ in range(3):
        page.get_by_role("button", name="Theme").click()
        site = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
        page.goto(f"{asgi_server}/admin/login/")
        grounds.append((site, page.evaluate("getComputedStyle(document.body).backgroundColor")))
        page.goto(f"{asgi_server}/accounts/login/")

    assert [site for site, _ in grounds] == [admin for _, admin in grounds]
    assert len(set(grounds)) == 2
    assert complaints == Complaints()


def test_the_interface_is_described_with_every_address(
    watched_page: Page, complaints: Complaints, asgi_server: str, transactional_db: None
) -> None:
    page = watched_page
    page.goto(f"{asgi_server}/api/docs/")

    expect(page.locator(".opblock-summary-path").first).to_be_visible()
    paths = "".join(page.locator(".opblock-summary-path").all_inner_texts()).replace("\u200b", "")
    for address in ("state/", "events/", "why/", "series/", "explain/", "export/", "/api/sessions/compare/"):
        assert address in paths, address
    expect(page.get_by_text("curl -N")).to_be_visible()
    assert complaints == Complaints()
