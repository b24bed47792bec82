"""What the tests of strategies share."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from strategies.models import BacktestSession
from tests import sessions


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
