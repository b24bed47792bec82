"""
Django's ASGI handler, with a shorter way for streams.

A `LiveResponse` is given the server's own `send`, so that whoever feeds a thousand of them need not wake a task for
each; and a request for one gets no thread of its own, which would stand idle as long as the viewer watches.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponseBase, StreamingHttpResponse

#: How an ASGI server takes a message.
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

_STREAM: Final = re.compile(r".*/api/backtest/[^/]+/stream")


class LiveResponse(StreamingHttpResponse):
    """A stream that can do more than be asked for its chunks."""

    def send_with(self, send: Send) -> None:
        """Take the server's `send`; called before anything else is asked of the response."""
        raise NotImplementedError


class StreamHandler(ASGIHandler):
    """Serves the whole site."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - Django's own
        """Answer one request."""
        if scope["type"] == "http" and _STREAM.fullmatch(scope["path"]):
            # What little needs a thread shares the one of the process: see the context that Django enters here.
            await self.handle(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def send_response(self, response: HttpResponseBase, send: Send) -> None:
        """Send a response."""
        if isinstance(response, LiveResponse):
            response.send_with(send)
        await super().send_response(response, send)
