"""What the tests against outside engines and libraries share."""

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Name the marker of these tests, which install what they compare with on first use."""
    config.addinivalue_line("markers", "oracle: compares with an outside package in an environment of its own")
