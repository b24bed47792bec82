"""The benchmark of the log: a small day through each way of storing it, on the tests' own database."""

from pathlib import Path

import pytest

from benchmarks import day
from benchmarks.contestants import log_day
from strategies import actions
from strategies.engine.centralized_backtest_engine import BacktestConfig
from strategies.engine.graph import parse_strategy
from strategies.models import DataSet
from streaming.models import SessionLog
from tests import sessions

EVENTS = 313


@pytest.fixture
def runs(transactional_db: None, data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> log_day.Runs:
    """Return the program's runs, over a session of five minutes."""
    version, data_set = sessions.create_version(), sessions.create_data_set()
    assert DataSet.objects.count() == 1
    config = BacktestConfig(strategy=parse_strategy(version.graph), market_data=actions.load_data_set(data_set))
    monkeypatch.setattr(day, "load", lambda: day.Day(name="five minutes", config=config))
    return log_day.Runs()


def test_every_way_of_storing_stores_every_event(runs: log_day.Runs) -> None:
    answers = {way: runs.answer({"do": way}) for way in ("encoded", "stored", "blocks", "rows")}

    assert {way: answer["events"] for way, answer in answers.items()} == dict.fromkeys(answers, EVENTS)
    stored = answers["stored"]
    assert (stored["encoded"], stored["compressed"]) == (EVENTS, EVENTS)
    assert isinstance(stored["mb_blocks"], float)
    assert isinstance(stored["mb_raw"], float)
    assert 0 < stored["mb_blocks"] < stored["mb_raw"]
    # Each has removed what it stored, so that the next one is measured alone.
    assert not SessionLog.objects.exists()
