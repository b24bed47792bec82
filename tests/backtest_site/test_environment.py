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
