"""
The event log of a session: appending to it, and reading it.

Who writes holds the session's lock (`session_lock`) and appends through a `LogWriter`, a batch at a time and in order.
The head is moved by an update that names the old head, so that even a writer that lost its lock without knowing can
never fork the log. Who reads several things that must fit together does so inside `one_instant`.

A snapshot needs no table of its own: the trades and node events of a session keep the JSON of their events, in order,
and the log keeps the rest. They are written in the same transaction as the head.
"""

from streaming.event_log.lock import locked_sessions, session_lock
from streaming.event_log.reader import (
    BLOCK_COLUMNS,
    BLOCK_SOURCE,
    initial_state_frame_data,
    one_instant,
    read_blocks,
    read_frames,
    read_snapshot,
    read_state,
    viewer_state,
)
from streaming.event_log.records import BlockRow, Dropped, LogError, LogState, LogTaken, SnapshotParts, Stretch
from streaming.event_log.series import SeriesPoint, pack_series, unpack_series
from streaming.event_log.trimming import finished_logs, trim
from streaming.event_log.writer import NOTIFY_CHANNEL, SEGMENT_SECONDS, LogWriter

__all__ = [
    "BLOCK_COLUMNS",
    "BLOCK_SOURCE",
    "NOTIFY_CHANNEL",
    "SEGMENT_SECONDS",
    "BlockRow",
    "Dropped",
    "LogError",
    "LogState",
    "LogTaken",
    "LogWriter",
    "SeriesPoint",
    "SnapshotParts",
    "Stretch",
    "finished_logs",
    "initial_state_frame_data",
    "locked_sessions",
    "one_instant",
    "pack_series",
    "read_blocks",
    "read_frames",
    "read_snapshot",
    "read_state",
    "session_lock",
    "trim",
    "unpack_series",
    "viewer_state",
]
