"""
One line for each happening in the log: JSON for programs, aligned words for a person at a terminal.

Every line has UTC time, level, place and message. What a call gives as `extra` becomes fields of its own, and so does
what is bound to the context that it happens in: whoever works for a session binds `session_id`. Lines of other packages
have the same form. A line break inside a message is escaped, so that nobody outside can forge a second line.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_LINE_BREAKS = str.maketrans(
    {"\r": "\\r", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\x00": "\\0", "\x1b": "\\e", "\x85": "\\x85"}
    | {"\x1c": "\\x1c", "\x1d": "\\x1d", "\x1e": "\\x1e", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_MESSAGE_WIDTH = 40


def configuration(*, log_format: str, level: str, is_terminal: bool) -> dict[str, Any]:
    """
    Build Django's LOGGING.

    Args:
        log_format: JSON, CONSOLE, or AUTO for what suits the place.
        level: From which level on our own lines are written; others' are from WARNING on.
        is_terminal: Whether the log goes to one.
    """
    is_console = log_format == "CONSOLE" or (log_format == "AUTO" and is_terminal)
    ours = {name: {"level": level} for name in ("backtest_site", "strategies", "streaming")}
    # uvicorn brings handlers of its own; without them its lines are written as ours are.
    servers: dict[str, Any] = {name: {"handlers": [], "propagate": True} for name in ("uvicorn", "uvicorn.access")}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": "backtest_site.log_lines.formatter",
                "is_console": is_console,
                "has_colors": is_console and is_terminal,
            },
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
        # Django's own lines about requests repeat ours (see request_log); its other ones stay.
        "loggers": ours
        | servers
        | {name: {"level": "WARNING"} for name in ("django", "procrastinate")}
        | {"django.request": {"level": "ERROR"}},
    }


def formatter(*, is_console: bool, has_colors: bool) -> logging.Formatter:
    """Build what writes the lines."""
    ending: list[Processor] = [_in_order, structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if is_console:
        # Plain tracebacks: the richer ones show the values of variables, secrets among them.
        ending += [
            _on_one_line,
            structlog.dev.ConsoleRenderer(
                colors=has_colors,
                sort_keys=False,
                pad_event_to=_MESSAGE_WIDTH,
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
    else:
        ending += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
        ],
        processors=ending,
    )


def _in_order(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    """Begin with the record's own time, in UTC, to the millisecond, and with what every line has."""
    moment = datetime.fromtimestamp(line["_record"].created, tz=UTC)
    first = {"timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"}
    first |= {name: line[name] for name in ("level", "logger", "event")}
    return first | {name: value for name, value in line.items() if name not in first}


def _on_one_line(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    return {name: value.translate(_LINE_BREAKS) if isinstance(value, str) else value for name, value in line.items()}
