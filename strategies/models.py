"""
What the database keeps of strategies, market data and sessions.

A `Strategy` has numbered `StrategyVersion`s, whose graphs never change; a `BacktestSession` is one run of one version
over one `DataSet`, with the `Trade`s and `NodeEvent`s that came of it and, at its end, its `SessionResult`. The rules
stand in constraints first; forms and actions say the same in friendlier words. Every change of a session goes through
`strategies.actions`.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.storage import FileSystemStorage
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils import timezone

from strategies.session_states import FINAL_STATES, SessionState

#: What a session id may look like; it stands in addresses and in the names of channels.
SESSION_ID_PATTERN = r"^[A-Za-z0-9._-]{1,64}$"

#: Words that stand in the place of a session's id in addresses.
RESERVED_SESSION_IDS = frozenset({"compare", "live"})

#: Market seconds per second of clock; faster than any machine gets, so that "as fast as possible" stays another choice.
MAX_PACE = 1_000_000

_MONEY_DIGITS = 18
_MONEY_PLACES = 2


class UploadStorage(FileSystemStorage):
    """
    Uploaded market data: kept in the data folder, and under no address of the site.

    Django would keep the first value of both; tests change the folder.
    """

    @property
    def base_location(self) -> str:
        """The folder."""
        return str(settings.DATA_DIR / "uploads")

    @property
    def location(self) -> str:
        """The folder, absolute."""
        return str(Path(self.base_location).absolute())


def uploads() -> UploadStorage:
    """Say where uploaded market data is kept; migrations name this function."""
    return UploadStorage()


def no_costs() -> dict[str, str]:
    """Return the cost configuration of trading that is free; migrations name this function."""
    return {"model": "none"}


class Strategy(models.Model):
    """A named strategy; what it does stands in its versions."""

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="strategies"
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        verbose_name_plural = "strategies"
        constraints = [
            models.CheckConstraint(condition=~Q(slug=""), name="strategy_slug_given"),
            models.CheckConstraint(condition=~Q(name=""), name="strategy_name_given"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def latest_version(self) -> StrategyVersion | None:
        """The version with the highest number; None before the first."""
        return self.versions.order_by("-number").first()


class StrategyVersion(models.Model):
    """One state of a strategy's graph. Never changed: sessions point at it and must stay repeatable."""

    strategy = models.ForeignKey(Strategy, on_delete=models.CASCADE, related_name="versions")
    #: 1, 2, 3, … within the strategy.
    number = models.PositiveIntegerField()
    #: The graph's JSON exactly as given. Text, for jsonb would reorder its keys and the engine reads them in order.
    graph_json = models.TextField()
    #: The engine's hash of what the graph means, hex.
    fingerprint = models.CharField(max_length=64)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["strategy_id", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["strategy", "number"], name="strategy_version_number_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="strategy_version_number_from_1"),
        ]

    def __str__(self) -> str:
        return f"{self.strategy} v{self.number}"

    def save(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
        """Store a new version. Raises ValidationError for one that is stored already."""
        if not self._state.adding:
            raise ValidationError(f"{self} cannot be changed; save its graph as a new version instead.")
        super().save(*args, **kwargs)

    @property
    def graph(self) -> dict[str, Any]:
        """The graph document, its keys in their order."""
        document: dict[str, Any] = json.loads(self.graph_json)
        return document


class DataSet(models.Model):
    """Market data to run strategies on."""

    class Kind(models.TextChoices):
        """Where the ticks come from."""

        SAMPLE = "sample", "Sample day (simulated)"
        FILES = "files", "Uploaded files"

    slug = models.SlugField(max_length=64, unique=True)
    name = models.CharField(max_length=200)
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.FILES)
    #: Seed of the simulated day; only for samples.
    seed = models.BigIntegerField(null=True, blank=True)
    ticks_file = models.FileField(upload_to="data_sets/", storage=uploads, blank=True, max_length=255)
    warmup_file = models.FileField(upload_to="data_sets/", storage=uploads, blank=True, max_length=255)
    #: Hash of the content, hex; empty until it was first read.
    fingerprint = models.CharField(max_length=64, blank=True, editable=False)
    first_date = models.DateField(null=True, blank=True, editable=False)
    last_date = models.DateField(null=True, blank=True, editable=False)
    #: Seconds of market data; None until it was first read.
    total_ticks = models.PositiveIntegerField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=~Q(slug=""), name="data_set_slug_given"),
            models.CheckConstraint(
                condition=Q(kind="sample", seed__isnull=False, ticks_file="")
                | (Q(kind="files", seed__isnull=True) & ~Q(ticks_file="")),
                name="data_set_has_one_source",
            ),
            models.CheckConstraint(
                condition=Q(first_date__isnull=True) | Q(last_date__gte=F("first_date")), name="data_set_dates_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BacktestSession(models.Model):
    """One run of one strategy version over one data set."""

    session_id = models.CharField(
        max_length=64,
        unique=True,
        validators=[RegexValidator(SESSION_ID_PATTERN, "Use 1 to 64 letters, digits, dots, hyphens or underscores.")],
    )
    strategy_version = models.ForeignKey(StrategyVersion, on_delete=models.PROTECT, related_name="sessions")
    data_set = models.ForeignKey(DataSet, on_delete=models.PROTECT, related_name="sessions")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="backtest_sessions"
    )
    state = models.CharField(max_length=16, choices=SessionState, default=SessionState.QUEUED)
    #: First and last day to run, both included; None: all that the data set has.
    start_date = models.DateField(null=True, blank=True)
    end_date = models.DateField(null=True, blank=True)
    #: Market seconds per second of clock; None: as fast as possible.
    pace = models.FloatField(
        null=True, blank=True, validators=[MinValueValidator(0, "Give a pace above 0."), MaxValueValidator(MAX_PACE)]
    )
    #: How orders fill, as `strategies.engine.fills` reads it; empty for its defaults.
    fills = models.JSONField(default=dict, blank=True)
    #: What fills cost, as `strategies.engine.cost_config` reads it.
    costs = models.JSONField(default=no_costs)
    #: What the run begins with, quote currency; None leaves the figures that need it undefined.
    capital = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    ticks_done = models.PositiveIntegerField(default=0, editable=False)
    #: None until the market data was read.
    total_ticks = models.PositiveIntegerField(null=True, blank=True, editable=False)
    #: Why it failed, for a person; empty unless it did.
    error = models.TextField(blank=True, editable=False)
    #: The trade summary at the end, with all costs and the net profit; None until there is one. The rest, which no
    #: list needs, is in `SessionResult`.
    result = models.JSONField(null=True, blank=True, editable=False)
    cancel_requested = models.BooleanField(default=False, editable=False)
    #: Who asked for the end, and when; None where nobody did, or nobody who signed in.
    cancel_requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, editable=False, on_delete=models.SET_NULL, related_name="+"
    )
    cancel_requested_at = models.DateTimeField(null=True, blank=True, editable=False)
    #: How often a worker took it and did not come to an end, the present time included.
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # The list page and /api/sessions/: the newest first, of everybody or of one owner.
            models.Index(fields=["-created_at", "-id"], name="session_newest"),
            models.Index(fields=["owner", "-created_at"], name="session_newest_of_owner"),
            # The worker's search for sessions that nobody runs; the finished ones are the many.
            models.Index(fields=["state"], name="session_active", condition=Q(state__in=["queued", "running"])),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(session_id__regex=SESSION_ID_PATTERN), name="session_id_is_plain"),
            models.CheckConstraint(condition=Q(state__in=SessionState.values), name="session_state_known"),
            # The upper bound also keeps NaN out, which Postgres counts as greater than every number.
            models.CheckConstraint(
                condition=Q(pace__isnull=True) | Q(pace__gt=0, pace__lte=MAX_PACE), name="session_pace_positive"
            ),
            models.CheckConstraint(
                condition=Q(total_ticks__isnull=True) | Q(ticks_done__lte=F("total_ticks")),
                name="session_progress_within_total",
            ),
            models.CheckConstraint(
                condition=Q(capital__isnull=True) | Q(capital__gt=0), name="session_capital_above_zero"
            ),
            models.CheckConstraint(
                condition=Q(start_date__isnull=True) | Q(end_date__isnull=True) | Q(end_date__gte=F("start_date")),
                name="session_dates_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in sorted(FINAL_STATES)], finished_at__isnull=False)
                | (~Q(state__in=[state.value for state in sorted(FINAL_STATES)]) & Q(finished_at__isnull=True)),
                name="session_finished_at_says_final",
            ),
            models.CheckConstraint(
                condition=(Q(state="failed") & ~Q(error="")) | (~Q(state="failed") & Q(error="")),
                name="session_error_says_failed",
            ),
        ]

    def __str__(self) -> str:
        return self.session_id

    @property
    def is_finished(self) -> bool:
        """Whether it has come to its end, whichever."""
        return self.state in FINAL_STATES

    @property
    def queue_position(self) -> int | None:
        """Its place among the queued sessions, 1 for the one that is next; None where it is not queued."""
        if self.state != SessionState.QUEUED:
            return None
        earlier = Q(created_at__lt=self.created_at) | Q(created_at=self.created_at, pk__lt=self.pk)
        return 1 + BacktestSession.objects.filter(earlier, state=SessionState.QUEUED).count()

    @property
    def revision(self) -> str:
        """Name its content: equal only for the same session in the same state, 16 hex digits."""
        facts = f"{self.pk} {self.created_at.isoformat()} {self.state} {self.finished_at}"
        return hashlib.sha256(facts.encode()).hexdigest()[:16]

    @property
    def progress_percent(self) -> float:
        """How much of the market data is done, 0 to 100, one decimal place."""
        if self.state == SessionState.COMPLETED:
            return 100.0
        return round(100.0 * self.ticks_done / self.total_ticks, 1) if self.total_ticks else 0.0


