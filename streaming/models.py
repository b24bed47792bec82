"""
The event log of a session, as the database keeps it.

`EventBlock` rows hold the frames of the session's events, compressed in segments (see `streaming.protocol.segments`).
`SessionLog` says how far they reach and holds what a snapshot needs besides the session's trades and node events.
Blocks, head, trades, node events and progress of a batch commit together; `streaming.event_log` reads them together.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from strategies.models import BacktestSession


class SessionLog(models.Model):
    """How far a session's log reaches, and the state at its head."""

    session = models.OneToOneField(BacktestSession, on_delete=models.CASCADE, primary_key=True, related_name="log")
    #: The newest event's id; None before the first.
    head = models.BigIntegerField(null=True, blank=True)
    #: The oldest event that the blocks still hold.
    oldest_event_id = models.BigIntegerField(default=0)
    #: Whether head is the session's last event.
    is_finished = models.BooleanField(default=False)
    #: When the newest batch was written, by the database's clock; None before the first.
    written_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: What the first event says of the session; part of every snapshot.
    strategy_id = models.TextField(blank=True)
    start_date = models.CharField(max_length=10, blank=True)
    end_date = models.CharField(max_length=10, blank=True)
    #: The `date` of the trades document.
    trades_date = models.CharField(max_length=10, blank=True)
    #: JSON of the trades document's summary as of head; empty before the first event.
    summary_json = models.BinaryField(default=b"")
    #: JSON of the last tick_update's payload; `null` before the first.
    current_state_json = models.BinaryField(default=b"null")

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(head__isnull=True) | Q(head__gte=0), name="log_head_from_0"),
            models.CheckConstraint(condition=Q(oldest_event_id__gte=0), name="log_oldest_from_0"),
            models.CheckConstraint(
                condition=Q(is_finished=False) | Q(head__isnull=False), name="log_finished_has_events"
            ),
        ]

    def __str__(self) -> str:
        return f"log of {self.session_id}"


class EventBlock(models.Model):
    """Frames of consecutive events, compressed; decodable from the segment's first block on."""

    session = models.ForeignKey(BacktestSession, on_delete=models.CASCADE, related_name="event_blocks")
    first_event_id = models.BigIntegerField()
    #: Included.
    last_event_id = models.BigIntegerField()
    #: Whether decoding may begin here.
    starts_segment = models.BooleanField()
    event_count = models.PositiveIntegerField()
    #: Bytes of the frames before compression.
    raw_bytes = models.PositiveIntegerField()
    #: Bytes of all the session's frames through this block.
    raw_through = models.BigIntegerField()
    #: CRC-32 of all the session's frames before this block, and through it.
    crc32_before = models.BigIntegerField()
    crc32_through = models.BigIntegerField()
    #: Raw deflate.
    body = models.BinaryField()
    #: What the charts need of the block's ticks, packed by `streaming.event_log.pack_series`; empty without ticks.
    series = models.BinaryField(default=b"")

    class Meta:
        ordering = ["session_id", "first_event_id"]
        constraints = [
            # Also the index of every read: blocks of one session from an event on, in order.
            models.UniqueConstraint(fields=["session", "first_event_id"], name="block_first_event_once"),
            models.CheckConstraint(
                condition=Q(event_count=F("last_event_id") - F("first_event_id") + 1), name="block_counts_its_events"
            ),
            models.CheckConstraint(condition=Q(event_count__gte=1), name="block_not_empty"),
        ]
        indexes = [
            # Where decoding begins for an event: the last segment start before it.
            models.Index(fields=["session", "first_event_id"], name="block_segment", condition=Q(starts_segment=True)),
        ]

    def __str__(self) -> str:
        return f"events {self.first_event_id} to {self.last_event_id}"
