"""
Small sessions for tests: a rising market of a few minutes, and a strategy that trades at known seconds of it.

The index starts at 24,300.00 at 09:15:00 and rises by 0.50 a second. The strategy sells a call when the index is above
a leg's first level and buys it back above the second: two trades, the last one closed after 140 seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.utils import timezone
from procrastinate import JobContext
from procrastinate.contrib.django import app as queue
from procrastinate.job_context import AbortReason
from procrastinate.jobs import Job

from strategies import actions
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.models import BacktestSession, DataSet, StrategyVersion
from strategies.session_states import SessionState
from streaming import worker
from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE
from streaming.protocol import json_text
from streaming.protocol.frames import encode_frame
from streaming.publisher import LogPublisher
from streaming.sse_event_emitter import EncodedEvent, SSEEvent

SECONDS = 300
#: Levels of the index between which each leg is open.
LEGS = ((24_310.0, 24_330.0), (24_350.0, 24_370.0))
UNDERLYING = "NIFTY"
DAY = "2024-10-29"
#: Where tests leave a running session: enough for snapshots and replays, and not the end.
HEAD = 200
_EXPIRY = "2024-10-31"
_OPEN = datetime(2024, 10, 29, 9, 15)  # noqa: DTZ001 - exchange time, as files give it


def graph(*, name: str = "Two calls", legs: Sequence[tuple[float, float]] = LEGS) -> dict[str, Any]:
    """Build the strategy; of each leg's two levels the index is above the first when it is opened."""
    nodes: list[dict[str, Any]] = [_start()]
    edges: list[dict[str, str]] = []
    for number, (low, high) in enumerate(legs, start=1):
        leg = [
            _signal(f"enter-{number}", "entrySignalNode", low),
            _entry(number),
            _signal(f"leave-{number}", "exitSignalNode", high),
            _exit(number),
        ]
        nodes += leg
        chain = ["start", *(node["id"] for node in leg)]
        edges += [{"source": source, "target": target} for source, target in pairwise(chain)]
    return {"strategy_id": "two-calls", "name": name, "nodes": nodes, "edges": edges}


