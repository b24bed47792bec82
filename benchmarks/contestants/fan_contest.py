"""
What the contestants of the fan-out share: they publish in the server's own process, at a rate, and say when.

    python -m benchmarks.contestants.fan_NAME EVENTS

The first line of output names port and version. Commands, one line of JSON each (see ``benchmarks.talk``):

    {"do": "prepare", "rate": 20, "seconds": 3.0}
        Make ready what is published; not measured.
    {"do": "publish", "rate": 20, "seconds": 3.0}
        Publish. Answers `times`: event id and when it was published, ns of the machine's monotonic clock.

Only the standard library and what the contestant brings are used: it runs in an environment of its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

#: What is due within this time is published together; so our relay does, too.
TOGETHER_SECONDS = 0.02


class Event(NamedTuple):
    """One event of the day."""

    event_id: int
    event_type: str
    #: JSON of the payload.
    text: str


Publish = Callable[[list[Event]], Awaitable[None]]


def read_events(path: str) -> list[Event]:
    """Read what ``benchmarks.day`` has written."""
    events = []
    for event_id, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines()):
        event_type, _, text = line.partition("\t")
        events.append(Event(event_id, event_type, text))
    return events


class Contest:
    """One contestant, served by the running event loop."""

    def __init__(self, publish: Publish, prepare: Callable[[list[list[Event]]], None] = lambda batches: None) -> None:
        """
        Take what is special about it.

        Args:
            publish: Hands events to all viewers.
            prepare: Is told before what will be published, batch by batch.
        """
        self._publish = publish
        self._prepare = prepare
        self._events = read_events(sys.argv[1])

    async def serve(self, *, port: int, version: str) -> None:
        """Answer commands until the input ends."""
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()

        def listen() -> None:
            print(json.dumps({"port": port, "version": version}), flush=True)
            for line in sys.stdin:
                answer = asyncio.run_coroutine_threadsafe(self._answer(json.loads(line)), loop).result()
                print(json.dumps(answer), flush=True)
            loop.call_soon_threadsafe(ended.set)

        threading.Thread(target=listen, daemon=True).start()
        await ended.wait()

    async def _answer(self, command: dict[str, Any]) -> dict[str, Any]:
        batches = batches_of(self._events[1:], rate=command["rate"], seconds=command["seconds"])
        if command["do"] == "prepare":
            self._prepare(batches)
            return {}
        return {"times": await self._publish_all(batches, command["rate"], command["seconds"])}

    async def _publish_all(self, batches: list[list[Event]], rate: float, seconds: float) -> list[tuple[int, int]]:
        times: list[tuple[int, int]] = []
        began = time.monotonic()
        for batch in batches:
            await asyncio.sleep(max(0.0, began + len(times) / rate - time.monotonic()))
            if time.monotonic() - began > seconds:
                break
            now = time.monotonic_ns()
            await self._publish(batch)
            times += [(event.event_id, now) for event in batch]
        return times


def batches_of(events: list[Event], *, rate: float, seconds: float) -> list[list[Event]]:
    """Part events into what is published together."""
    size = max(1, round(rate * TOGETHER_SECONDS))
    wanted = events[: round(rate * seconds)]
    return [wanted[start : start + size] for start in range(0, len(wanted), size)]


async def serve_asgi(application: Any, contest: Contest, *, version: str) -> None:  # noqa: ANN401 - any framework's
    """Serve an ASGI application as our own is served."""
    import uvicorn

    config = uvicorn.Config(
        application, host="127.0.0.1", port=0, http="httptools", lifespan="off", access_log=False, log_level="warning"
    )
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - the server offers nothing to wait for
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    await contest.serve(port=port, version=version)
    server.should_exit = True
    await serving
