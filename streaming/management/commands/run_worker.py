"""Run queued sessions until told to stop: `python manage.py run_worker`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from procrastinate.contrib.django import app as queue
from procrastinate.contrib.django.django_connector import DjangoConnector

from strategies import actions
from strategies.models import BacktestSession
from streaming import worker
from streaming.worker_endpoint import Heart, PortTaken, served

logger = logging.getLogger("streaming.worker")

_DEFAULT_CONCURRENCY = 4
_DEFAULT_STALLED_AFTER = 30.0
#: Heartbeats within the time after which a worker counts as dead.
_HEARTBEATS = 4
_POLL_SECONDS = 1.0

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
            default=_DEFAULT_STALLED_AFTER,
            metavar="SECONDS",
            help="a worker without a sign of life for this long counts as dead and its sessions are taken over; "
            "the same for all workers (default: %(default)g)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Work."""
        assert isinstance(queue.connector, DjangoConnector)
        heart = Heart()
        try:
            with (
                served(heart, stalled_after=options["stalled_after"]),
                queue.replace_connector(queue.connector.get_worker_connector()),
            ):
                asyncio.run(_work(heart, concurrency=options["concurrency"], stalled_after=options["stalled_after"]))
        except PortTaken as error:
            raise CommandError(str(error)) from error


async def _work(heart: Heart, *, concurrency: int, stalled_after: float) -> None:
    async with queue.open_async():
        beating = asyncio.create_task(heart.beat_for_ever())
        recovery = asyncio.create_task(_recover_for_ever(stalled_after))
        try:
            logger.info("Waiting for sessions; %d at a time.", concurrency)
            await queue.run_worker_async(
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
            )
        finally:
            beating.cancel()
            recovery.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await recovery
            logger.info("Stopped.")


async def _recover_for_ever(stalled_after: float) -> None:
    """Take over what dead workers left. Each worker looks, a few times within the time that makes a worker dead."""
    while True:
        try:
            await _recover(stalled_after)
        except Exception:
            # The database may be away for a moment; the next round finds out.
            logger.exception("Looking for abandoned sessions failed; trying again.")
        await asyncio.sleep(stalled_after / _HEARTBEATS)


async def _recover(stalled_after: float) -> None:
    stalled = await queue.job_manager.get_stalled_jobs(queue=actions.QUEUE, seconds_since_heartbeat=stalled_after)
    names = await _with_database(lambda: _session_ids([job.task_kwargs.get("session_pk") for job in stalled]))
    for job in stalled:
        session_id = names.get(job.task_kwargs.get("session_pk"))
        told = {"session_id": session_id}
        logger.warning("The worker of session %s is gone; the next one goes on with it.", session_id, extra=told)
        await queue.job_manager.retry_job(job)
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
