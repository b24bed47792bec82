"""
The pages: sessions, one session, one strategy; and what the signed-in may do on them.

A page is whole without JavaScript: everything it shows is read here. What belongs to the stream is given to the view
by functions of the layer above (`read_live`, `read_viewer_state`, `read_why`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from strategies import actions, document_diff, graph_svg, node_states, strategy_words
from strategies import session_list as session_listing
from strategies.models import MAX_PACE, BacktestSession, DataSet, Strategy, StrategyVersion, Trade, no_costs
from strategies.node_states import NodeState
from strategies.session_states import SessionState

#: The cost configurations that the form offers, by the value of its choice; REST and admin take any.
_COSTS: Final[Mapping[str, Mapping[str, object]]] = {
    "none": no_costs(),
    "indian_fno": {"model": "indian_fno", "broker": "flat_20"},
    "indian_fno_zero": {"model": "indian_fno", "broker": "zero"},
}
_COST_LABELS: Final = (
    ("none", "none"),
    ("indian_fno", "Indian F&O, Rs 20 an order"),
    ("indian_fno_zero", "Indian F&O, no brokerage"),
)
#: What the keys of a session's page do. One that is typed into a field does nothing, and all can be switched off.
_KEYS: Final = (
    ("Time", (("Space", "play, or hold this moment"), ("← →", "a tick back or on"),
              ("Shift ← →", "60 ticks back or on"), ("P N", "previous or next entry or exit"),
              ("[ ]", "slower or faster"), ("L", "to the newest tick"))),
    ("Places", (("W", "why?"), ("G", "the strategy’s graph"), ("T", "the trades"), ("/", "the events’ filter"),
                ("E", "export"), ("?", "the keys"), ("Esc", "close what is open"))),
    ("In the graph", (("Tab", "from node to node"), ("Enter", "why this node"))),
)  # fmt: skip
_TIMINGS: Final = (("this_tick", "in the tick of the signal"), ("next_tick", "in the next tick"))


class StartForm(forms.Form):
    """What to run, on what, how fast, and with which assumptions."""

    strategy: forms.ModelChoiceField[Strategy] = forms.ModelChoiceField(
        queryset=None, to_field_name="slug", empty_label="choose one"
    )
    data_set = forms.ModelChoiceField(queryset=DataSet.objects.all(), to_field_name="slug", empty_label="choose one")
    pace = forms.FloatField(
        required=False,
        min_value=0.001,
        max_value=MAX_PACE,
        help_text="Market seconds per second; empty for as fast as possible.",
    )
    timing = forms.ChoiceField(required=False, choices=_TIMINGS)
    slippage_percent = forms.FloatField(required=False, min_value=0, max_value=50)
    costs = forms.ChoiceField(required=False, choices=_COST_LABELS)
    capital = forms.DecimalField(required=False, min_value=Decimal("0.01"), max_digits=16, decimal_places=2)

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Django's own signature
        super().__init__(*args, **kwargs)
        choice = self.fields["strategy"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = actions.visible_strategies(user).filter(versions__isnull=False).distinct()

    def fills(self) -> dict[str, Any]:
        """How orders should fill; what was left empty keeps the engine's default."""
        return {name: value for name in ("timing", "slippage_percent") if (value := self.cleaned_data[name])}

    def cost_configuration(self) -> Mapping[str, object]:
        """What fills should cost."""
        return _COSTS[self.cleaned_data["costs"] or "none"]


@require_safe
def session_list(
    request: HttpRequest, read_live: Callable[[AbstractBaseUser | AnonymousUser], dict[str, Any]]
) -> HttpResponse:
    """Show the sessions as the address asks for them, newest first unless it says otherwise."""
    strategies = actions.visible_strategies(request.user)
    shown = session_listing.read_list(
        request.GET, sessions=actions.visible_sessions(request.user), strategies=strategies
    )
    context = {
        "sessions": shown.page.object_list,
        "page": shown.page,
        "filter": shown.form,
        "sort": shown.sort,
        "is_descending": shown.is_descending,
        "total": shown.total,
        "live": read_live(request.user),
        "states": SessionState.choices,
        "strategies": strategies,
        "form": StartForm(user=request.user) if request.user.is_authenticated else None,
        "can_act": request.user.is_authenticated,
    }
    return render(request, "sessions/list.html", context)


@require_safe
def session_detail(
    request: HttpRequest,
    session_id: str,
    read_viewer_state: Callable[[BacktestSession], dict[str, Any]],
    read_why: Callable[[BacktestSession], tuple[dict[str, Any] | None, Mapping[str, NodeState]]],
) -> HttpResponse:
    """Show one session as it is now; the page's script goes on from there."""
    session = _visible_session(request, session_id)
    graph = session.strategy_version.graph
    trades = list(session.trades.order_by("event_id"))
    why, states = read_why(session)
    context = {
        "session": session,
        "state": read_viewer_state(session),
        "trades": trades,
        "markers": _markers(trades),
        "node_events": session.node_events.order_by("event_id"),
        "graph": graph,
        "graph_svg": graph_svg.graph_svg(graph, states),
        "why": why,
        "progress_percent": session.progress_percent,
        "can_act": actions.can_act(request.user, session),
    }
    return render(request, "sessions/session.html", context)


