"""One happening is one line of the log, with its session."""

import json
import logging
import sys
from typing import Any

import pytest
from structlog.contextvars import bound_contextvars

from backtest_site import log_lines

LINE_BREAKS = "bad\nname\r\n2024-10-29 ERROR forged\u2028too\x0band\x85so\x1bon"


def record_of(message: str, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("streaming.relay", logging.WARNING, "relay.py", 1, message, None, None)
    record.created, record.msecs = 1730173800.25, 250.0
    vars(record).update(extra)
    return record


def json_line(record: logging.LogRecord) -> str:
    return log_lines.formatter(is_console=False, has_colors=False).format(record)


def console_line(record: logging.LogRecord) -> str:
    return log_lines.formatter(is_console=True, has_colors=False).format(record)


def failed_record() -> logging.LogRecord:
    secret = "in-a-variable"
    record = record_of("It failed.")
    try:
        raise ValueError(len(secret))
    except ValueError:
        record.exc_info = sys.exc_info()
    return record


def test_a_line_of_json_has_time_level_place_message_and_fields() -> None:
    line = json.loads(json_line(record_of("A viewer has gone.", session_id="sample-1", events=3)))

    assert line == {
        "timestamp": "2024-10-29T03:50:00.250Z",
        "level": "warning",
        "logger": "streaming.relay",
        "event": "A viewer has gone.",
        "session_id": "sample-1",
        "events": 3,
    }


def test_a_line_for_a_terminal_has_the_same() -> None:
    line = console_line(record_of("A viewer has gone.", session_id="sample-1", events=3))

    assert line.split() == [
        "2024-10-29T03:50:00.250Z",
        "[warning",
        "]",
        *["A", "viewer", "has", "gone."],
        "[streaming.relay]",
        "session_id=sample-1",
        "events=3",
    ]


def test_what_is_bound_to_the_context_is_on_every_line_of_any_package() -> None:
    with bound_contextvars(session_id="sample-1"):
        inside = json.loads(json_line(logging.LogRecord("foreign", logging.ERROR, "f.py", 1, "No.", None, None)))
    outside = json.loads(json_line(record_of("No.")))

    assert inside["session_id"] == "sample-1"
    assert "session_id" not in outside


@pytest.mark.parametrize("write", [json_line, console_line])
def test_nobody_can_forge_a_second_line(write: Any) -> None:  # noqa: ANN401 - either of two functions
    line = write(record_of(LINE_BREAKS, path=LINE_BREAKS))

    assert len(line.splitlines()) == 1
    assert "\x1b" not in line


@pytest.mark.parametrize("write", [json_line, console_line])
def test_a_traceback_is_told_without_the_values_of_variables(write: Any) -> None:  # noqa: ANN401
    line = write(failed_record())

    assert "ValueError: 13" in line
    assert "in-a-variable" not in line


@pytest.mark.parametrize(
    ("log_format", "is_terminal", "is_console"),
    [("AUTO", True, True), ("AUTO", False, False), ("JSON", True, False), ("CONSOLE", False, True)],
)
def test_lines_are_for_people_where_people_are(log_format: str, is_terminal: bool, is_console: bool) -> None:
    logging_setting = log_lines.configuration(log_format=log_format, level="INFO", is_terminal=is_terminal)

    line = logging_setting["formatters"]["line"]
    assert (line["is_console"], line["has_colors"]) == (is_console, is_console and is_terminal)
