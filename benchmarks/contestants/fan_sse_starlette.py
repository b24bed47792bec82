"""sse-starlette: its response, a queue for each viewer, payloads that are JSON already."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from importlib.metadata import version

import uvloop
from sse_starlette import EventSourceResponse, ServerSentEvent  # type: ignore[import-not-found]
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.routing import Route

from benchmarks.contestants.fan_contest import Contest, Event, serve_asgi

queues: set[asyncio.Queue[Event]] = set()


async def frames() -> AsyncIterator[ServerSentEvent]:
    """Give one viewer's events."""
    queue: asyncio.Queue[Event] = asyncio.Queue()
    queues.add(queue)
    try:
        yield ServerSentEvent(comment="open")
        while True:
            event = await queue.get()
            yield ServerSentEvent(data=event.text, event=event.event_type, id=str(event.event_id))
    finally:
        queues.discard(queue)


async def publish(batch: list[Event]) -> None:
    """Put events into all queues."""
    for event in batch:
        for queue in queues:
            queue.put_nowait(event)


async def stream(request: Request) -> EventSourceResponse:
    """Stream to one viewer."""
    return EventSourceResponse(frames())


async def main() -> None:
    """Serve."""
    application = Starlette(routes=[Route("/stream", stream)])
    await serve_asgi(application, Contest(publish), version=f"sse-starlette {version('sse-starlette')}")


if __name__ == "__main__":
    uvloop.run(main())
