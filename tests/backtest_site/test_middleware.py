"""Django's middleware in an async handler: every step is taken, and those that need no thread get none."""

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import AsyncClient, RequestFactory
from django.utils.deprecation import MiddlewareMixin

from backtest_site import middleware


@pytest.fixture
def user(transactional_db: None) -> User:
    """Return somebody who can sign in."""
    return User.objects.create_user("trader", password="one two three")


@async_to_sync
async def _sign_in(client: AsyncClient) -> HttpResponseBase:
    await client.get("/accounts/login/")
    token = client.cookies["csrftoken"].value
    form = {"username": "trader", "password": "one two three", "csrfmiddlewaretoken": token}
    return await client.post("/accounts/login/", form)


def test_signing_in_saves_the_session_and_the_next_request_knows_who_it_is(user: User) -> None:
    client = AsyncClient(enforce_csrf_checks=True)

    signed_in = _sign_in(client)
    page = async_to_sync(client.get)("/accounts/password_change/")

    assert (signed_in.status_code, page.status_code) == (302, 200)
    assert "sessionid" in client.cookies
    assert page.headers["X-Frame-Options"] == "DENY"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_a_form_without_its_token_is_refused(user: User) -> None:
    client = AsyncClient(enforce_csrf_checks=True)

    refused = async_to_sync(client.post)("/accounts/login/", {"username": "trader", "password": "one two three"})

    assert refused.status_code == 403
    assert "sessionid" not in client.cookies


@pytest.mark.parametrize("may_wait", [False, True])
def test_a_step_gets_a_thread_only_where_it_may_wait(may_wait: bool) -> None:
    steps: list[int] = []

    class Noting(middleware.InPlace, MiddlewareMixin):
        def process_request(self, request: HttpRequest) -> None:
            steps.append(threading.get_ident())

        def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
            steps.append(threading.get_ident())
            return response

        def may_wait(self, request: HttpRequest) -> bool:
            return may_wait

    async def answer(request: HttpRequest) -> HttpResponseBase:
        steps.append(threading.get_ident())
        return HttpResponse()

    taking = Noting(answer)
    asyncio.run(taking.__acall__(RequestFactory().get("/")))

    before, view, after = steps
    assert before == view
    assert (after != view) == may_wait
