"""What the tests of streaming share."""

from pathlib import Path

import pytest
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests import sessions


@pytest.fixture
def data_folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep uploads of the test in a folder of its own, also in processes that it starts."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def session(transactional_db: None, data_folder: Path, settings: Settings) -> BacktestSession:
    """Return a queued session that anyone may look at."""
    settings.PUBLIC_VIEWING = True
    return sessions.create_session()
