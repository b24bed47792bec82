"""
What we and a GRIP proxy (Pushpin) call things, and how we know that it is the proxy who asks.

A proxy passes a viewer's request on with a signature in `Grip-Sig`. It is answered with what the viewer is to have at
once and the order to hold the connection for a channel; what is later published to that channel (see `grip_publisher`)
the proxy sends to all whom it holds. Without a valid signature a request is a viewer's own and answered as ever.

Source:
    The GRIP protocol, https://pushpin.org/docs/protocols/grip/
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

import django_grip
import gripcontrol
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.crypto import salted_hmac

#: Before the first event, in place of the event that a viewer has.
NO_EVENT: Final = -1
_SALT: Final = "streaming.grip.sign_in"


def session_channel(session_id: str) -> str:
    """Name the channel of a session's stream; the prefix is not in it."""
    return f"backtest-{session_id}"


def stock_channel(session_id: str) -> str:
    """Name the channel that django-eventstream's own endpoint holds its listeners of a session for."""
    return f"events-{quote(session_id)}"


def sign_in_channel(session_key: str) -> str:
    """Name the channel of all that one sign-in watches; the key of the sign-in cannot be read from it."""
    return f"sign-in-{salted_hmac(_SALT, session_key).hexdigest()[:24]}"


def is_proxied(request: HttpRequest) -> bool:
    """Tell whether a proxy that signed with our key sends this request."""
    return settings.GRIP_URL is not None and bool(getattr(request, "grip", None) and request.grip.proxied)  # type: ignore[attr-defined]  # set by the middleware


class ProxyMiddleware(django_grip.GripMiddleware):  # type: ignore[misc]  # the package has no types
    """
    The package's middleware, which believes nobody without a valid signature.

    The original believes any `Grip-Sig` where a proxy has no key, and fails where it has a key for verifying only.
    """

    def process_request(self, request: HttpRequest) -> HttpResponseBase | None:
        """Set `request.grip`."""
        signature = request.META.pop("HTTP_GRIP_SIG", None)
        answer: HttpResponseBase | None = super().process_request(request)
        request.grip.proxied = request.grip.signed = signature is not None and _is_genuine(signature)  # type: ignore[attr-defined]  # set just now
        return answer


def _is_genuine(signature: str) -> bool:
    proxy: dict[str, Any] = gripcontrol.parse_grip_uri(settings.GRIP_URL)
    key = settings.GRIP_VERIFY_KEY or proxy.get("verify_key") or proxy["key"]
    return bool(gripcontrol.validate_sig(signature, key, iss=proxy.get("verify_iss")))
