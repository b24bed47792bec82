"""What the tests of strategies share."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django.fixtures import Settings

from strategies.models import BacktestSession
from tests import sessions


@pytest.fixture
def data_folder(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep uploads of the test in a folder of its own."""
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def owner(db: None) -> User:
    """Return an ordinary user."""
    return User.objects.create_user("owner")


@pytest.fixture
def stranger(db: None) -> User:
    """Return another ordinary user."""
    return User.objects.create_user("stranger")


@pytest.fixture
def staff(db: None) -> User:
    """Return one who may everything."""
    return User.objects.create_superuser("staff")


@pytest.fixture
def session(owner: User, data_folder: Path) -> BacktestSession:
    """Return a queued session of the owner."""
    return sessions.create_session(owner=owner)
