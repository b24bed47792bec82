"""The strategies that ship with the product."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SAMPLE_STRATEGY_FILE = Path(__file__).with_name("rsi_breakout.json")


def sample_strategy() -> dict[str, Any]:
    """
    Return the sample strategy as a document of the visual builder; it is the caller's to change.

    It sells one put of next week at the money when RSI(14) has fallen below 30 and the index breaks the last candle's
    high, and one call the other way round; it buys back at the opposite extreme or at a stop, goes in again at the next
    breakout, and squares off five minutes before the close.
    """
    document: dict[str, Any] = json.loads(SAMPLE_STRATEGY_FILE.read_text(encoding="utf-8"))
    return document
