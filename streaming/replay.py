"""
Any moment of a session: its state after a tick, and the events that play on from there.

    GET /api/sessions/<session_id>/state/?tick=n
    GET /api/sessions/<session_id>/events/?from_tick=a&to_tick=b
    GET /api/sessions/<session_id>/events/?after=<event id>&limit=n

The state is the fold of all events through the last one of the tick, in the bytes that a live viewer's own fold has
then. Nothing is folded for it: node events and trades are kept as rows, and one segment of the log has the tick.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request

from strategies.models import BacktestSession, NodeEvent, Trade
from streaming import answers, event_log
from streaming.history_cache import event_type, history_cache, payload_json
from streaming.models import SessionLog
from streaming.protocol import json_text, messages, snapshots
from streaming.session_history import SessionHistory

#: How many ticks, or events, one call returns at most: some MB of them.
MAX_TICKS: Final = 600
MAX_EVENTS: Final = 2000


class Place(NamedTuple):
    """Where a tick lies in the log."""

    #: 0 for the time before the first tick.
    tick: int
    #: Its `tick_update`; None for tick 0.
    tick_event: int | None
    #: The last event that belongs to it; -1 before the first event.
    last_event: int
    #: The newest event.
    head: int


class TickUnknown(Exception):
    """A tick that the log does not have."""


class TickGone(TickUnknown):
    """A tick that the log had once."""


def place_of(session: BacktestSession, tick: int | None) -> Place:
    """
    Find a tick in a session's log.

    Args:
        session: Whose.
        tick: Which; 0 for the time before the first, None for the newest.

    Raises:
        TickGone: If the log has let go of it.
        TickUnknown: If the session has not come to it.
    """
    with history_cache.open(session.pk) as history:
        last = history.last_tick
        tick = last if tick is None else tick
        if tick > last:
            raise TickUnknown(f"The session has {last:,} ticks so far; give one of them.")
        if tick and tick < history.first_tick:
            raise TickGone(f"The log begins with tick {history.first_tick:,} now; earlier ones were dropped.")
        return Place(
            tick=tick,
            tick_event=history.event_of(tick) if tick else None,
            last_event=_last_event(history, tick, is_finished=session.is_finished),
            head=history.through_event,
        )


def _last_event(history: SessionHistory, tick: int, *, is_finished: bool) -> int:
    if tick == history.last_tick:
        # What ends the session belongs to no tick.
        return max(history.through_event - is_finished, -1)
    following = max(tick + 1, history.first_tick)
    return history.event_of(following) - 1


def state_json(session: BacktestSession, place: Place) -> bytes:
    """
    Write the state after a tick: `tick`, `event_id`, `head`, and the documents `diagnostics` and `trades`.

    Raises:
        TickGone: If the log has let go of an event that is needed.
    """
    with event_log.one_instant():
        diagnostics = snapshots.assemble_diagnostics(
            _history_json(session.pk, place.last_event), _current_state_json(session.pk, place)
        )
        trades = _trades_json(session.pk, place.last_event)
    return b'{"tick":%d,"event_id":%d,"head":%d,"diagnostics":%b,"trades":%b}' % (
        place.tick,
        place.last_event,
        place.head,
        diagnostics,
        trades,
    )


def _history_json(session_pk: int, through_event: int) -> bytes:
    rows = NodeEvent.objects.filter(session_id=session_pk, event_id__lte=through_event).order_by("event_id")
    entries = [
        b"%b:%b" % (json_text.encode(execution_id), record_json.encode())
        for execution_id, record_json in rows.values_list("execution_id", "record_json")
    ]
    return b"{%b}" % b",".join(entries)


def _current_state_json(session_pk: int, place: Place) -> bytes:
    return b"null" if place.tick_event is None else payload_json(_frame(session_pk, place.tick_event))


def _trades_json(session_pk: int, through_event: int) -> bytes:
    rows = Trade.objects.filter(session_id=session_pk, event_id__lte=through_event).order_by("event_id")
    trades = list(rows.values_list("event_id", "record_json"))
    date = SessionLog.objects.filter(session_id=session_pk).values_list("trades_date", flat=True).first()
    if trades:
        # Only the event itself has the sums as they were then, rounded as they were told.
        summary = json_text.decode(payload_json(_frame(session_pk, trades[-1][0])))["summary"]
    else:
        summary = messages.empty_trades("")["summary"]
    return b'{"date":%b,"summary":%b,"trades":[%b]}' % (
        json_text.encode(date or ""),
        json_text.encode(summary),
        ",".join([record for _, record in trades]).encode(),
    )


def _frame(session_pk: int, event_id: int) -> bytes:
    found = event_log.read_frames(session_pk, after=event_id - 1, limit=1)
    if not found:
        raise TickGone("The log has dropped an event that this state needs; later ticks are still there.")
    return found[0][1]


def events_json(session_pk: int, *, after: int, through: int) -> bytes:
    """Write the events after one, through another: `events`, each with `id`, `event` and `data`."""
    entries = []
    while after < through:
        frames = event_log.read_frames(session_pk, after=after, limit=through - after)
        if not frames:
            break
        entries += [event_json(event_id, frame) for event_id, frame in frames]
        after = frames[-1][0]
    return b'{"events":[%b]}' % b",".join(entries)


def event_json(event_id: int, frame: bytes) -> bytes:
    """Write one event: `id`, `event` and `data`."""
    return b'{"id":%d,"event":"%b","data":%b}' % (event_id, event_type(frame).encode(), payload_json(frame))


# The endpoints


@extend_schema(
    parameters=[OpenApiParameter("tick", int, description="Which tick; 0 before the first. Without it, the newest.")],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_state(request: Request, session_id: str) -> HttpResponse:
    """Give a session's state after a tick: the documents that a viewer of the stream has then."""
    session = answers.asked_session(request, session_id)
    answers.refuse_unknown(request, "tick")
    tick = answers.whole_number(request, "tick", default=-1)
    return answers.answer(request, session, lambda: answers.Body(_state(session, None if tick < 0 else tick)))


