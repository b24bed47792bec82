"""The pages: whole without JavaScript, and what the signed-in may do on them."""

import re

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from strategies import actions
from strategies.models import BacktestSession
from strategies.session_states import SessionState
from tests import sessions


def _client(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def test_the_list_shows_the_sessions_that_one_may_see(
    session: BacktestSession, settings: Settings, owner: User, stranger: User
) -> None:
    settings.PUBLIC_VIEWING = False

    assert session.session_id in _client(owner).get("/").content.decode()
    assert session.session_id not in _client(stranger).get("/").content.decode()
    assert session.session_id not in _client(None).get("/").content.decode()
    settings.PUBLIC_VIEWING = True
    assert session.session_id in _client(None).get("/").content.decode()


def test_the_list_costs_the_same_number_of_queries_for_one_session_as_for_many(
    session: BacktestSession, owner: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = _client(owner)
    client.get("/")
    with django_assert_max_num_queries(12) as one:
        client.get("/")
    for _ in range(4):
        actions.run_again(session, owner=owner)

    with django_assert_max_num_queries(len(one)):
        client.get("/")


@pytest.mark.django_db(transaction=True)
def test_a_session_page_is_whole_without_javascript(session: BacktestSession, owner: User) -> None:
    sessions.run_here(session)

    page = _client(owner).get(f"/sessions/{session.session_id}/").content.decode()

    for shown in (session.session_id, "155.25", "165.25", "150.25", "160.25", "Sell call 1"):
        assert shown in page, shown


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("levels", "shown"),
    [
        (
            {"stop_loss_price": "182.50", "take_profit_price": "140.00", "trailing_stop_price": None},
            ("182.50", "140.00"),
        ),
        (
            {"stop_loss_price": None, "take_profit_price": None, "trailing_stop_price": "190.10"},
            ("190.10 trailing", "—"),
        ),
        # As a log has it that was written before levels were told.
        ({}, ("—", "—")),
    ],
)
def test_a_session_page_without_javascript_says_what_guards_an_open_position(
    session: BacktestSession, owner: User, levels: dict[str, str | None], shown: tuple[str, str]
) -> None:
    events = sessions.events_of(session)
    tick = next(
        event["data"] for event in events if event["event"] == "tick_update" and event["data"]["open_positions"]
    )
    [position] = tick["open_positions"]
    for name in ("stop_loss_price", "take_profit_price", "trailing_stop_price"):
        del position[name]
    position |= levels
    sessions.publish(session, events[: tick["event_id"] + 1])

    page = _client(owner).get(f"/sessions/{session.session_id}/").content.decode()

    page = page.split('id="positions"')[1]
    heads, cells = (page.split(f"<{part}>")[1].split(f"</{part}>")[0] for part in ("thead", "tbody"))
    assert re.findall(r">([^<]+)</th>", heads)[6:8] == ["Stop", "Target"]
    assert tuple(re.findall(r"<td[^>]*>([^<]*)</td>", cells)[6:8]) == shown


@pytest.mark.django_db(transaction=True)
def test_a_session_page_has_its_graph_its_markers_and_why_the_entry_acted(
    session: BacktestSession, owner: User
) -> None:
    sessions.run_here(session)

    context = _client(owner).get(f"/sessions/{session.session_id}/").context

    assert 'aria-label="enter-1 done ×1, Entry signal"' in context["graph_svg"]
    assert context["why"]["node"]["id"] == "enter-1"
    assert context["why"]["conditions"][0]["last_true_time"] == "2024-10-29 09:15:21+05:30"
    assert [(each["kind"], each["trade_id"]) for each in context["markers"]] == [
        ("entry", "call-1-r0"), ("exit", "call-1-r0"), ("entry", "call-2-r0"), ("exit", "call-2-r0")
    ]  # fmt: skip


def test_a_session_that_never_ran_has_a_page_too(session: BacktestSession, owner: User) -> None:
    response = _client(owner).get(f"/sessions/{session.session_id}/")

    assert response.status_code == 200
    assert response.context["state"] == {"tick": None, "trades": response.context["state"]["trades"], "head": None}
    assert response.context["graph"] == sessions.graph()
    assert response.context["can_act"] is True
    # Nothing was asked yet, which is neither true nor false; and there is nothing to draw.
    page = response.content.decode()
    assert '<span class="verdict">Not yet</span><span class="condition-text">TI.underlying_ltp &gt; 24310' in page
    assert ">None<" not in page
    assert 'data-empty="yes"' in page
    assert "<span>2024-10-29</span>" in page


@pytest.mark.parametrize("path", ["/sessions/{}/", "/strategies/two-calls/"])
def test_a_page_of_what_one_may_not_see_does_not_exist(session: BacktestSession, settings: Settings, path: str) -> None:
    settings.PUBLIC_VIEWING = False
    address = path.format(session.session_id)

    assert _client(None).get(address).status_code == 404
    settings.PUBLIC_VIEWING = True
    assert _client(None).get(address).status_code == 200
    assert _client(None).get(f"{address[:-1]}-not/").status_code == 404


def test_somebody_signed_in_starts_a_session(session: BacktestSession, stranger: User) -> None:
    response = _client(stranger).post("/sessions/", {"strategy": "two-calls", "data_set": "rising", "pace": "50"})

    started = BacktestSession.objects.get(owner=stranger)
    assert response.headers["Location"] == f"/sessions/{started.session_id}/"
    assert (started.state, started.pace) == (SessionState.QUEUED, 50.0)


def test_a_session_is_started_with_fills_costs_and_capital(session: BacktestSession, stranger: User) -> None:
    fields = {"strategy": "two-calls", "data_set": "rising", "timing": "next_tick", "slippage_percent": "0.1"}

    _client(stranger).post("/sessions/", {**fields, "costs": "indian_fno_zero", "capital": "500000"})

    started = BacktestSession.objects.get(owner=stranger)
    assert (started.fills["timing"], started.fills["slippage_percent"]) == ("next_tick", 0.1)
    assert (started.costs["model"], started.costs["brokerage_per_order"]) == ("indian_fno", "0")
    assert started.capital == 500_000


@pytest.mark.parametrize(
    "fields",
    [
        {"strategy": "none", "data_set": "rising"},
        {"strategy": "two-calls", "data_set": "none"},
        {"strategy": "two-calls", "data_set": "rising", "pace": "-5"},
        {"strategy": "two-calls", "data_set": "rising", "pace": "nan"},
        {"strategy": "two-calls", "data_set": "rising", "costs": "cheap"},
        {"strategy": "two-calls", "data_set": "rising", "timing": "yesterday"},
        {"strategy": "two-calls", "data_set": "rising", "slippage_percent": "51"},
        {"strategy": "two-calls", "data_set": "rising", "capital": "0"},
        {},
    ],
)
def test_a_start_that_makes_no_sense_starts_nothing_and_says_so(
    session: BacktestSession, stranger: User, fields: dict[str, str]
) -> None:
    response = _client(stranger).post("/sessions/", fields, follow=True)

    assert response.status_code == 200
    assert [str(message) for message in response.context["messages"]]
    assert BacktestSession.objects.count() == 1


def test_the_owner_cancels_and_others_cannot(
    session: BacktestSession, settings: Settings, owner: User, stranger: User
) -> None:
    settings.PUBLIC_VIEWING = True
    address = f"/sessions/{session.session_id}/cancel"

    by_nobody = _client(None).post(address)
    by_stranger = _client(stranger).post(address)
    session.refresh_from_db()
    before = session.state
    by_owner = _client(owner).post(address)
    session.refresh_from_db()

    assert by_nobody.headers["Location"].startswith("/accounts/login/")
    assert by_stranger.status_code == 404
    assert before == SessionState.QUEUED
    assert by_owner.headers["Location"] == f"/sessions/{session.session_id}/"
    assert session.state == SessionState.CANCELLED


def test_cancelling_twice_says_so_instead_of_failing(session: BacktestSession, owner: User) -> None:
    client = _client(owner)
    client.post(f"/sessions/{session.session_id}/cancel")

    response = client.post(f"/sessions/{session.session_id}/cancel", follow=True)

    assert "cancelled already" in " ".join(str(message) for message in response.context["messages"])


def test_running_again_shows_the_new_session(session: BacktestSession, owner: User) -> None:
    response = _client(owner).post(f"/sessions/{session.session_id}/again")

    assert response.headers["Location"] == "/sessions/two-calls-2024-10-29-2/"


@pytest.mark.parametrize("path", ["/sessions/", "/sessions/{}/cancel", "/sessions/{}/again"])
def test_acting_takes_a_post_with_a_token(session: BacktestSession, owner: User, path: str) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(owner)
    address = path.format(session.session_id)

    assert strict.post(address).status_code == 403
    assert strict.get(address).status_code == 405
    assert BacktestSession.objects.count() == 1
