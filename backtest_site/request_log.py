"""
A line in the log for each request, and its session on every line that is written for it.

What fails or changes something is told at INFO; the many that only look, at DEBUG. The query is left out: it may hold
what is nobody's business. The session is the one that the address names; whether it exists is not looked up.
"""

import logging
import time
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, TypeAlias, cast

from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware
from structlog.contextvars import bind_contextvars, unbind_contextvars

logger = logging.getLogger(__name__)

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FAILED = 400
#: Of an address, and of a session id in it; what is longer is cut.
_MAX_PATH = 200
_MAX_ID = 64

_Answer: TypeAlias = Callable[[HttpRequest], HttpResponseBase]
_AsyncAnswer: TypeAlias = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def request_log(get_response: _Answer | _AsyncAnswer) -> _Answer | _AsyncAnswer:
    """Tell of every request how it was answered, and how long that took up to the first byte."""
    # Async as well as sync: a middleware that is only one of them costs each request a change of threads.
    if iscoroutinefunction(get_response):
        answer_later = cast(_AsyncAnswer, get_response)

        async def answer_async(request: HttpRequest) -> HttpResponseBase:
            began = time.perf_counter()
            # What is bound stays so: the request's task ends with the response, and a stream goes on logging in it.
            return _told(request, await answer_later(request), began)

        async def process_view_async(
            _request: HttpRequest, _view: object, _args: object, named: dict[str, Any]
        ) -> None:
            _bind(named)

        answer_async.process_view = process_view_async  # type: ignore[attr-defined]  # how Django finds it
        return answer_async

    answer_now = cast(_Answer, get_response)

    def answer(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        try:
            return _told(request, answer_now(request), began)
        finally:
            # The thread goes on to another request.
            unbind_contextvars("session_id")

    def process_view(_request: HttpRequest, _view: object, _args: object, named: dict[str, Any]) -> None:
        _bind(named)

    answer.process_view = process_view  # type: ignore[attr-defined]  # how Django finds it
    return answer


def _bind(named: dict[str, Any]) -> None:
    """Bind the session that an address names."""
    if session_id := named.get("session_id"):
        bind_contextvars(session_id=str(session_id)[:_MAX_ID])


def _told(request: HttpRequest, response: HttpResponseBase, began: float) -> HttpResponseBase:
    level = logging.INFO if response.status_code >= _FAILED or request.method not in _SAFE else logging.DEBUG
    if logger.isEnabledFor(level):
        facts = {
            "method": request.method,
            "path": request.path[:_MAX_PATH],
            "status": response.status_code,
            "duration_seconds": round(time.perf_counter() - began, 4),
        }
        logger.log(level, "Request.", extra=facts)
    return response
