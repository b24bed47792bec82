"""The pages that tell what only the log knows: sessions compared, and how the installation does."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies import actions
from strategies.models import BacktestSession
from streaming import answers, comparison, installation
from streaming.protocol import json_text

#: How many moments of the profit the page writes down for those who see no chart.
_PROFIT_ROWS = 12


class _NotComparable(Exception):
    """The address names too few or too many sessions."""


@require_safe
def compare_page(request: HttpRequest) -> HttpResponse:
    """Show two to four sessions beside each other; whole without a script."""
    ids = request.GET.getlist("s")
    context: dict[str, Any] = {"chosen": ids, "recent": actions.visible_sessions(request.user)[:25]}
    try:
        sessions = _chosen(ids, request)
    except NotFound as error:
        raise Http404(str(error)) from error
    except _NotComparable as error:
        return render(request, "sessions/compare.html", context | {"fault": str(error) if ids else ""})
    compared = comparison.compare(sessions)
    moments = compared["equity"]["time"]
    chosen = [(number + 1) * len(moments) // _PROFIT_ROWS - 1 for number in range(_PROFIT_ROWS)] if moments else []
    profit_rows = [
        (moments[place], [column[place] for column in compared["equity"]["values"]]) for place in dict.fromkeys(chosen)
    ]
    context |= {"sessions": sessions, "compared": compared, "profit_rows": [row for row in profit_rows if moments]}
    return render(request, "sessions/compare.html", context)


@extend_schema(
    parameters=[OpenApiParameter("s", str, many=True, required=True, description="Session ids, two to four.")],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
@permission_classes([AllowAny])
def compare_document(request: Request) -> HttpResponse:
    """Give figures, settings, trades, profit and first divergence of two to four sessions."""
    answers.refuse_unknown(request, "s")
    try:
        sessions = _chosen(request.query_params.getlist("s"), request)
    except _NotComparable as error:
        raise ValidationError({"s": str(error)}) from error
    body = json_text.encode(comparison.compare(sessions))
    return answers.sent(request, answers.Body(body))


def _chosen(ids: list[str], request: Request | HttpRequest) -> list[BacktestSession]:
    ids = list(dict.fromkeys(ids))
    if not comparison.LEAST <= len(ids) <= comparison.MOST:
        raise _NotComparable(
            f"Choose {comparison.LEAST} to {comparison.MOST} sessions to compare; {len(ids)} are chosen."
        )
    return [answers.asked_session(request, session_id) for session_id in ids]


@never_cache
@require_safe
def status_page(request: HttpRequest) -> HttpResponse:
    """Show how the installation does to those who may look at sessions: database, workers, queue, streams, build."""
    state = installation.read()
    if not state.is_database_well:
        # Without a database nobody is signed in, and nothing else is told.
        return HttpResponse(render_to_string("status.html", {"state": state}), status=503)
    if not (settings.PUBLIC_VIEWING or request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    return render(request, "status.html", {"state": state})
