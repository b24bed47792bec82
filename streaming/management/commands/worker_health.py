"""Say whether workers are well, by the exit code: `python manage.py worker_health`, for a container's health check."""

from __future__ import annotations

import argparse
import json
import urllib.error
import urllib.request
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from streaming import health, status

_PATIENCE_SECONDS: Final = 8.0


class Command(BaseCommand):
    """Check the workers' health."""

    help = (
        "Exit with 0 where the worker is well, with 1 and the reason where it is not. With WORKER_METRICS_PORT set, "
        "the worker of this machine is asked; without it the database: has any worker given a sign of life lately?"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--stalled-after",
            type=float,
            default=status.STALLED_AFTER_SECONDS,
            metavar="SECONDS",
            help="a worker without a sign of life for this long counts as dead; as for run_worker "
            "(default: %(default)g)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Check."""
        if settings.WORKER_METRICS_PORT:
            self.stdout.write(_ask_worker(settings.WORKER_METRICS_HOST, settings.WORKER_METRICS_PORT))
        else:
            self.stdout.write(_ask_database(options["stalled_after"]))


def _ask_worker(host: str, port: int) -> str:
    # A worker that listens everywhere is asked on this machine's own address.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}/readyz"
    # No proxy: a proxy of the environment does not reach this machine's own address.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(address, timeout=_PATIENCE_SECONDS) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        raise CommandError(f"The worker is not well: {_faults(error.read())}.") from error
    except OSError as error:
        raise CommandError(f"No worker answers at {address}: {error}.") from error
    return "The worker is well."


def _faults(body: bytes) -> str:
    try:
        checks = json.loads(body)["checks"]
        return ", ".join(f"{name} {check['state']}" for name, check in checks.items() if not check["ok"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return "it answered something else than its health"


def _ask_database(stalled_after: float) -> str:
    try:
        found = status.read_database(stalled_after=stalled_after)
    except DatabaseError as error:
        raise CommandError(f"The database does not answer: {' '.join(str(error).split())}") from error
    if not health.check_workers(found).is_ok:
        raise CommandError(f"No worker gave a sign of life within {stalled_after:g} s: start 'manage.py run_worker'.")
    age = found.last_batch_age_seconds
    batch = "none was written yet" if age is None else f"the last one {age:.1f} s ago"
    return f"{found.workers_alive} worker(s) alive, {found.jobs_waiting} job(s) waiting; batches: {batch}."