class SessionResult(models.Model):
    """What a session came to: costs, net profit, equity curve, figures."""

    session = models.OneToOneField(BacktestSession, on_delete=models.CASCADE, related_name="results")
    #: The engine's result document. Text, so that equal runs keep equal bytes.
    document_json = models.TextField()

    def __str__(self) -> str:
        return f"Results of {self.session_id}"

    @property
    def document(self) -> dict[str, Any]:
        """The result document."""
        document: dict[str, Any] = json.loads(self.document_json)
        return document


class Trade(models.Model):
    """A closed trade, as a `trade_update` told it; what it cost is known when its session ends."""

    session = models.ForeignKey(BacktestSession, on_delete=models.CASCADE, related_name="trades")
    #: The event that told it.
    event_id = models.BigIntegerField()
    trade_id = models.CharField(max_length=255)
    position_id = models.CharField(max_length=255)
    #: 0 for the first entry.
    re_entry_num = models.PositiveIntegerField()
    symbol = models.CharField(max_length=255)
    side = models.CharField(max_length=8)
    #: Units, not lots.
    quantity = models.BigIntegerField()
    #: Quote currency per unit.
    entry_price = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES)
    entry_time = models.DateTimeField()
    exit_price = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES)
    exit_time = models.DateTimeField()
    #: Quote currency, costs not included; negative for a loss.
    pnl = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES)
    #: Its share of the costs of its days, and `pnl` less that; None until the session ends.
    costs = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    net_pnl = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    #: The lowest (<= 0) and highest (>= 0) profit that it showed; None until the session ends.
    mae = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    mfe = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    #: What kind of exit closed it: signal, stop_loss, …; empty for trades from before this was kept.
    exit_type = models.CharField(max_length=32, blank=True)
    #: The price that decided the exit; None for trades from before this was kept.
    trigger_price = models.DecimalField(max_digits=_MONEY_DIGITS, decimal_places=_MONEY_PLACES, null=True, blank=True)
    status = models.CharField(max_length=16)
    entry_trigger = models.TextField(blank=True)
    exit_reason = models.TextField(blank=True)
    closed_by = models.CharField(max_length=255, blank=True)
    #: The trade's JSON as the event told it, text, so that a snapshot made of it has the event's bytes.
    record_json = models.TextField()

    class Meta:
        ordering = ["session_id", "event_id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "event_id"], name="trade_event_once"),
            models.UniqueConstraint(fields=["session", "trade_id"], name="trade_id_once"),
            models.CheckConstraint(condition=Q(side__in=["buy", "sell"]), name="trade_side_known"),
            models.CheckConstraint(condition=Q(exit_time__gte=F("entry_time")), name="trade_times_in_order"),
        ]

    def __str__(self) -> str:
        return self.trade_id

    @property
    def record(self) -> dict[str, Any]:
        """The trade as the event told it."""
        document: dict[str, Any] = json.loads(self.record_json)
        return document


