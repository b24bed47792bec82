"""The list of sessions: filtered, sorted and in pages by its address; quick with ten thousand of them."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests import sessions


@pytest.fixture
def many(session: BacktestSession, settings: Settings) -> BacktestSession:
    """Return the oldest of 60 sessions of different states, owners and profits."""
    settings.PUBLIC_VIEWING = True
    sessions.store_finished(session, 60)
    return session


def shown(query: str = "") -> list[str]:
    """Return the ids of the table's rows, in their order."""
    response = Client().get(f"/{query}")
    assert response.status_code == 200
    table = response.content.decode().partition('id="sessions"')[2]
    return re.findall(r'<tr data-session-id="([^"]+)"', table)


def test_the_newest_come_first_in_pages(many: BacktestSession) -> None:
    assert shown()[:2] == ["s-60", "s-59"]
    assert len(shown()) == 25
    assert shown("?page=2")[0] == "s-35"
    assert shown("?page=3")[-1] == many.session_id
    # A page that is not there any more is the last one.
    assert shown("?page=99") == shown("?page=3")


def test_the_list_is_sorted_by_what_its_address_says(many: BacktestSession) -> None:
    assert shown("?sort=-pnl")[0] == "s-59"
    assert shown("?sort=pnl")[:2] == ["s-1", "s-2"]
    assert shown("?sort=-drawdown")[0] == "s-59"
    assert shown("?sort=created")[0] == many.session_id
    # What has no profit yet stands at the end, whichever way.
    assert shown("?sort=-pnl&page=3")[-1] == shown("?sort=pnl&page=3")[-1] == many.session_id


def test_the_list_is_filtered_by_what_its_address_says(many: BacktestSession) -> None:
    assert len(shown("?state=failed")) == 6
    assert set(shown("?state=failed&state=queued")) == {*shown("?state=failed"), many.session_id}
    assert shown("?q=s-4&sort=session")[0] == "s-4"
    assert len(shown("?pnl=loss")) == 25
    assert shown("?pnl=loss&sort=-pnl")[0] == "s-29"
    assert shown("?pnl=none&state=queued") == [many.session_id]
    assert shown("?strategy=two-calls&q=s-60") == ["s-60"]
    assert shown("?day=2024-10-29&q=s-60") == ["s-60"]
    assert shown("?day=2024-10-30") == []


def test_how_many_are_shown_of_how_many_is_always_said(many: BacktestSession) -> None:
    assert "61 in all" in Client().get("/").content.decode()
    assert "showing 6 of 61" in Client().get("/?state=failed").content.decode()
    assert "There are 61 sessions without the filter" in Client().get("/?q=nothing-like-it").content.decode()


def test_filter_and_order_stay_from_page_to_page(many: BacktestSession) -> None:
    page = Client().get("/?strategy=two-calls&sort=-pnl").content.decode()

    assert 'href="?strategy=two-calls&amp;sort=-pnl&amp;page=2" rel="next"' in page
    assert 'aria-sort="descending"><a class="sort" href="?strategy=two-calls&amp;sort=pnl"' in page


@pytest.mark.parametrize(
    "query", ["?state=asleep", "?day=yesterday", "?sort=color", "?strategy=no-such", "?pnl=much", "?q=%00", "?page=x"]
)
def test_what_is_not_understood_is_told_and_passed_over(many: BacktestSession, query: str) -> None:
    page = Client().get(f"/{query}").content.decode()

    assert len(shown(query)) == 25
    assert ('class="form-fault"' in page) is ("page" not in query)


def test_the_filter_shows_only_what_one_may_see(many: BacktestSession, settings: Settings, stranger: User) -> None:
    settings.PUBLIC_VIEWING = False
    client = Client()
    client.force_login(stranger)

    assert 'data-session-id="s-60"' not in client.get("/?q=s-60").content.decode()
    assert "showing 0 of 0" in client.get("/?q=s-60").content.decode()


def test_ten_thousand_sessions_take_the_queries_of_one_page(
    session: BacktestSession, settings: Settings, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PUBLIC_VIEWING = True
    sessions.store_finished(session, 10_000)

    for query in ("", "?sort=-pnl", "?q=s-99&state=completed&pnl=profit", "?day=2024-10-29&page=200"):
        with django_assert_max_num_queries(9):
            page = Client().get(f"/{query}")

        assert page.status_code == 200
        assert len(page.content) < 60_000


def test_what_runs_now_stands_on_top_with_its_profit_so_far(data_folder: object, db: None, settings: Settings) -> None:
    settings.PUBLIC_VIEWING = True
    running = sessions.create_session()

    page = Client().get("/").content.decode()

    assert f'<li class="panel live-card" data-session-id="{running.session_id}">' in page
    assert 'id="live-count">1<' in page
