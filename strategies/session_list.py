"""
The list of sessions as an address asks for it: filtered, sorted and in pages.

Every choice stands in the address, so that a list can be sent to somebody else. What is not understood is told, and
passed over: a list is shown all the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django import forms
from django.core.paginator import Page, Paginator
from django.db.models import DecimalField, F, IntegerField, Q, QuerySet
from django.db.models.expressions import Expression, OrderBy
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce
from django.http import QueryDict

from strategies.models import BacktestSession, Strategy
from strategies.session_states import SessionState

SESSIONS_PER_PAGE: Final = 25
_LONGEST_TEXT: Final = 64
_MONEY: Final = DecimalField(max_digits=20, decimal_places=2)

#: What the list can be sorted by, with what a heading calls it.
SORTS: Final[Mapping[str, F | Expression]] = {
    "created": F("created_at"),
    "session": F("session_id"),
    "state": F("state"),
    "strategy": F("strategy_version__strategy__name"),
    "data": F("data_set__name"),
    "pnl": F("pnl"),
    "drawdown": Cast(KeyTextTransform("max_drawdown", "result"), _MONEY),
    "trades": Cast(KeyTextTransform("total_trades", "result"), IntegerField()),
}
_DEFAULT_SORT: Final = "-created"


class SessionFilterForm(forms.Form):
    """What the list shows; every field may be empty."""

    q = forms.CharField(required=False, max_length=_LONGEST_TEXT, label="Text", strip=True)
    strategy: forms.ModelChoiceField[Strategy] = forms.ModelChoiceField(
        queryset=None, to_field_name="slug", required=False, empty_label="all"
    )
    state = forms.MultipleChoiceField(required=False, choices=SessionState.choices)
    day = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    pnl = forms.ChoiceField(
        required=False, label="P&L", choices=[("", "any"), ("profit", "profit"), ("loss", "loss"), ("none", "none yet")]
    )
    sort = forms.ChoiceField(required=False, choices=[(f"{sign}{name}", name) for name in SORTS for sign in ("", "-")])

    def __init__(self, data: QueryDict, *, strategies: QuerySet[Strategy]) -> None:
        super().__init__(data)
        choice = self.fields["strategy"]
        assert isinstance(choice, forms.ModelChoiceField)
        choice.queryset = strategies
        self.is_valid()

    @property
    def is_filtering(self) -> bool:
        """Whether anything is left out."""
        return any(self.cleaned_data.get(name) for name in ("q", "strategy", "state", "day", "pnl"))

    @property
    def faults(self) -> list[str]:
        """What was not understood, for a person."""
        return [
            f"{self.fields[name].label or name}: {' '.join(map(str, found))}" for name, found in self.errors.items()
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionList:
    """What the page shows."""

    form: SessionFilterForm
    page: Page[BacktestSession]
    #: The name that the list is sorted by, and whether the largest comes first.
    sort: str
    is_descending: bool
    #: How many sessions there are without a filter.
    total: int


def read_list(query: QueryDict, *, sessions: QuerySet[BacktestSession], strategies: QuerySet[Strategy]) -> SessionList:
    """
    Read a list.

    Args:
        query: The address's parameters.
        sessions: Those that may be seen.
        strategies: Those that may be chosen.
    """
    form = SessionFilterForm(query, strategies=strategies)
    sort = form.cleaned_data.get("sort") or _DEFAULT_SORT
    pnl = Coalesce(KeyTextTransform("net_pnl", "result"), KeyTextTransform("total_pnl", "result"))
    chosen = _filtered(sessions.annotate(pnl=Cast(pnl, _MONEY)), form.cleaned_data)
    name = sort.removeprefix("-")
    order = OrderBy(SORTS[name], descending=sort.startswith("-"), nulls_last=True)
    paginator = Paginator(chosen.order_by(order, "-created_at", "-pk"), SESSIONS_PER_PAGE)
    page = paginator.get_page(query.get("page"))
    total = sessions.count() if form.is_filtering else paginator.count
    return SessionList(form=form, page=page, sort=name, is_descending=sort.startswith("-"), total=total)


def _filtered(sessions: QuerySet[Any], chosen: Mapping[str, Any]) -> QuerySet[Any]:
    if text := chosen.get("q"):
        in_names = Q(strategy_version__strategy__name__icontains=text) | Q(data_set__name__icontains=text)
        sessions = sessions.filter(Q(session_id__icontains=text) | in_names | Q(owner__username__icontains=text))
    if strategy := chosen.get("strategy"):
        sessions = sessions.filter(strategy_version__strategy=strategy)
    if states := chosen.get("state"):
        sessions = sessions.filter(state__in=states)
    if day := chosen.get("day"):
        first, last = Coalesce("start_date", "data_set__first_date"), Coalesce("end_date", "data_set__last_date")
        sessions = sessions.alias(first_day=first, last_day=last).filter(first_day__lte=day, last_day__gte=day)
    signs = {"profit": Q(pnl__gt=0), "loss": Q(pnl__lt=0), "none": Q(pnl__isnull=True)}
    if (sign := chosen.get("pnl")) in signs:
        sessions = sessions.filter(signs[sign])
    return sessions
