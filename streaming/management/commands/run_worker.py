"""Run queued sessions until told to stop: `python manage.py run_worker`."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
from typing import Any

from asgiref.sync import sync_to_async
from django.core.management.base import BaseCommand
from django.db import connection
from procrastinate.contrib.django import app as queue
from procrastinate.contrib.django.django_connector import DjangoConnector

from strategies import actions
from streaming import worker

logger = logging.getLogger("streaming.worker")

_DEFAULT_CONCURRENCY = 4
_DEFAULT_STALLED_AFTER = 30.0
#: Heartbeats within the time after which a worker counts as dead.
_HEARTBEATS = 4
_POLL_SECONDS = 1.0


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
        with queue.replace_connector(queue.connector.get_worker_connector()):
            asyncio.run(_work(concurrency=options["concurrency"], stalled_after=options["stalled_after"]))


async def _work(*, concurrency: int, stalled_after: float) -> None:
    async with queue.open_async():
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
    for job in stalled:
        logger.warning("The worker of job %s is gone; the job goes to the next one.", job.call_string)
        await queue.job_manager.retry_job(job)
    for session_id in await sync_to_async(_recover_sessions, thread_sensitive=True)():
        logger.warning("Nobody runs session %s; it is queued again.", session_id)


def _recover_sessions() -> list[str]:
    try:
        return worker.recover()
    finally:
        connection.close()


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
