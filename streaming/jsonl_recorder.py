"""
Write a session's events into a folder, one file for each kind.

    initial_state.json          the first event
    tick_updates_stream.jsonl   one event a line
    node_events_stream.jsonl    one event a line
    trade_updates_stream.jsonl  one event a line
    final_state.json            the last event

Every line is one event, {"event": …, "data": …}. The files are written into a hidden folder beside the wanted one and
take its place all at once when the session is complete: a run that fails or is stopped leaves nothing behind, and an
earlier output stays until a complete one replaces it.

The recorder is a callback of the emitter, which drops a callback that raises. It therefore keeps a failure to itself
until `publish`, and shows it in `failure`, so that the run can be ended early.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from streaming.protocol.messages import BACKTEST_COMPLETE, INITIAL_STATE, NODE_EVENT, TICK_UPDATE, TRADE_UPDATE
from streaming.sse_event_emitter import EncodedEvent

FILE_NAMES: Final = {
    INITIAL_STATE: "initial_state.json",
    TICK_UPDATE: "tick_updates_stream.jsonl",
    NODE_EVENT: "node_events_stream.jsonl",
    TRADE_UPDATE: "trade_updates_stream.jsonl",
    BACKTEST_COMPLETE: "final_state.json",
}
#: A tick_update has 3 to 5 KB; one write for some hundreds of them.
_BUFFER_BYTES: Final = 1 << 20


class OutputRefused(Exception):
    """The wanted folder cannot be used for output; the message says why and what to do."""


class OutputFailed(Exception):
    """Writing failed half-way, as on a full disk; nothing is left behind."""


def check_output_folder(folder: Path) -> None:
    """
    Check that a folder may be written, or replaced, by a recorder.

    Raises:
        OutputRefused: If it is a file, holds anything but an earlier output, or somebody stands in it.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise OutputRefused(f"The output {folder} is a file; name a folder.")
    if Path.cwd().is_relative_to(folder.resolve()):
        raise OutputRefused(f"The output {folder} would replace the folder that you are in; name another one.")
    foreign = sorted(path.name for path in folder.iterdir() if path.name not in FILE_NAMES.values())
    if foreign:
        raise OutputRefused(f"The output {folder} holds other files, such as {foreign[0]}; name a new or empty folder.")


class JsonlRecorder:
    """Record the events of one session; use it as a context manager, and call `publish` at the end."""

    def __init__(self, folder: Path) -> None:
        #: Where the files will stand, without symbolic links, so that a link stays one.
        self.folder = folder.resolve()
        self.event_counts = dict.fromkeys(FILE_NAMES, 0)
        #: Why recording stopped; None while all is well.
        self.failure: OSError | None = None
        self._partial = self._beside("partial")
        self._files: dict[str, BinaryIO] = {}
        self._open_files = ExitStack()

    def __enter__(self) -> Self:
        """
        Make the hidden folder.

        Raises:
            OutputFailed: If that cannot be done.
        """
        try:
            shutil.rmtree(self._partial, ignore_errors=True)
            self._partial.mkdir(parents=True)
            for event, name in FILE_NAMES.items():
                file = (self._partial / name).open("wb", buffering=_BUFFER_BYTES)
                self._files[event] = self._open_files.enter_context(file)
        except OSError as error:
            self._remove_partial()
            raise _failed(self.folder, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove what was not published."""
        self._remove_partial()

    def __call__(self, event: EncodedEvent) -> None:
        """Write one event; after a failure, ignore it."""
        if self.failure is not None:
            return
        try:
            self._files[event.event].write(b'{"event":"%b","data":%b}\n' % (event.event.encode(), event.data_json))
        except OSError as error:
            self.failure = error
        else:
            self.event_counts[event.event] += 1

    def publish(self) -> None:
        """
        Put the complete files in their place, instead of an earlier output.

        Raises:
            OutputFailed: If they could not be written completely; an earlier output is still there.
        """
        if self.failure is not None:
            raise _failed(self.folder, self.failure) from self.failure
        try:
            self._open_files.close()
            self._swap()
        except OSError as error:
            raise _failed(self.folder, error) from error

    def _swap(self) -> None:
        if not self.folder.exists():
            self._partial.rename(self.folder)
            return
        earlier = self._beside("earlier")
        self.folder.rename(earlier)
        try:
            self._partial.rename(self.folder)
        except BaseException:
            earlier.rename(self.folder)
            raise
        shutil.rmtree(earlier, ignore_errors=True)

    def _remove_partial(self) -> None:
        # What cannot be flushed any more is removed anyway; the failure itself has been told already.
        with suppress(OSError):
            self._open_files.close()
        shutil.rmtree(self._partial, ignore_errors=True)

    def _beside(self, purpose: str) -> Path:
        # The process id keeps two runs into the same folder apart: each is complete, the later one stays.
        return self.folder.with_name(f".{self.folder.name}.{os.getpid()}.{purpose}")


def _failed(folder: Path, error: OSError) -> OutputFailed:
    return OutputFailed(f"The output {folder} cannot be written: {error.strerror or error}. Nothing of it was kept.")
