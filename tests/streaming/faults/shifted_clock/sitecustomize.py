"""
Lets the wall clock of a Python process jump: put this folder into PYTHONPATH, and into CLOCK_SHIFT the name of a file.

The file holds by how many seconds the clock is wrong, and is read at each look. Only the wall clock is shifted, as by a
person or a time server; the monotonic one never jumps.
"""

from __future__ import annotations

import datetime
import os
import time
from pathlib import Path

import django.utils.timezone
import procrastinate.utils

_FILE = Path(os.environ["CLOCK_SHIFT"])
_time, _time_ns = time.time, time.time_ns


def _shift() -> float:
    return float(_FILE.read_text() or 0)


def _now() -> datetime.datetime:
    return datetime.datetime.fromtimestamp(time.time(), datetime.UTC)


time.time = lambda: _time() + _shift()
time.time_ns = lambda: _time_ns() + int(_shift() * 1e9)
# `datetime` asks the system by itself. In the product these two ask it, and nobody else.
django.utils.timezone.now = _now
procrastinate.utils.utcnow = _now
