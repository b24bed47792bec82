"""Letting go of a log's oldest events, whole segments at a time."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Max, Sum
from django.db.models.functions import Length

from strategies.models import BacktestSession
from streaming.event_log.records import Dropped
from streaming.models import EventBlock, SessionLog


@transaction.atomic
def trim(session_pk: int, *, keep_events: int, is_dry_run: bool = False) -> Dropped:
    """
    Drop whole segments from a log's tail.

    Args:
        session_pk: Whose.
        keep_events: How many of the newest events stay at least, >= 1; more where their segment holds more.
        is_dry_run: Whether to say only what would be dropped.
    """
    log = SessionLog.objects.filter(session_id=session_pk, head__isnull=False).first()
    blocks = EventBlock.objects.filter(session_id=session_pk)
    if log is None or log.head is None:
        return Dropped(events=0, stored_bytes=0)
    starts = blocks.filter(starts_segment=True, first_event_id__lte=log.head + 1 - keep_events)
    oldest = starts.aggregate(newest=Max("first_event_id"))["newest"]
    if oldest is None or oldest <= log.oldest_event_id:
        return Dropped(events=0, stored_bytes=0)
    tail = blocks.filter(first_event_id__lt=oldest)
    found = tail.aggregate(events=Sum("event_count"), stored=Sum(Length("body") + Length("series")))
    if not is_dry_run:
        tail.delete()
        SessionLog.objects.filter(session_id=session_pk).update(oldest_event_id=oldest)
    return Dropped(events=found["events"] or 0, stored_bytes=found["stored"] or 0)


def finished_logs(*, before: datetime | None, after_newest: int | None) -> list[int]:
    """
    Select finished sessions by age and number, the longest finished first.

    Args:
        before: Those that finished before this time; None for none by age.
        after_newest: Those that are not among so many that finished last; None for none by number.

    Returns:
        Primary keys of the sessions that either condition selects.
    """
    finished = BacktestSession.objects.filter(log__is_finished=True, finished_at__isnull=False)
    newest_first = list(finished.order_by("-finished_at", "-pk").values_list("pk", "finished_at"))
    chosen = [
        pk
        for rank, (pk, finished_at) in enumerate(newest_first)
        if (before is not None and finished_at is not None and finished_at < before)
        or (after_newest is not None and rank >= after_newest)
    ]
    return chosen[::-1]
