"""Queue a run of the sample strategy on the sample day: `python manage.py queue_sample_run --pace 100`."""

from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from strategies import actions
from strategies.management.commands.load_sample import SAMPLE_DATA_SET, SAMPLE_STRATEGY
from strategies.models import MAX_PACE, DataSet, StrategyVersion


class Command(BaseCommand):
    """Queue a run of the sample and print its session id."""

    help = "Queue a run of the sample strategy on the sample day and print its session id."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--pace",
            type=_pace,
            default=100.0,
            metavar="N|max",
            help="market seconds per second, or max for as fast as possible (default: 100)",
        )

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Queue it."""
        version = StrategyVersion.objects.filter(strategy__slug=SAMPLE_STRATEGY).order_by("-number").first()
        data_set = DataSet.objects.filter(slug=SAMPLE_DATA_SET).first()
        if version is None or data_set is None:
            raise CommandError("The sample is not stored yet; run `python manage.py load_sample` first.")
        session = actions.queue_session(
            version=version, data_set=data_set, pace=options["pace"], id_prefix=SAMPLE_DATA_SET
        )
        self.stdout.write(session.session_id)


def _pace(text: str) -> float | None:
    if text == "max":
        return None
    try:
        pace = float(text)
    except ValueError:
        pace = 0.0
    # Also false for NaN.
    if not 0 < pace <= MAX_PACE:
        raise argparse.ArgumentTypeError(f"{text!r} is neither max nor a number above 0 and up to {MAX_PACE}")
    return pace
