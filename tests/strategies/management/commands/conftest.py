"""What the tests of commands share."""

from tests.strategies.market_data.conftest import real_data

__all__ = ["real_data"]
