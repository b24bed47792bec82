"""
A line in the log for each request, with its session where the address names one.

What fails or changes something is told at INFO; the many that only look, at DEBUG. The query is left out: it may hold
what is nobody's business.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import TypeAlias, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

logger = logging.getLogger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILED = 400
#: Of an address; a longer one is cut.
_MAX_PATH = 200

_Answer: TypeAlias = Callable[[HttpRequest], HttpResponseBase]
_AsyncAnswer: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def request_log(get_response: _Answer | _AsyncAnswer) -> _Answer | _AsyncAnswer:
    """Tell of every request how it was answered, and how long that took up to the first byte."""
    if iscoroutinefunction(get_response):
        answer_later = cast(_AsyncAnswer, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            return _told(request, await answer_later(request), began)

        return answer_async

    answer_now = cast(_Answer, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        return _told(request, answer_now(request), began)

    return answer


def _told(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    level = logging.INFO if response.status_code >= _FAILED or request.method not in _SAFE else logging.DEBUG
    if logger.isEnabledFor(level):
        match = request.resolver_match
        session_id = None if match is None else match.kwargs.get("session_id")
        facts = {
            "method": request.method,
            "path": request.path[:_MAX_PATH],
            "status": response.status_code,
            "duration_seconds": round(time.perf_counter() - began, 4),
        }
        logger.log(level, "Request.", extra=facts if session_id is None else {"session_id": session_id[:64], **facts})
    return response
