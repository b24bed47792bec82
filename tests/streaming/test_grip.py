"""Who is believed to be the GRIP proxy, and what channels are called."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django.fixtures import Settings

from streaming import grip

KEY = "k" * 32
URL = "http://127.0.0.1:5561"


def _signature(*, key: str = KEY, seconds: int = 60, **claim: object) -> str:
    return jwt.encode({"iss": "pushpin", "exp": int(time.time()) + seconds, **claim}, key, algorithm="HS256")


def _is_proxied(signature: str | None) -> bool:
    """Send a request through the middleware."""
    headers: dict[str, Any] = {} if signature is None else {"Grip-Sig": signature}
    seen: list[bool] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(grip.is_proxied(request))
        return HttpResponse()

    grip.ProxyMiddleware(view)(RequestFactory().get("/", headers=headers))
    return seen[0]


@pytest.mark.parametrize(
    ("url", "verify_key"),
    [(URL, KEY), (URL, KEY.encode()), (f"{URL}?verify-key={KEY}", None), (f"{URL}?iss=realm&key={KEY}", None)],
)
def test_the_proxy_is_who_signs_with_the_key_of_the_settings(
    settings: Settings, url: str, verify_key: str | bytes | None
) -> None:
    settings.GRIP_URL, settings.GRIP_VERIFY_KEY = url, verify_key

    assert _is_proxied(_signature())
    assert not _is_proxied(None)
    assert not _is_proxied("")
    assert not _is_proxied("no signature")
    assert not _is_proxied(_signature(key="another key that is long enough."))
    assert not _is_proxied(_signature(seconds=-60))
    assert not _is_proxied(jwt.encode({"exp": int(time.time()) + 60}, "", algorithm="none"))


def test_an_issuer_that_the_url_names_is_asked_for(settings: Settings) -> None:
    settings.GRIP_URL, settings.GRIP_VERIFY_KEY = f"{URL}?verify-iss=realm", KEY

    assert _is_proxied(_signature(iss="realm"))
    assert not _is_proxied(_signature())


def test_without_a_proxy_nobody_is_one(settings: Settings) -> None:
    request = RequestFactory().get("/", headers={"Grip-Sig": _signature()})

    assert settings.GRIP_URL is None
    assert not grip.is_proxied(request)


def test_the_channel_of_a_sign_in_does_not_tell_its_key() -> None:
    channel = grip.sign_in_channel("abcdefghijklmnop")

    assert channel == grip.sign_in_channel("abcdefghijklmnop") != grip.sign_in_channel("abcdefghijklmnoq")
    assert "abcdefgh" not in channel
