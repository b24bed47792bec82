"""
Database reads that viewers share: whoever asks for the same while others are being read gets one answer for all.

A thousand viewers may come at once. One read after the other costs each of them a database connection and two changes
of threads; so what is asked for while a batch is read waits for the next one, which reads each different thing once, in
one thread, on one connection. An answer is therefore never older than the question.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Sequence
from itertools import islice
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from django.db import close_old_connections

#: Different things that are read in one go; more wait, so that the first need not wait for all.
_BATCH: Final = 64

Result = TypeVar("Result")
_Waiting = dict[Hashable, tuple[Callable[[], Any], "asyncio.Future[Any]"]]


class SharedReads:
    """The reads of one event loop."""

    def __init__(self) -> None:
        self._waiting: _Waiting = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """
        Return what the work returns, done by a thread after this call.

        Args:
            key: Names what is read; of several with the same key one is done for all.
            work: May use the database. What it raises, everybody gets.
        """
        found = self._waiting.get(key)
        if found is None:
            found = self._waiting[key] = (work, asyncio.get_running_loop().create_future())
            if self._reading is None:
                self._reading = asyncio.create_task(self._read_all(), name="shared reads")
        # One viewer that leaves while they all wait does not take the answer along.
        result: Result = await asyncio.shield(found[1])
        return result

    async def _read_all(self) -> None:
        while self._waiting:
            batch = dict(islice(self._waiting.items(), _BATCH))
            for key in batch:
                del self._waiting[key]
            outcomes = await asyncio.to_thread(_do_all, [work for work, _ in batch.values()])
            for (_, answer), (result, error) in zip(batch.values(), outcomes, strict=True):
                if error is None:
                    answer.set_result(result)
                else:
                    answer.set_exception(error)
                    # Seen, also where everybody who waited for it has left.
                    answer.exception()
        self._reading = None


def _do_all(works: Sequence[Callable[[], Any]]) -> list[tuple[Any, Exception | None]]:
    outcomes: list[tuple[Any, Exception | None]] = []
    try:
        for work in works:
            try:
                outcomes.append((work(), None))
            except Exception as error:  # noqa: BLE001 - whoever asked for it gets it
                outcomes.append((None, error))
                # It may have been the connection; the next one opens another.
                close_old_connections()
    finally:
        close_old_connections()
    return outcomes


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, SharedReads] = WeakKeyDictionary()


def get_shared_reads() -> SharedReads:
    """Return the reads of the running event loop."""
    return _shared.setdefault(asyncio.get_running_loop(), SharedReads())
