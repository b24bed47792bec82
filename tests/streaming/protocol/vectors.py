"""The shared test vectors: cases in JSON that every implementation of the protocol reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parents[2] / "vectors"


def load(name: str) -> dict[str, Any]:
    """Read one file of vectors, such as "frames"."""
    document: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return document


def name_of(case: dict[str, Any]) -> str:
    """Name a case in pytest's output."""
    return str(case["name"])
