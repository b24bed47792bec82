"""
Why a node did not act, from the stored events: `GET /api/sessions/<session_id>/explain/`.

The answer is that of a rerun over the same range, but nothing is run: the ticks of the range are read from the log, the
ones outside are left where they are. A range is found by a few looks into the blocks' series, which hold each tick's
time; times ascend with event ids. A session that is still running is explained as far as it is stored.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any, Final

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import api_view, permission_classes
from rest_framework.exceptions import ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from strategies.models import BacktestSession
from streaming import answers, event_log
from streaming.history_cache import tick_payload
from streaming.models import EventBlock

if TYPE_CHECKING:
    # The engine is imported when somebody asks: the web side starts faster without it.
    from strategies.why_not import Days, NodeName, Question

#: The longest range that one answer covers: four days, some seconds of work. Several questions cover more.
MAX_TICKS: Final = 100_000

#: How many events are held in memory at once: 4 MB of them.
_EVENTS_PER_READ: Final = 1024
_HELP: Final = "Time of day (09:15, 09:15:30) or timestamp (2024-10-29T09:15); exchange time unless it has an offset."


class RangeTooLong(Exception):
    """More ticks are asked for than one answer covers."""

    def __init__(self, ticks: int) -> None:
        super().__init__(
            f"the range has about {ticks:,} ticks, more than the {MAX_TICKS:,} that one answer covers; "
            "give day, or from and to"
        )


def explain_stored(session_pk: int, question: Question) -> dict[str, Any]:
    """
    Answer a question from a session's stored events.

    Returns:
        The explainer's document, as `explain_by_rerun` gives it for the ticks that are stored.

    Raises:
        RangeTooLong: If the range has more ticks than `MAX_TICKS`.
    """
    explainer = question.explainer()
    first = None if question.first is None else int(question.first.timestamp())
    last = None if question.last is None else int(question.last.timestamp())
    for tick in _ticks(session_pk, first=first, last=last):
        explainer.add_tick(tick["tick"], tick["timestamp"], tick["node_executions"].values())
    return explainer.as_document()


def _ticks(session_pk: int, *, first: int | None, last: int | None) -> Iterator[dict[str, Any]]:
    """Read the payloads of all ticks of a range, and of a few beside it; bounds are Unix seconds, included."""
    head = event_log.read_state(session_pk).head
    if head is None:
        return
    end = _last_block(session_pk, head=head, not_after=last)
    if end is None:
        return
    start = None if first is None else _last_block(session_pk, head=head, not_after=first)
    ticks = _first_point(end).tick - (0 if start is None else _first_point(start).tick)
    if ticks > MAX_TICKS:
        raise RangeTooLong(ticks)
    after = -1 if start is None else start.first_event_id - 1
    while after < end.last_event_id:
        frames = event_log.read_frames(session_pk, after=after, limit=min(_EVENTS_PER_READ, end.last_event_id - after))
        if not frames:
            # The session was deleted meanwhile.
            return
        for _, frame in frames:
            if (payload := tick_payload(frame)) is not None:
                yield payload
        after = frames[-1][0]


def _last_block(session_pk: int, *, head: int, not_after: int | None) -> EventBlock | None:
    """
    Find the last block whose first tick is not after a time; None for no bound means the last block with a tick.

    A search by halves over event ids: a day paced tick by tick has 22,000 blocks, and 15 of them are looked at.
    """
    blocks = EventBlock.objects.filter(session_id=session_pk).exclude(series=b"").defer("body")
    if not_after is None:
        return blocks.filter(first_event_id__lte=head).order_by("-first_event_id").first()
    found: EventBlock | None = None
    low, high = 0, head
    while low <= high:
        middle = (low + high) // 2
        block = blocks.filter(first_event_id__lte=middle).order_by("-first_event_id").first()
        if block is None or _first_point(block).epoch_second <= not_after:
            found = block or found
            low = middle + 1 if block is None else max(middle, block.last_event_id) + 1
        else:
            high = block.first_event_id - 1
    return found


def _first_point(block: EventBlock) -> event_log.SeriesPoint:
    return event_log.unpack_series(block.series)[0]


# The endpoint


@extend_schema(
    parameters=[
        OpenApiParameter("node", str, many=True, description="Id of a node; may be repeated. Without one, all nodes."),
        OpenApiParameter("from", str, description=f"Where the range begins, included. {_HELP}"),
        OpenApiParameter("to", str, description=f"Where it ends, included. {_HELP}"),
        OpenApiParameter("day", OpenApiTypes.DATE, description="The day that times of day belong to, or the range."),
    ],
    responses=OpenApiTypes.OBJECT,
)
@api_view(["GET"])
@permission_classes([AllowAny])
def session_explanation(request: Request, session_id: str) -> Response:
    """Say how often each condition of a node held, how near it came, and what stood in the way."""
    session = answers.asked_session(request, session_id)
    from strategies import why_not

    names = why_not.names_in(session.strategy_version.graph)
    question = _read_question(request, names, _days(session))
    try:
        answer = explain_stored(session.pk, question)
    except RangeTooLong as error:
        raise ValidationError({"from": f"{error}."}) from error
    return Response(why_not.completed(answer, names))


def _read_question(request: Request, names: dict[str, NodeName], days: Days | None) -> Question:
    from strategies import why_not

    asked = request.query_params
    if unknown := sorted(asked.keys() - {"node", "from", "to", "day", "format"}):
        raise ValidationError({unknown[0][:40]: "is not understood; give node, from, to or day."})
    try:
        return why_not.read_question(
            nodes=asked.getlist("node"),
            known=names,
            from_=asked.get("from", ""),
            to=asked.get("to", ""),
            day=asked.get("day", ""),
            days=days,
        )
    except why_not.QuestionInvalid as error:
        raise ValidationError({error.field: f"{error.message}."}) from error


def _days(session: BacktestSession) -> Days | None:
    from strategies.why_not import Days

    first: date | None = session.start_date or session.data_set.first_date
    last: date | None = session.end_date or session.data_set.last_date
    return None if first is None or last is None else Days(first, last)
