"""
Sessions brought to a moment that a picture shows, on a running site and by its own worker.

    python -m tests.journeys.staging

runs inside the site's environment. It publishes the sample day up to a tick, as a worker does that dies there, and
hands the session back to the queue: one goes on live from that tick, another has been tried too often and fails at it.
The ids are printed as JSON.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strategies.models import BacktestSession, DataSet, StrategyVersion

#: About 13:16, with the fifth trade open: from here on a picture of a live session may be taken.
LIVE_FROM = 14_401
#: Market seconds a second: more than two minutes until the trade is closed, on a busy machine as well.
LIVE_PACE = 6.0
#: 12:06:17, with the fourth trade open.
FAILED_AT = 10_209
#: What the other strategy waits for, besides the sample's conditions.
LATER = "10:45"


def main() -> None:
    """Stage the sessions and print their ids."""
    from strategies import actions
    from strategies.management.commands.load_sample import SAMPLE_DATA_SET, SAMPLE_STRATEGY
    from strategies.models import DataSet, StrategyVersion
    from streaming import worker

    data_set = DataSet.objects.get(slug=SAMPLE_DATA_SET)
    version = StrategyVersion.objects.filter(strategy__slug=SAMPLE_STRATEGY).latest("number")
    later = actions.create_strategy(
        slug="rsi-breakout-later", name="RSI breakout, later in the day", document=_later(version.graph), owner=None
    )
    other = actions.queue_session(version=later, data_set=data_set)
    failed = _publish_until(FAILED_AT, version, data_set, attempts=worker.MAX_ATTEMPTS)
    # Last, for its time runs.
    live = _publish_until(LIVE_FROM, version, data_set, pace=LIVE_PACE)
    print(json.dumps({"live": live, "failed": failed, "other": other.session_id}))


def _later(graph: dict[str, Any]) -> dict[str, Any]:
    """Let the sample's entry signals wait for a later time of day."""
    text = json.dumps(graph)
    assert '"09:17"' in text, "the sample's entries wait for 09:17 no more"
    found: dict[str, Any] = json.loads(text.replace("09:17", LATER))
    return found


def _publish_until(
    tick: int, version: StrategyVersion, data_set: DataSet, *, pace: float | None = None, attempts: int = 1
) -> str:
    """Leave a session as a worker leaves it that died at a tick, and put it into the queue again."""
    from django.db import transaction
    from procrastinate import exceptions

    from strategies import actions
    from strategies.models import BacktestSession
    from streaming import event_log
    from tests import sessions

    with ExitStack() as held:
        with transaction.atomic():
            session = actions.queue_session(version=version, data_set=data_set, pace=pace, id_prefix=data_set.slug)
            # Before the site's worker can see the session: it leaves one alone that somebody else writes.
            assert held.enter_context(event_log.session_lock(session.pk))
        sessions.publish(session, _events_until(tick, session))
        BacktestSession.objects.filter(pk=session.pk).update(attempts=attempts)
    # Refused where the worker has not looked at the job of before yet; that one will do.
    with suppress(exceptions.AlreadyEnqueued):
        actions.enqueue(session.pk)
    return session.session_id


def _events_until(tick: int, session: BacktestSession) -> list[Any]:
    """Run the engine up to a tick, and return what it told before it was stopped."""
    from strategies import actions
    from strategies.engine.centralized_backtest_engine import BacktestConfig
    from strategies.engine.graph import parse_strategy
    from streaming.centralized_backtest_engine_with_sse import CentralizedBacktestEngineWithSSE

    market_data = actions.load_data_set(session.data_set)
    actions.note_total_ticks(session.pk, market_data.total_ticks)
    config = BacktestConfig(strategy=parse_strategy(session.strategy_version.graph), market_data=market_data)
    engine = CentralizedBacktestEngineWithSSE(config=config, session_id=session.session_id)
    events: list[Any] = []
    engine.register_sse_callback(events.append)
    turns = iter(range(tick))
    engine.run(should_continue=lambda: next(turns, None) is not None)
    assert events[-1]["event"] == "backtest_complete"
    return events[:-1]


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "backtest_site.settings"
    import django

    django.setup()
    main()