def _state(session: BacktestSession, tick: int | None) -> bytes:
    try:
        return state_json(session, place_of(session, tick))
    except TickUnknown as error:
        raise refusal(error, "tick") from error


@extend_schema(
    parameters=[
        OpenApiParameter("from_tick", int, description="The first tick."),
        OpenApiParameter("to_tick", int, description=f"The last tick, included; at most {MAX_TICKS} in one call."),
        OpenApiParameter("after", int, description="In place of ticks: the event before the first one; -1 for all."),
        OpenApiParameter("limit", int, description=f"How many events, at most {MAX_EVENTS}."),
    ],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_events(request: Request, session_id: str) -> HttpResponse:
    """Give the events of a range of ticks, or those after an event, in their order and as the stream tells them."""
    session = answers.asked_session(request, session_id)
    answers.refuse_unknown(request, "from_tick", "to_tick", "after", "limit")
    if "after" in request.query_params:
        after, through = _events_after(request, session)
    else:
        after, through = _events_of_ticks(request, session)
    return answers.answer(request, session, lambda: answers.Body(events_json(session.pk, after=after, through=through)))


def _events_after(request: Request, session: BacktestSession) -> tuple[int, int]:
    if mixed := {"from_tick", "to_tick"} & request.query_params.keys():
        raise ValidationError({min(mixed): "Give either ticks, or after and limit."})
    text = request.query_params["after"]
    after = -1 if text == "-1" else answers.whole_number(request, "after")
    limit = min(answers.whole_number(request, "limit", default=MAX_EVENTS, least=1), MAX_EVENTS)
    state = event_log.read_state(session.pk)
    if after + 1 < state.oldest_event_id:
        raise answers.Gone(f"The log begins with event {state.oldest_event_id:,} now; earlier ones were dropped.")
    return after, min(after + limit, -1 if state.head is None else state.head)


def _events_of_ticks(request: Request, session: BacktestSession) -> tuple[int, int]:
    first = answers.whole_number(request, "from_tick", least=1)
    last = answers.whole_number(request, "to_tick", least=1)
    if last < first:
        raise ValidationError({"to_tick": f"{last} lies before {first}; swap the two."})
    if last - first >= MAX_TICKS:
        raise ValidationError({"to_tick": f"{last - first + 1:,} ticks are more than one call gives: {MAX_TICKS}."})
    try:
        begin = place_of(session, first)
        newest = place_of(session, None)
        end = newest if last >= newest.tick else place_of(session, last)
    except TickUnknown as error:
        raise refusal(error, "from_tick") from error
    assert begin.tick_event is not None
    return begin.tick_event - 1, end.last_event


def refusal(error: TickUnknown, parameter: str) -> answers.Gone | ValidationError:
    """Say in the words of the interface why a tick cannot be given."""
    return answers.Gone(str(error)) if isinstance(error, TickGone) else ValidationError({parameter: str(error)})
