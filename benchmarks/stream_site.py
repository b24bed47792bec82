"""
A site for benchmarks of the stream: a Postgres of its own, web processes as ./run starts them, writers.

Everything listens on loopback or in a temporary folder, and ends with the block that started it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backtest_site import embedded_postgres
from backtest_site.site_processes import web_command
from benchmarks.harness import ROOT
from benchmarks.schedules import Writer
from benchmarks.site import free_port, listens

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0


class SiteFailed(Exception):
    """A process of the site did not do what it should; the message says which."""


@contextmanager
def own_database() -> Iterator[None]:
    """Point Django at an empty database of its own, with all tables; call before anything imports its settings."""
    # Short: a socket's path may have 103 bytes.
    home = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    try:
        os.environ["DATABASE_URL"] = embedded_postgres.ensure(home, is_durable=False)
        os.environ["DATA_DIR"] = str(home / "files")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield
    finally:
        embedded_postgres.stop(home)
        shutil.rmtree(home, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a session's writer."""

    #: How many writers were killed.
    deaths: int
    #: Empty where all went well.
    problem: str


class Writers:
    """The process that writers are forked from."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._waiting: dict[int, asyncio.Future[Written]] = {}
        self._reading = asyncio.create_task(self._read(), name="answers of writers")

    async def write(self, session_pk: int, writer: Writer) -> Written:
        """Have a session written to its end."""
        future: asyncio.Future[Written] = asyncio.get_running_loop().create_future()
        self._waiting[session_pk] = future
        wish = {
            "session": session_pk,
            "killed_after_seconds": writer.killed_after_seconds,
            "keep_events": writer.keep_events,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        return await future

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            answer: dict[str, Any] = json.loads(line)
            self._waiting.pop(answer["session"]).set_result(Written(answer["deaths"], answer["problem"]))
        for future in self._waiting.values():
            future.set_exception(SiteFailed("The process of the writers ended; what it said stands above."))

    async def close(self) -> None:
        """End them all."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        await _end(self._process)
        await self._reading


@asynccontextmanager
async def start_writers() -> AsyncIterator[Writers]:
    """Start the process that writers are forked from."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.writers", cwd=ROOT, env=_environment(), stdin=PIPE, stdout=PIPE
    )
    writers = Writers(process)
    try:
        yield writers
    finally:
        await writers.close()


@asynccontextmanager
async def start_web(count: int) -> AsyncIterator[list[str]]:
    """Start web processes; yields their addresses."""
    async with AsyncExitStack() as stack:
        yield list(await asyncio.gather(*(stack.enter_async_context(_start_one()) for _ in range(count))))


@asynccontextmanager
async def _start_one() -> AsyncIterator[str]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        *web_command(Path(sys.executable), host="127.0.0.1", port=port),
        cwd=ROOT,
        env=_environment(),
        stdin=DEVNULL,
    )
    try:
        async with asyncio.timeout(_START_SECONDS):
            while not await asyncio.to_thread(listens, port):
                if process.returncode is not None:
                    raise SiteFailed(f"The web process ended with {process.returncode}; what it said stands above.")
                await asyncio.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await _end(process)


def _environment() -> dict[str, str]:
    return {**os.environ, "PUBLIC_VIEWING": "1", "LOG_LEVEL": "ERROR", "PYTHONUNBUFFERED": "1"}


async def _end(process: Process) -> None:
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
