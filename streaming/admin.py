"""The admin: how long and how large the logs of sessions are."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Count, F, IntegerField, OuterRef, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Length
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from strategies.admin import ReadOnly
from streaming.models import EventBlock, SessionLog


def _of_blocks(value: Any) -> Coalesce:  # noqa: ANN401 - any aggregate
    blocks = EventBlock.objects.filter(session_id=OuterRef("session_id")).order_by().values("session_id")
    return Coalesce(Subquery(blocks.annotate(value=value).values("value"), output_field=IntegerField()), 0)


@admin.register(SessionLog)
class SessionLogAdmin(ReadOnly):
    """Logs, with what they hold and what they take."""

    list_display = ("session", "head", "oldest_event_id", "is_finished", "events", "rows", "stored", "uncompressed")
    list_select_related = ["session"]
    list_filter = ["is_finished"]
    search_fields = ["session__session_id"]
    fields = ("session", "head", "oldest_event_id", "is_finished", "events", "rows", "stored", "uncompressed")

    def has_delete_permission(self, request: HttpRequest, obj: SessionLog | None = None) -> bool:
        """Only with the session, or by `prune_event_log`."""
        return False

    def get_queryset(self, request: HttpRequest) -> QuerySet[SessionLog]:
        """Select logs with their sizes; as many queries for one as for many."""
        return SessionLog.objects.select_related("session").annotate(
            event_count=_of_blocks(Sum("event_count")),
            row_count=_of_blocks(Count("pk")),
            # Both are stored as they are: their lengths are what they take.
            stored_bytes=_of_blocks(Sum(Length("body") + Length("series"))),
            raw_bytes=_of_blocks(Sum("raw_bytes")),
        )

    @admin.display(description="Events", ordering=F("event_count"))
    def events(self, log: Any) -> int:  # noqa: ANN401 - an annotated row
        """How many are in the log still."""
        return int(log.event_count)

    @admin.display(description="Rows", ordering=F("row_count"))
    def rows(self, log: Any) -> int:  # noqa: ANN401
        """In how many rows."""
        return int(log.row_count)

    @admin.display(description="Stored", ordering=F("stored_bytes"))
    def stored(self, log: Any) -> str:  # noqa: ANN401
        """What they take in the database."""
        return filesizeformat(log.stored_bytes)

    @admin.display(description="Uncompressed", ordering=F("raw_bytes"))
    def uncompressed(self, log: Any) -> str:  # noqa: ANN401
        """What they are as plain text."""
        return filesizeformat(log.raw_bytes)
