"""
The admin: strategies with their graphs, data sets with their files, sessions with what came of them.

Graphs, files and settings are checked at the door, with every fault shown. A session that is added is queued; after
that it is read-only: what can happen to it is offered as actions, each of which is one call to `strategies.actions`.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from strategies import actions, user_admin
from strategies.models import BacktestSession, DataSet, NodeEvent, Strategy, StrategyVersion, Trade

if TYPE_CHECKING:
    # Django's own classes take no type arguments while the program runs.
    _StrategyForm = forms.ModelForm[Strategy]
    _DataSetForm = forms.ModelForm[DataSet]
    _SessionForm = forms.ModelForm[BacktestSession]
    _AnyAdmin = admin.ModelAdmin[Any]
    _StrategyAdmin = admin.ModelAdmin[Strategy]
    _DataSetAdmin = admin.ModelAdmin[DataSet]
else:
    _StrategyForm = _DataSetForm = _SessionForm = forms.ModelForm
    _AnyAdmin = _StrategyAdmin = _DataSetAdmin = admin.ModelAdmin


#: Registered by being imported.
__all__ = ["user_admin"]


class StrategyForm(_StrategyForm):
    """A strategy and its graph; saving another graph makes the next version."""

    graph = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 30, "cols": 120, "spellcheck": "false"}),
        help_text="The graph as JSON. Saving a changed graph makes a new version; earlier sessions keep theirs.",
    )

    class Meta:
        model = Strategy
        fields = ["name", "slug", "owner"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
        super().__init__(*args, **kwargs)
        version = self.instance.latest_version if self.instance.pk else None
        if version is not None:
            self.fields["graph"].initial = json.dumps(version.graph, indent=2, ensure_ascii=False)

    def clean_graph(self) -> dict[str, Any]:
        """Check the graph as the engine does."""
        try:
            document = json.loads(self.cleaned_data["graph"])
        except json.JSONDecodeError as error:
            raise ValidationError(
                f"Line {error.lineno}, column {error.colno} is not JSON: {error.msg}. Paste the whole graph."
            ) from error
        except RecursionError as error:
            raise ValidationError("The graph is nested too deeply.") from error
        try:
            actions.check_graph(document)
        except actions.StrategyRefused as error:
            raise ValidationError([ValidationError(fault) for fault in str(error).splitlines()]) from error
        return dict(document)


class DataSetForm(_DataSetForm):
    """A data set; its files are read whole before they are kept."""

    class Meta:
        model = DataSet
        fields = ["name", "slug", "kind", "seed", "ticks_file", "warmup_file"]
        help_texts = {
            "seed": "Only for a sample day.",
            "ticks_file": "Raw ticks, .parquet, .csv or .csv.gz: timestamp, symbol, ltp and, if known, volume and oi.",
            "warmup_file": "One-minute candles of the underlying from before the day (optional).",
        }

    def clean(self) -> dict[str, Any]:
        """Check that there is one source, and read it."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("kind") == DataSet.Kind.SAMPLE:
            self._check_sample(cleaned)
        elif cleaned.get("kind") == DataSet.Kind.FILES:
            self._check_files(cleaned)
        return cleaned

    def _check_sample(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("seed") is None:
            self.add_error("seed", "A sample day needs a seed: any whole number.")
        if cleaned.get("ticks_file") or cleaned.get("warmup_file"):
            self.add_error("kind", "A sample day has no files; choose uploaded files or leave them out.")
        if not self.errors:
            actions.describe_data_set(
                self.instance, actions.load_data_set(DataSet(kind="sample", seed=cleaned["seed"]))
            )

    def _check_files(self, cleaned: dict[str, Any]) -> None:
        if cleaned.get("seed") is not None:
            self.add_error("seed", "Only a sample day has a seed; leave it empty.")
        if not cleaned.get("ticks_file"):
            self.add_error("ticks_file", "Choose a file with raw ticks.")
        if self.errors:
            return
        with tempfile.TemporaryDirectory(prefix="data-set-") as folder:
            ticks, warmup = (_on_disk(cleaned.get(name), Path(folder) / name) for name in ("ticks_file", "warmup_file"))
            assert ticks is not None
            try:
                actions.describe_data_set(self.instance, actions.load_files(ticks=ticks, warmup=warmup))
            except actions.DataSetRefused as error:
                # The reader names the file by its path; whoever uploaded it knows it by its name.
                self.add_error(None, str(error).replace(f"{ticks.parent}/", "").replace(f"{folder}/", ""))


class SessionForm(_SessionForm):
    """A run to queue."""

    class Meta:
        model = BacktestSession
        fields = ["strategy_version", "data_set", "start_date", "end_date", "pace", "fills", "costs", "capital"]
        help_texts = {
            "start_date": "Included; empty for the data set's first day.",
            "end_date": "Included; empty for the data set's last day.",
            "pace": "Market seconds per second; empty for as fast as possible.",
            "fills": 'Such as {"timing": "next_tick", "slippage_percent": 0.1}; {} for the defaults.',
            "costs": 'Such as {"model": "indian_fno", "broker": "flat_20"}, or {"model": "none"}.',
            "capital": "What the run begins with; empty leaves percentages and ratios undefined.",
        }

    def clean(self) -> dict[str, Any]:
        """Check the settings as the engine does."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.errors:
            return cleaned
        try:
            actions.check_settings(
                version=cleaned["strategy_version"],
                data_set=cleaned["data_set"],
                start_date=cleaned["start_date"],
                end_date=cleaned["end_date"],
                fills=cleaned["fills"],
                costs=cleaned["costs"],
                capital=cleaned["capital"],
            )
        except actions.SettingsRefused as error:
            for name, fault in error.faults.items():
                self.add_error(name, [ValidationError(line) for line in fault.splitlines()])
        except actions.DataSetRefused as error:
            self.add_error(None, str(error))
        return cleaned


def _on_disk(file: Any, folder: Path) -> Path | None:  # noqa: ANN401 - an upload or a stored file
    """Find or put an uploaded file on disk under its own name: the reader goes by the suffix."""
    if not file:
        return None
    if not isinstance(file, UploadedFile):
        return Path(file.path)
    folder.mkdir()
    path = folder / Path(file.name or "upload").name
    with path.open("wb") as target:
        file.seek(0)
        shutil.copyfileobj(file, target)
    file.seek(0)
    return path


@admin.action(description="Run backtest on the sample or first data set")
def run_backtest(admin_site: admin.ModelAdmin[Any], request: HttpRequest, chosen: QuerySet[Any]) -> None:
    """Queue a session for each chosen strategy or version."""
    data_set = DataSet.objects.order_by("-kind", "pk").first()
    if data_set is None:
        admin_site.message_user(request, "There is no data set yet; add one first.", messages.ERROR)
        return
    for item in chosen:
        version = item.latest_version if isinstance(item, Strategy) else item
        if version is None:
            admin_site.message_user(request, f"{item} has no graph yet.", messages.ERROR)
            continue
        session = actions.queue_session(version=version, data_set=data_set, owner=_user(request))
        admin_site.message_user(request, _queued(session), messages.SUCCESS)


def _queued(session: BacktestSession) -> str:
    address = reverse("session", args=[session.session_id])
    return format_html('Queued: <a href="{}">{}</a>', address, session.session_id)


def _user(request: HttpRequest) -> Any:  # noqa: ANN401 - the admin has made sure that it is a user
    return request.user


class ReadOnly(_AnyAdmin):
    """Rows that only the program writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ANN401
        """Never."""
        return False


@admin.register(Strategy)
class StrategyAdmin(_StrategyAdmin):
    """Strategies and their graphs."""

    form = StrategyForm
    list_display = ["name", "slug", "owner", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["name", "slug"]
    prepopulated_fields = {"slug": ["name"]}
    actions = [run_backtest]

    def save_model(self, request: HttpRequest, obj: Strategy, form: forms.ModelForm[Strategy], change: bool) -> None:
        """Store the strategy and, where the graph is another one, its next version."""
        super().save_model(request, obj, form, change)
        actions.save_graph(obj, form.cleaned_data["graph"])


@admin.register(StrategyVersion)
class StrategyVersionAdmin(ReadOnly):
    """Versions, as they were saved."""

    list_display = ["strategy", "number", "fingerprint", "created_at"]
    list_select_related = ["strategy"]
    list_filter = ["strategy"]
    actions = [run_backtest]

    def has_delete_permission(self, request: HttpRequest, obj: StrategyVersion | None = None) -> bool:
        """Only with the strategy: numbers have no holes."""
        return False


@admin.register(DataSet)
class DataSetAdmin(_DataSetAdmin):
    """Market data."""

    form = DataSetForm
    list_display = ["name", "slug", "kind", "first_date", "last_date", "total_ticks"]
    readonly_fields = ["fingerprint", "first_date", "last_date", "total_ticks", "created_at"]
    search_fields = ["name", "slug"]


@admin.register(BacktestSession)
class BacktestSessionAdmin(ReadOnly):
    """Sessions, and what can be done with them."""

    form = SessionForm
    list_display = [
        "session_id",
        "state",
        "strategy_version",
        "data_set",
        "owner",
        "progress",
        "gross_pnl",
        "net_pnl",
        "created_at",
        "page",
    ]
    list_select_related = ["strategy_version__strategy", "data_set", "owner"]
    list_filter = ["state", "strategy_version__strategy", "data_set"]
    search_fields = ["session_id"]
    date_hierarchy = "created_at"
    actions = ["run_again", "cancel"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may add sessions, as Django's permissions say: adding one queues it."""
        return super(ReadOnly, self).has_add_permission(request)

    def get_fields(self, request: HttpRequest, obj: BacktestSession | None = None) -> Any:  # noqa: ANN401
        """The settings of a new one; everything of one that is there."""
        return SessionForm.Meta.fields if obj is None else [field.name for field in obj._meta.fields]

    def save_model(
        self, request: HttpRequest, obj: BacktestSession, form: forms.ModelForm[BacktestSession], change: bool
    ) -> None:
        """Queue it."""
        chosen = dict(form.cleaned_data)
        queued = actions.queue_session(version=chosen.pop("strategy_version"), owner=_user(request), **chosen)
        obj.__dict__.update(queued.__dict__)

    @admin.display(description="Gross P&L")
    def gross_pnl(self, session: BacktestSession) -> str:
        """What its trades earned before costs."""
        return str((session.result or {}).get("total_pnl", "—"))

    @admin.display(description="Net P&L")
    def net_pnl(self, session: BacktestSession) -> str:
        """What they earned after costs."""
        return str((session.result or {}).get("net_pnl", "—"))

    @admin.display(description="Progress")
    def progress(self, session: BacktestSession) -> str:
        """How much of the market data is done."""
        return f"{session.progress_percent:g} %"

    @admin.display(description="Page")
    def page(self, session: BacktestSession) -> str:
        """Where it is shown live."""
        return format_html('<a href="{}">Watch</a>', reverse("session", args=[session.session_id]))

    @admin.action(description="Run backtest again")
    def run_again(self, request: HttpRequest, chosen: QuerySet[BacktestSession]) -> None:
        """Queue each once more as a new session."""
        for session in chosen:
            again = actions.run_again(session, owner=_user(request))
            self.message_user(request, _queued(again), messages.SUCCESS)

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, chosen: QuerySet[BacktestSession]) -> None:
        """Cancel each that is not finished."""
        for session in chosen:
            try:
                actions.cancel_session(session, by=_user(request))
            except actions.StepRefused as error:
                self.message_user(request, str(error), messages.WARNING)
            else:
                self.message_user(request, f"Session {session} is cancelled or will be in a moment.", messages.SUCCESS)


@admin.register(Trade)
class TradeAdmin(ReadOnly):
    """Closed trades."""

    list_display = [
        "trade_id",
        "session",
        "symbol",
        "side",
        "quantity",
        "entry_price",
        "exit_price",
        "pnl",
        "costs",
        "net_pnl",
        "exit_type",
        "exit_time",
    ]
    list_select_related = ["session"]
    list_filter = ["side", "exit_type"]
    search_fields = ["trade_id", "session__session_id", "symbol"]


@admin.register(NodeEvent)
class NodeEventAdmin(ReadOnly):
    """Node events."""

    list_display = ["execution_id", "session", "node_name", "node_type", "timestamp", "signal_emitted"]
    list_select_related = ["session"]
    list_filter = ["node_type"]
    search_fields = ["node_id", "session__session_id"]
