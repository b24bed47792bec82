"""How a session goes on and ends: claimed, put back, cancelled, finished."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Coalesce
from django.dispatch import Signal
from django.utils import timezone

from strategies.actions.errors import StepRefused
from strategies.models import BacktestSession, SessionResult, Trade
from strategies.session_states import ACTIVE_STATES, SessionState, states_before

#: A session came to its end without a worker telling its log. Sent with `session`, inside the same transaction.
session_ended = Signal()


def claim_session(session_pk: int) -> BacktestSession | None:
    """
    Take a session to run it.

    The caller holds the session's lock, so a session found running has lost its worker and is taken over.

    Returns:
        The session, running now; None where it is finished or gone.
    """
    claimed = BacktestSession.objects.filter(pk=session_pk, state__in=ACTIVE_STATES).update(
        state=SessionState.RUNNING, started_at=Coalesce("started_at", timezone.now()), attempts=F("attempts") + 1
    )
    if not claimed:
        return None
    return BacktestSession.objects.select_related("strategy_version__strategy", "data_set").get(pk=session_pk)


def put_back_session(session_pk: int) -> None:
    """Return a running session to the queue's states: its worker stops, the next one goes on."""
    # A planned stop is not a failed attempt.
    _step(session_pk, SessionState.QUEUED, attempts=F("attempts") - 1)


def note_total_ticks(session_pk: int, total_ticks: int) -> None:
    """Note how many ticks a session will have."""
    BacktestSession.objects.filter(pk=session_pk).update(total_ticks=total_ticks)


def cancel_session(session: BacktestSession, *, by: AbstractBaseUser | None = None) -> None:
    """
    Cancel a session: a queued one at once, a running one as soon as its worker sees it (within a second).

    Args:
        session: Which; read anew.
        by: Who wants it; None for nobody who signed in. The first one who asks stays.

    Raises:
        StepRefused: If it is finished.
    """
    now = timezone.now()
    with transaction.atomic():
        unfinished = BacktestSession.objects.filter(pk=session.pk, state__in=ACTIVE_STATES)
        asked = {"cancel_requested": True, "cancel_requested_at": now, "cancel_requested_by_id": by and by.pk}
        unfinished.filter(cancel_requested=False).update(**asked)
        if _try_step(session.pk, SessionState.CANCELLED, only_from=SessionState.QUEUED, finished_at=now):
            session.refresh_from_db()
            session_ended.send(sender=BacktestSession, session=session)
            return
        # Not only a running one: its worker may be putting it back right now, and the next one sees the wish.
        if not unfinished.exists():
            session.refresh_from_db()
            raise StepRefused(f"Session {session} is {session.state} already; only an unfinished one can be cancelled.")
    session.refresh_from_db()


def finish_session(
    session_pk: int, *, state: SessionState, error: str = "", result: Mapping[str, Any] | None = None
) -> None:
    """
    Bring a session to its end, in the transaction in which its log tells it.

    Args:
        session_pk: Which.
        state: A final state.
        error: Why it failed; only for a failed one, and never empty there.
        result: The trade summary.

    Raises:
        StepRefused: If it is finished already.
    """
    _step(session_pk, state, finished_at=timezone.now(), error=error, result=result)


def store_results(session_pk: int, document: Mapping[str, Any]) -> None:
    """
    Store what a run came to, in the transaction that ends its session: the document, and the costs of its trades.

    Args:
        session_pk: Whose.
        document: As `strategies.engine.result_document` writes it; the session's trades are stored already.
    """
    SessionResult.objects.create(session_id=session_pk, document_json=json.dumps(document, separators=(",", ":")))
    by_id = {trade["trade_id"]: trade for trade in document["trades"]}
    trades = list(Trade.objects.filter(session_id=session_pk, trade_id__in=by_id).only("trade_id"))
    for trade in trades:
        costed = by_id[trade.trade_id]
        trade.costs, trade.net_pnl = Decimal(costed["costs"]["total"]), Decimal(costed["net_pnl"])
        trade.mae, trade.mfe = Decimal(costed["mae"]), Decimal(costed["mfe"])
    Trade.objects.bulk_update(trades, ["costs", "net_pnl", "mae", "mfe"], batch_size=1000)


@transaction.atomic
def end_session(session_pk: int, *, state: SessionState, error: str = "") -> None:
    """Bring a session to its end where no engine tells its log so; `session_ended` lets the log hear of it."""
    finish_session(session_pk, state=state, error=error)
    session = BacktestSession.objects.get(pk=session_pk)
    session_ended.send(sender=BacktestSession, session=session)


def is_cancel_requested(session_pk: int) -> bool:
    """Tell whether a running session is to be cancelled; one that was deleted is, too."""
    flags = BacktestSession.objects.filter(pk=session_pk).values_list("cancel_requested", flat=True)
    return next(iter(flags), True)


def _try_step(
    session_pk: int,
    state: SessionState,
    *,
    only_from: SessionState | None = None,
    **changes: Any,  # noqa: ANN401 - values of any column
) -> bool:
    before = states_before(state) if only_from is None else states_before(state) & {only_from}
    return bool(BacktestSession.objects.filter(pk=session_pk, state__in=before).update(state=state, **changes))


def _step(session_pk: int, state: SessionState, **changes: Any) -> None:  # noqa: ANN401 - values of any column
    if not _try_step(session_pk, state, **changes):
        present = BacktestSession.objects.filter(pk=session_pk).values_list("state", flat=True).first()
        allowed = " or ".join(sorted(states_before(state)))
        raise StepRefused(
            f"Session {session_pk} is {present or 'gone'}; only a session that is {allowed} can be {state}."
        )