class NodeEvent(models.Model):
    """A node completed its logic, as a `node_event` told it."""

    session = models.ForeignKey(BacktestSession, on_delete=models.CASCADE, related_name="node_events")
    #: The event that told it.
    event_id = models.BigIntegerField()
    execution_id = models.CharField(max_length=255)
    #: The execution that activated this one; empty for the first node.
    parent_execution_id = models.CharField(max_length=255, blank=True)
    node_id = models.CharField(max_length=255)
    node_name = models.TextField(blank=True)
    node_type = models.CharField(max_length=64)
    timestamp = models.DateTimeField()
    event_type = models.CharField(max_length=64)
    signal_emitted = models.BooleanField()
    conditions_preview = models.TextField(blank=True)
    #: The event's JSON without its envelope, text, so that a snapshot made of it has the event's bytes.
    record_json = models.TextField()

    class Meta:
        ordering = ["session_id", "event_id"]
        constraints = [
            models.UniqueConstraint(fields=["session", "event_id"], name="node_event_once"),
            models.UniqueConstraint(fields=["session", "execution_id"], name="node_event_execution_once"),
        ]
        indexes = [
            # The filter by node of /api/sessions/…/node-events/ and of the session's page.
            models.Index(fields=["session", "node_id"], name="node_event_of_node"),
        ]

    def __str__(self) -> str:
        return self.execution_id

    @property
    def record(self) -> dict[str, Any]:
        """The node event as it was told, without its envelope."""
        document: dict[str, Any] = json.loads(self.record_json)
        return document