def write_ticks(path: Path, *, seconds: int = SECONDS) -> Path:
    """Write the market as a CSV file of raw ticks."""
    rows = ["timestamp,symbol,ltp,volume,oi"]
    for second in range(seconds):
        time = _OPEN + timedelta(seconds=second)
        rows.append(f"{time},{UNDERLYING},{24_300 + second / 2:.2f},0,0")
        rows += [f"{time},{_call(strike)},{_call_price(second, strike):.2f},75,1000" for strike in (24_300, 24_350)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def create_version(*, slug: str = "two-calls", owner: User | None = None) -> StrategyVersion:
    """Store the strategy."""
    return actions.create_strategy(slug=slug, name="Two calls", document=graph(), owner=owner)


def create_data_set(*, slug: str = "rising", seconds: int = SECONDS) -> DataSet:
    """Store the market as an uploaded file."""
    name = f"data_sets/{slug}-{seconds}.csv"
    ticks = write_ticks(Path(settings.DATA_DIR) / "uploads" / name, seconds=seconds)
    data_set = DataSet(slug=slug, name="A rising market", kind=DataSet.Kind.FILES, ticks_file=name)
    actions.describe_data_set(data_set, actions.load_files(ticks=ticks, warmup=None))
    data_set.save()
    return data_set


def create_session(
    *,
    pace: float | None = None,
    owner: User | None = None,
    seconds: int = SECONDS,
    **changes: Any,  # noqa: ANN401 - as queue_session takes them
) -> BacktestSession:
    """Queue a run of the strategy on the market; both are stored once a test."""
    version = StrategyVersion.objects.first() or create_version()
    data_set = DataSet.objects.first() or create_data_set(seconds=seconds)
    return actions.queue_session(version=version, data_set=data_set, owner=owner, pace=pace, **changes)


def store_finished(like: BacktestSession, number: int) -> None:
    """Store finished sessions: s-1 to s-…, the profit of s-n being n - 30, every tenth one failed."""
    now = timezone.now()
    rows = []
    for each in range(1, number + 1):
        is_failed = each % 10 == 0
        result = {"total_pnl": f"{each - 30}.00", "net_pnl": f"{each - 30}.00", "total_trades": each % 7,
                  "max_drawdown": f"{each}.50"}  # fmt: skip
        rows.append(
            BacktestSession(
                session_id=f"s-{each}", strategy_version=like.strategy_version, data_set=like.data_set,
                owner=like.owner, state=SessionState.FAILED if is_failed else SessionState.COMPLETED,
                error="It failed." if is_failed else "", created_at=now + timedelta(seconds=each), finished_at=now,
                ticks_done=300, total_ticks=300, result=None if is_failed else result,
            )
        )  # fmt: skip
    BacktestSession.objects.bulk_create(rows, batch_size=1000)


def events_of(session: BacktestSession) -> list[SSEEvent]:
    """Run the engine and return the session's events; nothing is stored."""
    config = BacktestConfig(
        strategy=parse_strategy(session.strategy_version.graph), market_data=actions.load_data_set(session.data_set)
    )
    engine = CentralizedBacktestEngineWithSSE(config=config, session_id=session.session_id)
    events: list[SSEEvent] = []
    engine.register_sse_callback(events.append)
    engine.run()
    return events


def encoded(event: SSEEvent) -> EncodedEvent:
    """Return an event as the engine hands it to its publisher."""
    return EncodedEvent(event["event"], event["data"]["event_id"], data=event["data"])


def frames_of(session: BacktestSession) -> list[bytes]:
    """Return the frames that the session's log is to hold in the end."""
    return [
        encode_frame(event["event"], json_text.encode(event["data"]), event["data"]["event_id"])
        for event in events_of(session)
    ]


def publish(session: BacktestSession, events: Iterable[SSEEvent]) -> None:
    """Publish events into the session's log as its worker would, and leave the session as it is then."""
    if session.state == SessionState.QUEUED:
        assert actions.claim_session(session.pk) is not None
        session.refresh_from_db()
    with LogPublisher(session, underlying=UNDERLYING) as publisher:
        for event in events:
            publisher.publish(encoded(event))
    assert publisher.failure is None, publisher.failure
    session.refresh_from_db()


def run_here(session: BacktestSession, *, abort_reason: AbortReason | None = None) -> None:
    """Run the session's job in this thread, as the worker calls it."""
    job = Job(
        id=1, queue=actions.QUEUE, lock=None, queueing_lock=None, task_name=actions.RUN_SESSION_TASK, task_kwargs={}
    )
    context = JobContext(
        app=queue, job=job, abort_reason=lambda: abort_reason, start_timestamp=time.time(), additional_context={}
    )
    worker.run_session(context, session.pk)
    session.refresh_from_db()


def _call(strike: int) -> str:
    return f"{UNDERLYING}:{_EXPIRY}:OPT:{strike}:CE"


def _call_price(second: int, strike: int) -> float:
    return 150 + round((second / 2 - (strike - 24_300)) * 0.5 / 0.05) * 0.05


def _start() -> dict[str, Any]:
    timeframe = {"id": "1m", "unit": "minutes", "number": 1, "timeframe": "1m", "indicators": {}}
    return {
        "id": "start",
        "type": "startNode",
        "data": {
            "label": "Start",
            "exchange": "NSE",
            "tradingInstrument": {"type": "options", "underlyingType": "index"},
            "tradingInstrumentConfig": {"type": "options", "symbol": UNDERLYING, "timeframes": [timeframe]},
            "supportingInstrumentEnabled": False,
        },
    }


def _signal(node_id: str, kind: str, level: float) -> dict[str, Any]:
    condition = {
        "id": f"{node_id}-level",
        "lhs": {"type": "live_data", "field": "underlying_ltp", "instrumentType": "TI"},
        "operator": ">",
        "rhs": {"type": "constant", "value": level, "valueType": "number"},
    }
    return {
        "id": node_id,
        "type": kind,
        "data": {
            "label": node_id,
            "conditions": [{"id": f"{node_id}-all", "groupLogic": "AND", "conditions": [condition]}],
            "conditionsPreview": f"TI.underlying_ltp > {level:g}",
            "hasReEntryExitConditions": False,
        },
    }


def _entry(number: int) -> dict[str, Any]:
    position = {
        "vpi": f"call-{number}",
        "priority": 1,
        "positionType": "sell",
        "quantity": 1,
        "multiplier": 25,
        "orderType": "market",
        "productType": "intraday",
        "maxEntries": 1,
        "optionDetails": {"expiry": "W0", "strikeType": "ATM", "optionType": "CE"},
    }
    data = {"label": f"Sell call {number}", "actionType": "entry", "instrument": UNDERLYING, "positions": [position]}
    return {"id": f"sell-{number}", "type": "entryNode", "data": data}


def _exit(number: int) -> dict[str, Any]:
    order = {"orderType": "market", "quantity": "all", "targetPositionVpi": f"call-{number}"}
    off = {"enabled": False}
    data = {
        "label": f"Buy back {number}",
        "actionType": "exit",
        "exitType": "specific",
        "instrument": UNDERLYING,
        "exitNodeData": {
            "orderConfig": order,
            "postExecutionConfig": {"stopLoss": off, "takeProfit": off, "trailingStop": off},
        },
    }
    return {"id": f"buy-{number}", "type": "exitNode", "data": data}
