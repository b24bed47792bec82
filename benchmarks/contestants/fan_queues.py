"""The seed's pattern: a queue for each viewer, and the payload written as JSON again for each of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from importlib.metadata import version
from typing import Any

import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from benchmarks.contestants.fan_contest import Contest, Event, serve_asgi

queues: set[asyncio.Queue[dict[str, Any]]] = set()


async def frames() -> AsyncIterator[str]:
    """Give one viewer's events."""
    queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    queues.add(queue)
    try:
        yield ": open\n\n"
        while True:
            event = await queue.get()
            yield f"event: {event['event']}\n"
            yield f"data: {json.dumps(event['data'])}\n"
            yield f"id: {event['data']['event_id']}\n\n"
    finally:
        queues.discard(queue)


async def publish(batch: list[Event]) -> None:
    """Put events into all queues."""
    for event in batch:
        handed = {"event": event.event_type, "data": json.loads(event.text)}
        for queue in queues:
            queue.put_nowait(handed)


async def stream(request: Request) -> StreamingResponse:
    """Stream to one viewer."""
    return StreamingResponse(frames(), media_type="text/event-stream")


async def main() -> None:
    """Serve."""
    application = Starlette(routes=[Route("/stream", stream)])
    await serve_asgi(application, Contest(publish), version=f"Starlette {version('starlette')}")


if __name__ == "__main__":
    uvloop.run(main())
