"""The words after ./run, and the variables that stand for them."""

from pathlib import Path

import pytest

from backtest_site import run_options
from backtest_site.refusals import Refusal
from backtest_site.run_options import RunOptions

ROOT = Path("/project")
HERE = Path("/somewhere")


def parse(*words: str, **variables: str) -> RunOptions:
    return run_options.parse(words, variables, root=ROOT, caller_dir=HERE)


def test_without_words_the_site_runs_on_this_machine_alone() -> None:
    assert parse() == RunOptions(action="run", host="127.0.0.1", port=8000, data_dir=ROOT / "var", pace="100")
    assert parse().is_loopback
    assert parse().base_url == "http://127.0.0.1:8000"


def test_variables_stand_for_words() -> None:
    options = parse(RUN_HOST="0.0.0.0", RUN_PORT="9000", RUN_DATA="/data", RUN_PACE="max")

    assert options == RunOptions(action="run", host="0.0.0.0", port=9000, data_dir=Path("/data"), pace="max")


def test_a_word_goes_before_its_variable() -> None:
    assert parse("--port", "9001", RUN_PORT="9000").port == 9001


def test_a_relative_data_folder_is_meant_from_where_the_command_was_given() -> None:
    assert parse("--data", "mine").data_dir == HERE / "mine"


@pytest.mark.parametrize(("words", "action"), [(["stop"], "stop"), (["--prepare"], "prepare"), ([], "run")])
def test_the_action_is_read(words: list[str], action: str) -> None:
    assert parse(*words).action == action


@pytest.mark.parametrize("port", ["", "abc", "0", "65536", "-1", "80 80", "8e3", "٨٠٠٠"])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(Refusal, match="write a whole number from 1 to 65535") as refused:
        parse("--port", port)

    assert refused.value.exit_code == 2


@pytest.mark.parametrize("pace", ["", "fast", "0", "-1", "nan", "inf"])
def test_a_pace_that_is_none_is_refused(pace: str) -> None:
    with pytest.raises(Refusal, match="write a number above 0") as refused:
        parse("--pace", pace)

    assert refused.value.exit_code == 2


def test_a_refusal_names_the_variable_that_was_wrong() -> None:
    with pytest.raises(Refusal, match=r"^RUN_PORT 'x' is no port"):
        parse(RUN_PORT="x")


@pytest.mark.parametrize(
    "words",
    [["--prot", "1"], ["start"], ["--port"], ["--por", "1"], ["stop", "--prepare"], ["--host", ""], ["--data", " "]],
)
def test_words_that_are_not_understood_are_refused(words: list[str]) -> None:
    with pytest.raises(Refusal) as refused:
        parse(*words)

    assert refused.value.exit_code == 2


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "::1", "localhost"])
def test_addresses_of_this_machine_alone_are_loopback(host: str) -> None:
    assert run_options.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "no-such-name.invalid"])
def test_all_others_are_not(host: str) -> None:
    assert not run_options.is_loopback(host)


@pytest.mark.parametrize(
    ("host", "url"),
    [("::1", "http://[::1]:8000"), ("0.0.0.0", "http://127.0.0.1:8000"), ("10.0.0.5", "http://10.0.0.5:8000")],
)
def test_the_address_is_one_that_this_machine_can_open(host: str, url: str) -> None:
    assert parse("--host", host).base_url == url
