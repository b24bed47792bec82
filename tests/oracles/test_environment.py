"""The oracles' environments: what is asked for exactly, told plainly when it fails."""

import sys
from pathlib import Path

import pytest

from tests.oracles import environment
from tests.oracles.environment import OracleUnavailable


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """Return a path for a script of the test."""
    return tmp_path / "script.py"


def test_a_version_that_is_not_exact_is_refused() -> None:
    with pytest.raises(ValueError, match=r"versions are exact.*backtrader"):
        environment.python_of("numpy==2.4.6", "backtrader")


def test_a_script_is_given_json_and_answers_in_json(script: Path) -> None:
    script.write_text("import json, sys; print(json.dumps([json.load(sys.stdin), sys.argv[1:]]))")

    assert environment.ask(Path(sys.executable), script, "--fast", given={"a": 1.5}) == [{"a": 1.5}, ["--fast"]]


def test_a_script_does_not_see_the_project(script: Path) -> None:
    script.write_text("import importlib.util; print(int(importlib.util.find_spec('strategies') is None))")

    assert environment.ask(Path(sys.executable), script) == 1


def test_a_script_that_fails_says_why(script: Path) -> None:
    script.write_text("raise SystemExit('no data here')")

    with pytest.raises(OracleUnavailable, match="no data here"):
        environment.ask(Path(sys.executable), script)


def test_a_script_that_prints_no_json_is_named(script: Path) -> None:
    script.write_text("print('done')")

    with pytest.raises(OracleUnavailable, match=r"script\.py printed no JSON: 'done"):
        environment.ask(Path(sys.executable), script)


def test_a_script_that_takes_too_long_is_ended(script: Path) -> None:
    script.write_text("import time; time.sleep(60)")

    with pytest.raises(OracleUnavailable, match=r"longer than 0\.3 s"):
        environment.ask(Path(sys.executable), script, timeout_seconds=0.3)


def test_equal_requirements_share_an_environment_in_any_order() -> None:
    one, other = ("a==1", "b==2"), ("b==2", "a==1")

    assert environment._name(one) == environment._name(other) != environment._name(("a==1",))
