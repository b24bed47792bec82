"""Settings from environment variables: understood, or refused."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from backtest_site import environment


@pytest.mark.parametrize(("text", "expected"), [("1", True), ("true", True), ("On", True), ("0", False), ("no", False)])
def test_a_flag_is_read(text: str, expected: bool) -> None:
    assert environment.flag({"DEBUG": text}, "DEBUG", default=not expected) is expected


@pytest.mark.parametrize("variables", [{}, {"DEBUG": ""}, {"DEBUG": "  "}])
def test_an_absent_flag_has_its_default(variables: dict[str, str]) -> None:
    assert environment.flag(variables, "DEBUG", default=True)


def test_a_mistyped_flag_is_refused() -> None:
    with pytest.raises(ImproperlyConfigured, match=r"DEBUG is 'flase': write 1 or 0\."):
        environment.flag({"DEBUG": "flase"}, "DEBUG", default=False)


def test_a_list_is_read_without_its_blanks() -> None:
    assert environment.words({"HOSTS": " a.org, b.org ,,"}, "HOSTS", default=["x"]) == ["a.org", "b.org"]
    assert environment.words({}, "HOSTS", default=["x"]) == ["x"]


def test_a_mistyped_level_is_refused_with_the_allowed_ones() -> None:
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL is 'LOUD': write one of DEBUG, INFO"):
        environment.one_of({"LOG_LEVEL": "loud"}, "LOG_LEVEL", allowed=frozenset({"INFO", "DEBUG"}), default="INFO")


def test_a_port_is_read_or_refused() -> None:
    assert environment.port({"PORT": "65535"}, "PORT", default=0) == 65_535
    assert environment.port({}, "PORT", default=0) == 0
    with pytest.raises(ImproperlyConfigured, match="PORT is 65536: write a port from 1 to 65535, or 0 for none"):
        environment.port({"PORT": "65536"}, "PORT", default=0)
    with pytest.raises(ImproperlyConfigured, match="PORT is 'http': write a whole number"):
        environment.port({"PORT": "http"}, "PORT", default=0)


@pytest.mark.parametrize(
    ("text", "is_loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False), ("10.0.0.7", False)],
)
def test_an_address_is_read_and_known_to_be_reached_by_others_or_not(text: str, is_loopback: bool) -> None:
    address = environment.address({"HOST": text}, "HOST", default="127.0.0.1")

    assert (address, environment.is_loopback(address)) == (text, is_loopback)


@pytest.mark.parametrize("text", ["here", "10.0.0", "127.0.0.1:9101", "http://127.0.0.1", "[::1]"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"write an IP address, as 127\.0\.0\.1 or ::1"):
        environment.address({"HOST": text}, "HOST", default="127.0.0.1")


@pytest.mark.parametrize("text", ["", "  ", "0123456789abcdef", "a.b-c_d~e+f/0123456789=="])
def test_a_token_is_read(text: str) -> None:
    assert environment.token({"TOKEN": f" {text}\n"}, "TOKEN") == text.strip()


@pytest.mark.parametrize("text", ["short", "0123456789 abcdef", "0123456789abcdef\n\nX: y", "0123456789abcd\u00e9f"])
def test_a_token_that_is_short_or_cannot_stand_in_a_header_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="TOKEN cannot be used: write 16 or more letters") as refusal:
        environment.token({"TOKEN": text}, "TOKEN")

    assert text not in str(refusal.value)


def test_the_given_key_goes_before_the_kept_one(tmp_path: Path) -> None:
    (tmp_path / "secret-key.txt").write_text("kept\n")

    assert environment.secret_key({"SECRET_KEY": "given"}, tmp_path) == "given"
    assert environment.secret_key({}, tmp_path) == "kept"


def test_without_a_key_each_process_has_one_of_its_own_and_nothing_is_written(tmp_path: Path) -> None:
    first = environment.secret_key({}, tmp_path / "none")

    assert len(first) >= 50
    assert environment.secret_key({}, tmp_path / "none") != first
    assert list(tmp_path.iterdir()) == []


def test_a_whole_number_is_read_and_anything_else_refused() -> None:
    assert environment.whole_number({"LIMIT": " 12 "}, "LIMIT", default=5) == 12
    assert environment.whole_number({"LIMIT": ""}, "LIMIT", default=5) == 5
    for text in ("-1", "1.5", "1e3", "ten", "\u0663", "9" * 19):
        with pytest.raises(ImproperlyConfigured, match="write a whole number, 0 or more"):
            environment.whole_number({"LIMIT": text}, "LIMIT", default=5)
