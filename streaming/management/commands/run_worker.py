"""Run queued sessions until told to stop: `python manage.py run_worker`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.db import InterfaceError, OperationalError, connection
from procrastinate import PsycopgConnector
from procrastinate import exceptions as queue_exceptions
from procrastinate.contrib.django import app as queue
from procrastinate.contrib.django import connector_params

from strategies import actions
from strategies.models import BacktestSession
from streaming import status, worker
from streaming.worker_endpoint import Heart, PortTaken, served

logger = logging.getLogger("streaming.worker")

_DEFAULT_CONCURRENCY = 4
#: Heartbeats within the time after which a worker counts as dead.
_HEARTBEATS = 4
_POLL_SECONDS = 1.0
#: How long the queue waits for one of its connections before it begins anew. There are enough: the database is away.
_PATIENCE_SECONDS = 5.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)

Result = TypeVar("Result")


class Command(BaseCommand):
    """Run queued sessions."""

    help = (
        "Run queued sessions until Ctrl-C or SIGTERM. Running sessions are put back then, and the next worker goes on "
        "with them. Start as many workers as you like, on any machine that reaches the database and the data sets."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--concurrency",
            type=_at_least_1,
            default=_DEFAULT_CONCURRENCY,
            help="sessions run at the same time; they share one core, so start more workers for more cores "
            "(default: %(default)s)",
        )
        parser.add_argument(
            "--stalled-after",
            type=_seconds,
            default=status.STALLED_AFTER_SECONDS,
            metavar="SECONDS",
            help="a worker without a sign of life for this long counts as dead and its sessions are taken over; "
            "the same for all workers (default: %(default)g)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Work."""
        heart = Heart()
        try:
            with served(heart, stalled_after=options["stalled_after"]):
                asyncio.run(_work(heart, concurrency=options["concurrency"], stalled_after=options["stalled_after"]))
        except PortTaken as error:
            raise CommandError(str(error)) from error


async def _work(heart: Heart, *, concurrency: int, stalled_after: float) -> None:
    """Work until told to stop. Where the database goes away for long, begin anew when it is back."""
    stopping = _hear_signals()
    beating = asyncio.create_task(heart.beat_for_ever())
    while not stopping.is_set():
        # Connections of its own each time: those of before are in nobody knows what state.
        connector = PsycopgConnector(kwargs=connector_params(), timeout=_PATIENCE_SECONDS)
        with queue.replace_connector(connector):
            try:
                await _work_once(stopping, concurrency=concurrency, stalled_after=stalled_after)
            except queue_exceptions.ConnectorException as error:
                logger.warning("The queue is out of reach: %s", error.__cause__ or error)
        await _wait_for_database(stopping)
    beating.cancel()
    logger.info("Stopped.")


def _hear_signals() -> asyncio.Event:
    """Return what is set by Ctrl-C or SIGTERM; the second Ctrl-C does what it always does."""
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        stopping.set()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)

    for number in _SIGNALS:
        loop.add_signal_handler(number, stop)
    return stopping


async def _work_once(stopping: asyncio.Event, *, concurrency: int, stalled_after: float) -> None:
    """
    Work until told to stop, or until the queue gives up.

    Raises:
        ConnectorException: If the database is out of reach.
    """
    async with queue.open_async():
        logger.info("Waiting for sessions; %d at a time.", concurrency)
        working = asyncio.create_task(
            queue.run_worker_async(
                queues=[actions.QUEUE],
                name="worker",
                concurrency=concurrency,
                fetch_job_polling_interval=_POLL_SECONDS,
                abort_job_polling_interval=_POLL_SECONDS,
                # Told to stop, running sessions are put back at once rather than run to their end.
                shutdown_graceful_timeout=0,
                update_heartbeat_interval=stalled_after / _HEARTBEATS,
                stalled_worker_timeout=stalled_after,
                # The sessions' own table is the history; jobs that did their work are of no more use.
                delete_jobs="successful",
                install_signal_handlers=False,
            )
        )
        is_over = asyncio.Event()
        working.add_done_callback(lambda _: is_over.set())
        recovering = asyncio.create_task(_recover_until(is_over, stalled_after))
        told = asyncio.create_task(stopping.wait())
        await asyncio.wait([working, told], return_when=asyncio.FIRST_COMPLETED)
        for task in (working, told):
            task.cancel()
        await asyncio.wait([working, recovering, told])
        if not working.cancelled() and (error := working.exception()) is not None:
            raise error


async def _wait_for_database(stopping: asyncio.Event) -> None:
    """Wait until the database takes connections; the queue's own pool would look for it less and less often."""
    while not stopping.is_set():
        try:
            await sync_to_async(_connect, thread_sensitive=True)()
        except (OperationalError, InterfaceError):
            await _sleep_until(stopping, _POLL_SECONDS)
        else:
            return


def _connect() -> None:
    try:
        connection.ensure_connection()
    finally:
        connection.close()


async def _sleep_until(event: asyncio.Event, seconds: float) -> None:
    """Sleep, but not longer than until an event is set."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()


async def _recover_until(is_over: asyncio.Event, stalled_after: float) -> None:
    """Take over what dead workers left. Each worker looks, a few times within the time that makes a worker dead."""
    # Not ended by cancelling: a wait for the database that ends at the same moment would swallow that.
    while not is_over.is_set():
        try:
            await _recover(stalled_after)
        except Exception:
            # The database may be away for a moment; the next round finds out.
            logger.exception("Looking for abandoned sessions failed; trying again.")
        await _sleep_until(is_over, stalled_after / _HEARTBEATS)


async def _recover(stalled_after: float) -> None:
    stalled = await queue.job_manager.get_stalled_jobs(queue=actions.QUEUE, seconds_since_heartbeat=stalled_after)
    names = await _with_database(lambda: _session_ids([job.task_kwargs.get("session_pk") for job in stalled]))
    for job in stalled:
        session_id = names.get(job.task_kwargs.get("session_pk"))
        told = {"session_id": session_id}
        logger.warning("The worker of session %s is gone; the next one goes on with it.", session_id, extra=told)
        await queue.job_manager.retry_job(job, retry_at=worker.AT_ONCE)
    for session_id in await _with_database(worker.recover):
        logger.warning("Nobody runs session %s; it is queued again.", session_id, extra={"session_id": session_id})


def _session_ids(session_pks: list[Any]) -> dict[Any, str]:
    return dict(BacktestSession.objects.filter(pk__in=session_pks).values_list("pk", "session_id"))


async def _with_database(work: Callable[[], Result]) -> Result:
    def work_and_close() -> Result:
        try:
            return work()
        finally:
            connection.close()

    return await sync_to_async(work_and_close, thread_sensitive=True)()


def _at_least_1(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return number


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    # Also false for NaN.
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0 and 86400")
    return seconds