@require_safe
def strategy_detail(request: HttpRequest, slug: str, number: int | None = None) -> HttpResponse:
    """Show a version of a strategy (the latest without a number): its graph in picture and words, its sessions."""
    strategy = get_object_or_404(actions.visible_strategies(request.user), slug=slug)
    versions = list(strategy.versions.order_by("-number"))
    version = next((each for each in versions if number in (None, each.number)), None)
    if number is not None and version is None:
        raise Http404(f"The strategy has no version {number}.")
    graph = None if version is None else version.graph
    words = {} if version is None else strategy_words.words_of_json(version.graph_json)
    before = None if version is None else next((each for each in versions if each.number < version.number), None)
    sessions = actions.visible_sessions(request.user).filter(strategy_version__strategy=strategy)
    if number is not None:
        sessions = sessions.filter(strategy_version=version)
    context = {
        "strategy": strategy,
        "version": version,
        "versions": versions,
        "is_latest": bool(versions) and version == versions[0],
        "before": before,
        "changes": document_diff.differences([before.graph, graph]) if before is not None else [],
        "graph": graph,
        "graph_svg": None if graph is None else graph_svg.graph_svg(graph),
        "nodes": [] if graph is None else _nodes_in_words(graph, words),
        "sessions": sessions[: session_listing.SESSIONS_PER_PAGE],
        "session_count": sessions.count(),
        "can_act": request.user.is_authenticated,
    }
    return render(request, "strategies/strategy.html", context)


def _nodes_in_words(graph: Mapping[str, Any], words: Mapping[str, strategy_words.NodeWords]) -> list[dict[str, Any]]:
    return [
        {
            "id": node["id"],
            "name": node_states.name_of(node),
            "kind": node_states.kind_words(str(node.get("type", ""))),
            "words": words.get(str(node["id"])),
            "preview": (node.get("data") or {}).get("conditionsPreview", ""),
        }
        for node in node_states.drawn_nodes(graph)
    ]


@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Say what the keys do, and where to read on."""
    groups = [(name, [(keys.split(), words) for keys, words in rows]) for name, rows in _KEYS]
    return render(request, "help.html", {"key_groups": groups})


@require_POST
@login_required
def session_start(request: HttpRequest) -> HttpResponse:
    """Queue a session and show its page."""
    form = StartForm(request.POST, user=request.user)
    if not form.is_valid():
        for field, faults in form.errors.items():
            messages.error(request, f"{field}: {' '.join(str(fault) for fault in faults)}")
        return redirect("session-list")
    version = StrategyVersion.objects.filter(strategy=form.cleaned_data["strategy"]).order_by("-number")[0]
    try:
        session = actions.queue_session(
            version=version,
            data_set=form.cleaned_data["data_set"],
            owner=_signed_in(request),
            pace=form.cleaned_data["pace"],
            fills=form.fills(),
            costs=form.cost_configuration(),
            capital=form.cleaned_data["capital"],
        )
    except (actions.ActionError, ValidationError) as error:
        messages.error(request, str(error))
        return redirect("session-list")
    return redirect("session", session_id=session.session_id)


@require_POST
@login_required
def session_cancel(request: HttpRequest, session_id: str) -> HttpResponse:
    """Cancel a session and show its page."""
    session = _own_session(request, session_id)
    try:
        actions.cancel_session(session, by=_signed_in(request))
    except actions.StepRefused as error:
        messages.warning(request, str(error))
    return redirect("session", session_id=session_id)


@require_POST
@login_required
def session_again(request: HttpRequest, session_id: str) -> HttpResponse:
    """Queue the same once more and show the new session's page."""
    session = _visible_session(request, session_id)
    again = actions.run_again(session, owner=_signed_in(request))
    return redirect("session", session_id=again.session_id)


def _markers(trades: Sequence[Trade]) -> list[dict[str, Any]]:
    """List entries and exits in the order of their time: what charts draw, and what is said where there are none."""
    markers = []
    for trade in trades:
        of_both = {"trade_id": trade.trade_id, "symbol": trade.symbol, "side": trade.side, "quantity": trade.quantity}
        entry = {"kind": "entry", "time": trade.entry_time, "price": trade.entry_price, "reason": trade.entry_trigger}
        exit_ = {"kind": "exit", "time": trade.exit_time, "price": trade.exit_price, "reason": trade.exit_reason}
        markers += [of_both | entry, of_both | exit_ | {"exit_type": trade.exit_type, "pnl": trade.pnl}]
    return sorted(markers, key=lambda marker: marker["time"])


def _visible_session(request: HttpRequest, session_id: str) -> BacktestSession:
    return get_object_or_404(actions.visible_sessions(request.user), session_id=session_id)


def _own_session(request: HttpRequest, session_id: str) -> BacktestSession:
    session = _visible_session(request, session_id)
    if not actions.can_act(request.user, session):
        # What somebody may not do to a session is no secret where they may look at it, yet the answer stays the same.
        raise Http404("There is no such session.")
    return session


def _signed_in(request: HttpRequest) -> Any:  # noqa: ANN401 - login_required has made sure that it is a user
    return request.user
