"""What the tests of market data share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real market data, of which the project holds no copy; in CI it must be there."""
    folder = Path(os.environ.get("REAL_DATA") or ROOT.parent / "shared" / "data" / "real")
    if folder.is_dir():
        return folder
    missing = f"no real market data at {folder}: set REAL_DATA to their folder"
    if os.environ.get("CI"):
        pytest.fail(missing)
    pytest.skip(missing)
