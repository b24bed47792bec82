"""One happening is one line of the log, with its session."""

import logging

from backtest_site.log_lines import LineFormatter


def line_of(message: str, **extra: object) -> str:
    record = logging.LogRecord("streaming.relay", logging.WARNING, "relay.py", 1, message, None, None)
    record.created, record.msecs = 1730173800.25, 250.0
    vars(record).update(extra)
    return LineFormatter("{asctime} {levelname:<7} {name}: {message}", style="{").format(record)


def test_a_line_has_time_level_place_message_and_session() -> None:
    line = line_of("A viewer has gone.", session_id="sample-1")

    assert line == "2024-10-29T03:50:00.250Z WARNING streaming.relay: A viewer has gone. session=sample-1"


def test_a_message_cannot_forge_a_second_line() -> None:
    line = line_of("bad\nname\r\n2024-10-29 ERROR forged\u2028too")

    assert len(line.splitlines()) == 1


def test_without_a_session_none_is_named() -> None:
    assert "session" not in line_of("Waiting.")
