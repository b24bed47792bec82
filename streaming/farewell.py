"""
Notice in time that this process is about to end, so that open streams end by themselves.

A server that is told to stop waits for its open responses and cuts them off in the end; it does not tell them. So the
signals that stop it are heard here as well, on their way: what was to be done on them is done as before.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final
from weakref import WeakKeyDictionary

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

_endings: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Event] = WeakKeyDictionary()


def get_ending() -> asyncio.Event:
    """Return the running loop's event that is set when the process is told to end."""
    loop = asyncio.get_running_loop()
    ending = _endings.get(loop)
    if ending is None:
        ending = _endings[loop] = asyncio.Event()
        # Only the main thread can hear signals; a server in another one is ended by whoever started it.
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                _hear(number, loop, ending)
    return ending


def _hear(number: signal.Signals, loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    before = signal.getsignal(number)

    def hear(received: int, frame: FrameType | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(ending.set)
        _pass_on(before, received, frame)

    signal.signal(number, hear)


def _pass_on(
    handler: Callable[[int, FrameType | None], object] | int | None, received: int, frame: FrameType | None
) -> None:
    if callable(handler):
        handler(received, frame)
    elif handler == signal.SIG_DFL:
        signal.signal(received, signal.SIG_DFL)
        signal.raise_signal(received)
