"""Every response forbids what our pages do not need: other origins, inline scripts and styles, frames."""

import httpx
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from backtest_site import csp


@pytest.mark.django_db
@pytest.mark.parametrize(
    "address", ["/healthz", "/accounts/login/", "/admin/login/", "/admin/", "/no-such-page", "/static/no"]
)
def test_every_response_carries_the_policy(client: Client, address: str) -> None:
    response = client.get(address)

    assert response.headers["Content-Security-Policy"] == csp.POLICY


def test_the_policy_stands_on_what_the_server_sends(asgi_server: str) -> None:
    response = httpx.get(f"{asgi_server}/accounts/login/")

    assert response.headers["Content-Security-Policy"] == csp.POLICY


def test_nothing_is_allowed_by_default() -> None:
    assert csp.POLICY.startswith("default-src 'none'; ")
    assert "unsafe" not in csp.POLICY
    assert "*" not in csp.POLICY


def test_a_view_may_set_a_policy_of_its_own() -> None:
    def view(_request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Content-Security-Policy": "default-src 'self'"})

    response = csp.content_security_policy(view)(RequestFactory().get("/"))

    assert isinstance(response, HttpResponse)
    assert response.headers["Content-Security-Policy"] == "default-src 'self'"
