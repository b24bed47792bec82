"""
The Content-Security-Policy of every response, the admin's included.

Pages load what this server serves and nothing else; no inline script or style runs. Django 5.2 has no such middleware.
"""

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import TypeAlias, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)

_Answer: TypeAlias = Callable[[HttpRequest], HttpResponseBase]
_AsyncAnswer: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def content_security_policy(get_response: _Answer | _AsyncAnswer) -> _Answer | _AsyncAnswer:
    """Give every response the policy, unless its view has set one of its own."""
    # Async as well as sync: a middleware that is only one of them costs each request a change of threads.
    if iscoroutinefunction(get_response):
        answer_later = cast(_AsyncAnswer, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(await answer_later(request))

        return answer_async

    answer_now = cast(_Answer, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _with_policy(answer_now(request))

    return answer


def _with_policy(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault("Content-Security-Policy", POLICY)
    return response
