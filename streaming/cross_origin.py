"""
Which pages of other origins may read the stream: those that `STREAM_ALLOWED_ORIGINS` names, by default none.

`*` allows every origin, without the visitor's cookies. Origins named one by one may send them along.

Source:
    WHATWG Fetch, §3.2: the CORS protocol.
"""

from __future__ import annotations

from typing import Final

from django.conf import settings
from django.http import HttpRequest

METHODS: Final = "GET, HEAD, OPTIONS"
#: Last-Event-ID is a safe header only while its value is short and plain.
_REQUEST_HEADERS: Final = "Last-Event-ID, Cache-Control"
_RESPONSE_HEADERS: Final = "X-Backtest-Stream"
_PREFLIGHT_SECONDS: Final = 600


def headers(request: HttpRequest) -> dict[str, str]:
    """Return what a response tells the browser; nothing where the origin is not allowed."""
    origin = request.headers.get("Origin")
    allowed = settings.STREAM_ALLOWED_ORIGINS
    if origin is None or not ("*" in allowed or origin in allowed):
        return {}
    if origin in allowed:
        told = {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}
    else:
        told = {"Access-Control-Allow-Origin": "*"}
    return {**told, "Access-Control-Expose-Headers": _RESPONSE_HEADERS}


def preflight_headers(request: HttpRequest) -> dict[str, str]:
    """Return what the answer to an OPTIONS request tells the browser."""
    told = headers(request)
    if not told:
        return {"Allow": METHODS}
    return {
        **told,
        "Allow": METHODS,
        "Access-Control-Allow-Methods": METHODS,
        "Access-Control-Allow-Headers": _REQUEST_HEADERS,
        "Access-Control-Max-Age": str(_PREFLIGHT_SECONDS),
    }


def vary() -> str:
    """Return what responses depend on."""
    return "Accept-Encoding, Origin" if settings.STREAM_ALLOWED_ORIGINS else "Accept-Encoding"
