"""The last event of sessions whose end no engine told: cancelled in the queue, or failed outside of the engine."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from strategies.models import BacktestSession
from strategies.session_states import SessionState
from streaming import event_log, grip_publisher
from streaming.protocol import json_text, messages, snapshots
from streaming.sse_event_emitter import EncodedEvent


def close_log_of_ended_session(*, session: BacktestSession, **_: object) -> None:
    """
    Tell a session's end in its log, where no engine did.

    Listens to `actions.session_ended`, inside its transaction.
    """
    writer = event_log.LogWriter(session.pk)
    if writer.is_finished:
        return
    batch = []
    if writer.head is None:
        batch.append(_first_event(session))
        writer_head = 0
        parts = _parts_of_first(batch[0])
    else:
        writer_head = writer.head
        parts = event_log.read_snapshot(session.pk)
    batch.append(_last_event(session, event_id=writer_head + 1, parts=parts))
    with transaction.atomic():
        writer.append(batch)
        grip_publisher.publish_after_commit(session.session_id, batch)


def _first_event(session: BacktestSession) -> EncodedEvent:
    data_set = session.data_set
    start, end = session.start_date or data_set.first_date, session.end_date or data_set.last_date
    start_date, end_date = (day.isoformat() if day else "" for day in (start, end))
    payload = snapshots.initial_state_payload(
        event_id=0,
        session_id=session.session_id,
        diagnostics=json_text.encode(messages.empty_diagnostics()),
        trades=json_text.encode(messages.empty_trades(start_date)),
        strategy_id=str(session.strategy_version.graph.get("strategy_id", "")),
        start_date=start_date,
        end_date=end_date,
    )
    return _event(messages.INITIAL_STATE, payload)


def _parts_of_first(first: EncodedEvent) -> event_log.SnapshotParts:
    return event_log.SnapshotParts(
        strategy_id=first.data["strategy_id"],
        start_date=first.data["start_date"],
        end_date=first.data["end_date"],
        diagnostics_json=json_text.encode(snapshots.unpack(first.data["diagnostics"])),
        trades_json=json_text.encode(snapshots.unpack(first.data["trades"])),
    )


def _last_event(session: BacktestSession, *, event_id: int, parts: event_log.SnapshotParts) -> EncodedEvent:
    fields = snapshots.snapshot_fields(
        diagnostics=parts.diagnostics_json,
        trades=parts.trades_json,
        strategy_id=parts.strategy_id,
        start_date=parts.start_date,
        end_date=parts.end_date,
    )
    status: messages.CompletionStatus = "failed" if session.state == SessionState.FAILED else "cancelled"
    ending = snapshots.completion_fields(total_ticks=session.ticks_done, status=status, error=session.error or None)
    payload = {"event_id": event_id, "session_id": session.session_id, **fields, **ending}
    return _event(messages.BACKTEST_COMPLETE, payload)


def _event(event_type: str, payload: dict[str, Any]) -> EncodedEvent:
    return EncodedEvent(event_type, payload["event_id"], data=payload)
