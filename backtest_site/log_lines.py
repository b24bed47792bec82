"""One line for each happening in the log, with the session it concerns."""

import logging
from datetime import UTC, datetime

_LINE_BREAKS = str.maketrans({"\r": "\\r", "\x00": "\\0", "\u2028": "\\u2028", "\u2029": "\\u2029"})


class LineFormatter(logging.Formatter):
    """
    Write UTC time, level, place and message, then `session=<id>` where the call gave `extra={"session_id": ...}`.

    A line break inside a message is escaped, so that nobody outside can forge a second line; a traceback keeps its own.
    """

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 - logging's name
        """Return the record's time in UTC, to the millisecond."""
        return datetime.fromtimestamp(record.created, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{record.msecs:03.0f}Z"

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line without the traceback."""
        line = super().formatMessage(record).translate(_LINE_BREAKS).replace("\n", "\\n")
        session_id = getattr(record, "session_id", None)
        return line if session_id is None else f"{line} session={session_id}"
