"""
Django's own middleware, without a change of threads for each step.

In an async handler Django runs what a middleware does before and after the view in a thread, with one change of threads
for each: more work than most of the steps themselves, and a dozen of them for each request. These steps only look at
headers and cookies, so they are taken where they are; what may reach the database or read a body still gets its thread.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware

if TYPE_CHECKING:
    from django.utils.deprecation import MiddlewareMixin
else:
    MiddlewareMixin = object

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})


class InPlace(MiddlewareMixin):
    """Takes the steps of a middleware where they are; stands before it among the bases."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request of an async handler."""
        before: Callable[[HttpRequest], HttpResponseBase | None] | None = getattr(self, "process_request", None)
        after: Any = getattr(self, "process_response", None)
        response = None if before is None else before(request)
        if response is None:
            answer: Callable[[HttpRequest], Awaitable[HttpResponseBase]] = self.get_response  # type: ignore[assignment]
            response = await answer(request)
        if after is None:
            return response
        if self.may_wait(request):
            after = sync_to_async(after, thread_sensitive=True)
            changed_later: HttpResponseBase = await after(request, response)
            return changed_later
        changed: HttpResponseBase = after(request, response)
        return changed

    def may_wait(self, request: HttpRequest) -> bool:
        """Tell whether the step after the view may have to wait for something."""
        return False


class Security(InPlace, SecurityMiddleware):
    """See Django's."""


class Sessions(InPlace, SessionMiddleware):
    """See Django's."""

    def may_wait(self, request: HttpRequest) -> bool:
        """It saves the session where that has changed."""
        return request.session.modified or settings.SESSION_SAVE_EVERY_REQUEST


class Common(InPlace, CommonMiddleware):
    """See Django's."""


class Csrf(InPlace, CsrfViewMiddleware):
    """See Django's."""

    def __init__(self, get_response: Any) -> None:  # noqa: ANN401 - a handler of either kind
        super().__init__(get_response)
        # Only there: a handler that is not async would start an event loop for each request.
        if self.async_mode:
            self.process_view = self._process_view_in_place  # type: ignore[assignment]

    async def _process_view_in_place(self, request: HttpRequest, *view: Any) -> Any:  # noqa: ANN401 - as the base's
        """Check the token; where there is a form, it is read in a thread."""
        check = super().process_view
        if request.method in _SAFE_METHODS:
            return check(request, *view)
        return await sync_to_async(check, thread_sensitive=True)(request, *view)


class Authentication(InPlace, AuthenticationMiddleware):
    """See Django's."""


class Messages(InPlace, MessageMiddleware):
    """See Django's."""

    def may_wait(self, request: HttpRequest) -> bool:
        """It stores messages, perhaps in the session."""
        storage: Any = getattr(request, "_messages", None)
        return storage is not None and (storage.used or storage.added_new)


class XFrameOptions(InPlace, XFrameOptionsMiddleware):
    """See Django's."""
