"""
The sessions that the monitor's benchmark looks at: stored, queued, and asked how far they are.

    python -m benchmarks.monitor_sessions STORED

Stores so many finished sessions and the market data, greets with `day` and `ticks`, then answers one line of JSON each
(see ``benchmarks.talk``):

    {"do": "queue", "pace": 600.0, "days": 1}   queue a run; `pace` may be null, `days` is 1 or 3; `session`
    {"do": "look", "session": ID}               `is_finished`, `ticks`, and `written_at`, Unix seconds: when the
                                                transaction began that wrote the newest events
    {"do": "cancel", "session": ID}             cancel a run, if it still goes on
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import django
import numpy as np

from benchmarks import day
from benchmarks.talk import serve
from strategies.market_data import tick_file
from strategies.market_data.tick_table import TickTable

if TYPE_CHECKING:
    from strategies.engine.ticks import MarketData
    from strategies.models import DataSet, StrategyVersion

DAYS: Final = 3
_DAY_SECONDS: Final = 24 * 60 * 60
#: Rows written at a time.
_BATCH: Final = 1000


class Sessions:
    """What is stored, and what can be asked of it."""

    def __init__(self, *, stored: int) -> None:
        self.day = day.load()
        self._version, self._data_sets = _store_inputs(self.day.config.market_data)
        _store_finished(stored, version=self._version, data_set=self._data_sets[1])

    @property
    def ticks(self) -> int:
        """How many ticks the day has."""
        return self.day.config.market_data.total_ticks

    def answer(self, command: dict[str, Any]) -> dict[str, object]:
        """Do what was asked for."""
        known: dict[str, Callable[..., dict[str, object]]] = {
            "queue": self.queue,
            "look": self.look,
            "cancel": self.cancel,
        }
        return known[command.pop("do")](**command)

    def queue(self, *, pace: float | None, days: int) -> dict[str, object]:
        """Queue a run of the day, or of three such days."""
        from strategies import actions

        session = actions.queue_session(version=self._version, data_set=self._data_sets[days], pace=pace)
        return {"session": session.session_id}

    def look(self, *, session: str) -> dict[str, object]:
        """Tell how far a run is."""
        from streaming.models import SessionLog

        log = SessionLog.objects.filter(session__session_id=session).values(
            "is_finished", "written_at", "session__ticks_done"
        )
        found = log.first()
        if found is None or found["written_at"] is None:
            return {"is_finished": False, "ticks": 0, "written_at": 0.0}
        return {
            "is_finished": found["is_finished"],
            "ticks": found["session__ticks_done"],
            "written_at": found["written_at"].timestamp(),
        }

    def cancel(self, *, session: str) -> dict[str, object]:
        """Cancel a run."""
        from strategies import actions
        from strategies.models import BacktestSession
        from strategies.session_states import ACTIVE_STATES

        running = BacktestSession.objects.filter(session_id=session, state__in=ACTIVE_STATES).first()
        if running is not None:
            actions.cancel_session(running)
        return {}


def three_days(market_data: MarketData) -> TickTable:
    """Make three days of one: the same ticks on it and on the two days after it."""
    (one,) = market_data.days()
    seconds = np.repeat(one.seconds, np.diff(one.starts))
    return TickTable(
        epoch_seconds=np.concatenate([seconds + number * _DAY_SECONDS for number in range(DAYS)]),
        symbol_codes=np.tile(one.codes, DAYS),
        symbol_names=one.symbols,
        ltp=np.tile(one.ltp, DAYS),
        volume=np.tile(one.volume, DAYS),
        oi=np.tile(one.oi, DAYS),
    )


def _store_inputs(market_data: MarketData) -> tuple[StrategyVersion, dict[int, DataSet]]:
    """Store the strategy and the market data; return them, the data by their number of days."""
    from django.conf import settings

    from strategies import actions
    from strategies.models import DataSet, StrategyVersion

    folder = day.reference_folder()
    uploads = Path(settings.DATA_DIR) / "uploads" / "data_sets"
    uploads.mkdir(parents=True, exist_ok=True)
    tick_file.write_ticks(three_days(market_data), uploads / "three-days.parquet")
    if folder is None:
        version, sample = StrategyVersion.objects.get(), DataSet.objects.get()
        return version, {1: sample, DAYS: _store_files("three-days", warmup=False)}
    shutil.copy(folder / "ticks.parquet", uploads / "one-day.parquet")
    shutil.copy(folder / "warmup_candles_1m.csv", uploads / "warmup.csv")
    document = json.loads((folder / "strategy.json").read_text(encoding="utf-8"))
    version = actions.create_strategy(slug="reference", name="The reference strategy", document=document, owner=None)
    return version, {number: _store_files(name, warmup=True) for number, name in ((1, "one-day"), (DAYS, "three-days"))}


def _store_files(name: str, *, warmup: bool) -> DataSet:
    from strategies import actions
    from strategies.models import DataSet

    data_set = DataSet(slug=name, name=name.replace("-", " ").capitalize(), ticks_file=f"data_sets/{name}.parquet")
    if warmup:
        data_set.warmup_file.name = "data_sets/warmup.csv"
    actions.describe_data_set(data_set, actions.load_data_set(data_set))
    data_set.save()
    return data_set


def _store_finished(number: int, *, version: StrategyVersion, data_set: DataSet) -> None:
    """Store sessions that ended some time ago, a minute after each other, with results of every size."""
    from django.utils import timezone

    from strategies.models import BacktestSession
    from strategies.session_states import SessionState

    now = timezone.now()
    rows = []
    for each in range(number):
        ended = now - timedelta(minutes=each + 1)
        result = {"total_pnl": f"{each % 997 - 400}.00", "total_trades": each % 13, "max_drawdown": f"{each % 89}.50"}
        rows.append(
            BacktestSession(
                session_id=f"stored-{each}",
                strategy_version=version,
                data_set=data_set,
                state=SessionState.COMPLETED,
                created_at=ended,
                started_at=ended,
                finished_at=ended,
                ticks_done=data_set.total_ticks or 0,
                total_ticks=data_set.total_ticks,
                result={**result, "net_pnl": result["total_pnl"], "winning_trades": 0, "losing_trades": 0},
            )
        )
    BacktestSession.objects.bulk_create(rows, batch_size=_BATCH)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backtest_site.settings")
    django.setup()
    sessions = Sessions(stored=int(sys.argv[1]))
    serve({"day": sessions.day.name, "ticks": sessions.ticks}, sessions.answer)
