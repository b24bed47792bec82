"""Drop old events of finished sessions: `python manage.py prune_event_log --older-than 30 --keep-sessions 200`."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat
from django.utils import timezone

from streaming import event_log


class Command(BaseCommand):
    """Drop old events."""

    help = (
        "Drop the events of finished sessions, all but their last segment: whoever looks still gets the final state. "
        "Sessions, their trades and their node events stay; the charts of pruned sessions are empty. "
        "Running sessions are never touched."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options."""
        parser.add_argument(
            "--older-than", type=_whole_number, metavar="DAYS", help="prune sessions that finished longer ago than this"
        )
        parser.add_argument(
            "--keep-sessions",
            type=_whole_number,
            metavar="N",
            help="prune all but the N sessions that finished last",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be dropped, and drop nothing")

    def handle(self, *_args: Any, **options: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Drop them."""
        older_than, keep = options["older_than"], options["keep_sessions"]
        if older_than is None and keep is None:
            raise CommandError("Say what may go: --older-than DAYS, --keep-sessions N, or both.")
        before = None if older_than is None else timezone.now() - timedelta(days=older_than)
        events = size = count = 0
        for session_pk in event_log.finished_logs(before=before, after_newest=keep):
            dropped = event_log.trim(session_pk, keep_events=1, is_dry_run=options["dry_run"])
            events, size, count = events + dropped.events, size + dropped.stored_bytes, count + bool(dropped.events)
        verb = "Would drop" if options["dry_run"] else "Dropped"
        told = f"{verb} {events} events of {count} sessions, {filesizeformat(size)}."
        self.stdout.write(told.replace("\xa0", " "))


def _whole_number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 6):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 to 999999")
    return int(text)
