"""
The REST interface: sessions with their trades and node events, and strategies. Read-only; acting is for pages.

Who may see a session is `actions.can_view`; what somebody may not see does not exist for them: 404.
"""

from __future__ import annotations

from typing import Any

import django_filters  # type: ignore[import-untyped]  # publishes no types
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, viewsets
from rest_framework.exceptions import NotFound
from rest_framework.generics import get_object_or_404
from rest_framework.pagination import LimitOffsetPagination
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies import actions
from strategies.models import BacktestSession, NodeEvent, SessionResult, Strategy, StrategyVersion, Trade
from strategies.session_states import SessionState


class Pages(LimitOffsetPagination):
    """`?limit=` and `?offset=`; a limit keeps one request from costing everything."""

    default_limit = 100
    max_limit = 1000


class SessionSerializer(serializers.ModelSerializer[BacktestSession]):
    """One session."""

    strategy = serializers.SlugRelatedField[Strategy](
        source="strategy_version.strategy", slug_field="slug", read_only=True
    )
    version = serializers.IntegerField(source="strategy_version.number", read_only=True)
    data_set = serializers.SlugRelatedField[Any](slug_field="slug", read_only=True)
    progress_percent = serializers.FloatField(read_only=True)
    started_by = serializers.CharField(source="owner.username", default=None, read_only=True)
    cancel_requested_by = serializers.CharField(source="cancel_requested_by.username", default=None, read_only=True)
    revision = serializers.CharField(read_only=True, help_text="Changes with the content; for the addresses' v=")

    class Meta:
        model = BacktestSession
        fields = [
            "session_id",
            "state",
            "strategy",
            "version",
            "data_set",
            "start_date",
            "end_date",
            "pace",
            "fills",
            "costs",
            "capital",
            "created_at",
            "started_at",
            "finished_at",
            "ticks_done",
            "total_ticks",
            "progress_percent",
            "started_by",
            "cancel_requested",
            "cancel_requested_by",
            "cancel_requested_at",
            "result",
            "error",
            "revision",
        ]
        read_only_fields = fields


class SessionDetailSerializer(SessionSerializer):
    """One session by itself: what a list would pay for a hundred times."""

    queue_position = serializers.SerializerMethodField()

    class Meta(SessionSerializer.Meta):
        fields = [*SessionSerializer.Meta.fields, "queue_position"]
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_queue_position(self, session: BacktestSession) -> int | None:
        """Give its place among the queued ones, 1 for the next; null where it is not queued."""
        return session.queue_position


class TradeSerializer(serializers.ModelSerializer[Trade]):
    """One closed trade; money is decimal text. Costs, net P&L, MAE and MFE are null until the session ends."""

    class Meta:
        model = Trade
        fields = [
            "event_id",
            "trade_id",
            "position_id",
            "re_entry_num",
            "symbol",
            "side",
            "quantity",
            "entry_price",
            "entry_time",
            "exit_price",
            "exit_time",
            "pnl",
            "costs",
            "net_pnl",
            "mae",
            "mfe",
            "status",
            "entry_trigger",
            "exit_reason",
            "exit_type",
            "trigger_price",
            "closed_by",
        ]
        read_only_fields = fields


class NodeEventSerializer(serializers.ModelSerializer[NodeEvent]):
    """One node event; `record` is all that the event told."""

    record = serializers.JSONField(read_only=True)

    class Meta:
        model = NodeEvent
        fields = [
            "event_id",
            "execution_id",
            "parent_execution_id",
            "node_id",
            "node_name",
            "node_type",
            "timestamp",
            "event_type",
            "signal_emitted",
            "conditions_preview",
            "record",
        ]
        read_only_fields = fields


class StrategySerializer(serializers.ModelSerializer[Strategy]):
    """One strategy with its latest graph."""

    version = serializers.SerializerMethodField()
    graph = serializers.SerializerMethodField()

    class Meta:
        model = Strategy
        fields = ["slug", "name", "created_at", "version", "graph"]
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_version(self, strategy: Strategy) -> int | None:
        """Give the latest version's number."""
        return None if (version := _latest(strategy)) is None else version.number

    @extend_schema_field(serializers.JSONField(allow_null=True))
    def get_graph(self, strategy: Strategy) -> dict[str, Any] | None:
        """Give the latest version's graph."""
        return None if (version := _latest(strategy)) is None else version.graph


def _latest(strategy: Strategy) -> StrategyVersion | None:
    # Prefetched, newest first: the same number of queries for one strategy as for a page of them.
    return next(iter(strategy.versions.all()), None)


class SessionFilter(django_filters.FilterSet):  # type: ignore[misc]  # publishes no types
    """By state, strategy or data set."""

    state = django_filters.MultipleChoiceFilter(choices=SessionState.choices)
    strategy = django_filters.CharFilter(field_name="strategy_version__strategy__slug")
    data_set = django_filters.CharFilter(field_name="data_set__slug")

    class Meta:
        model = BacktestSession
        fields: list[str] = []


class TradeFilter(django_filters.FilterSet):  # type: ignore[misc]  # publishes no types
    """By position, symbol, side, or the events after one."""

    after_event = django_filters.NumberFilter(field_name="event_id", lookup_expr="gt")

    class Meta:
        model = Trade
        fields = ["position_id", "symbol", "side"]


class NodeEventFilter(django_filters.FilterSet):  # type: ignore[misc]  # publishes no types
    """By node, kind of node, signal, or the events after one."""

    after_event = django_filters.NumberFilter(field_name="event_id", lookup_expr="gt")

    class Meta:
        model = NodeEvent
        fields = ["node_id", "node_type", "signal_emitted"]


class SessionViewSet(viewsets.ReadOnlyModelViewSet[BacktestSession]):
    """Sessions, newest first."""

    serializer_class = SessionSerializer
    permission_classes = [AllowAny]
    pagination_class = Pages
    filterset_class = SessionFilter
    lookup_field = "session_id"
    lookup_value_regex = "[A-Za-z0-9._-]{1,64}"
    queryset = BacktestSession.objects.none()

    def get_serializer_class(self) -> type[SessionSerializer]:
        """Choose by whether one is asked for or many."""
        return SessionDetailSerializer if self.action == "retrieve" else SessionSerializer

    def get_queryset(self) -> QuerySet[BacktestSession]:
        """Select what this user may see."""
        return actions.visible_sessions(self.request.user)


class _OfOneSession(generics.ListAPIView[Any]):
    """Rows of one session, in the order of their events."""

    permission_classes = [AllowAny]
    pagination_class = Pages

    def get_queryset(self) -> QuerySet[Any]:
        """Select the rows of the session of the address, if this user may see it."""
        rows = super().get_queryset().order_by("event_id")
        if getattr(self, "swagger_fake_view", False):
            # The description is made without a request.
            return rows.none()
        sessions = actions.visible_sessions(self.request.user)
        return rows.filter(session=get_object_or_404(sessions, session_id=self.kwargs["session_id"]))


class SessionTrades(_OfOneSession):
    """The closed trades of a session, in the order in which they closed."""

    queryset = Trade.objects.all()
    serializer_class = TradeSerializer
    filterset_class = TradeFilter


class SessionResults(generics.GenericAPIView[Any]):
    """What a session came to: costs, net profit, equity curve, figures; once it is completed or cancelled."""

    permission_classes = [AllowAny]

    @extend_schema(responses=OpenApiTypes.OBJECT)
    def get(self, request: Request, session_id: str) -> HttpResponse:
        """Give the result document, as it is stored."""
        session = get_object_or_404(actions.visible_sessions(request.user), session_id=session_id)
        document = SessionResult.objects.filter(session=session).values_list("document_json", flat=True).first()
        if document is None:
            raise NotFound(f"Session {session} has no results: it is {session.state}.")
        return HttpResponse(document, content_type="application/json")


class SessionNodeEvents(_OfOneSession):
    """The node events of a session, in their order."""

    queryset = NodeEvent.objects.all()
    serializer_class = NodeEventSerializer
    filterset_class = NodeEventFilter


class StrategyViewSet(viewsets.ReadOnlyModelViewSet[Strategy]):
    """Strategies by name."""

    serializer_class = StrategySerializer
    permission_classes = [AllowAny]
    pagination_class = Pages
    lookup_field = "slug"
    queryset = Strategy.objects.none()

    def get_queryset(self) -> QuerySet[Strategy]:
        """Select what this user may see."""
        return actions.visible_strategies(self.request.user).prefetch_related("versions").order_by("name", "pk")
