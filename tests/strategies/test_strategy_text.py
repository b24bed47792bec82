"""`manage.py strategy_text`: a strategy goes to YAML with text and back, without a database."""

from __future__ import annotations

import io
import json
import stat
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from strategies.engine.graph import parse_strategy
from strategies.engine.text_documents import as_text_document
from strategies.samples import SAMPLE_STRATEGY_FILE, sample_strategy
from strategies.strategy_documents import load_strategy_document


def convert(*arguments: Path | str) -> str:
    """Run the command and return what it prints."""
    printed = io.StringIO()
    call_command("strategy_text", *map(str, arguments), stdout=printed)
    return printed.getvalue()


def test_json_becomes_yaml_on_the_standard_output_with_one_condition_a_line(tmp_path: Path) -> None:
    printed = convert(SAMPLE_STRATEGY_FILE)

    assert (
        "      conditions: |-\n"
        "        Current Time >= 09:17\n"
        "        AND Previous[TI.1m.rsi(14,close)] < 30\n"
        "        AND TI.underlying_ltp > Previous[TI.1m.High]\n"
    ) in printed
    path = tmp_path / "printed.yaml"
    path.write_text(printed, encoding="utf-8")
    assert as_text_document(load_strategy_document(path)) == as_text_document(sample_strategy())


def test_yaml_becomes_the_builders_json_and_the_same_yaml_again(tmp_path: Path) -> None:
    as_yaml, as_json, again = tmp_path / "s.yaml", tmp_path / "s.json", tmp_path / "again.yml"

    assert convert(SAMPLE_STRATEGY_FILE, "--out", as_yaml) == f"Written to {as_yaml}\n"
    convert(as_yaml, "--out", as_json)
    convert(as_json, "--out", again)

    assert again.read_text(encoding="utf-8") == as_yaml.read_text(encoding="utf-8")
    document = json.loads(as_json.read_text(encoding="utf-8"))
    assert parse_strategy(document).nodes == parse_strategy(load_strategy_document(as_yaml)).nodes
    assert isinstance(document["nodes"][1]["data"]["conditions"], list)
    assert convert(as_yaml) == as_json.read_text(encoding="utf-8")


def test_a_file_may_be_written_anew_in_its_own_form(tmp_path: Path) -> None:
    path = tmp_path / "s.yaml"
    convert(SAMPLE_STRATEGY_FILE, "--out", path)
    tidy = path.read_text(encoding="utf-8")
    path.write_text("# mine\n" + tidy, encoding="utf-8")

    convert(path, "--out", path)

    assert path.read_text(encoding="utf-8") == tidy
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_IRUSR
    assert [found.name for found in tmp_path.iterdir()] == ["s.yaml"]


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["none.json"], 2, "none.json cannot be read: No such file or directory."),
        (["bad.yaml"], 2, "bad.yaml, line 1: a strategy is a YAML mapping with nodes and edges."),
        ([str(SAMPLE_STRATEGY_FILE), "--out", "s.txt"], 2, "--out s.txt says neither JSON nor YAML"),
        ([str(SAMPLE_STRATEGY_FILE), "--out", "no/s.yaml"], 1, "no/s.yaml cannot be written: No such file"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_a_reason_and_an_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], exit_code: int, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("[]", encoding="utf-8")

    with pytest.raises(CommandError) as refused:
        convert(*arguments)

    assert refused.value.returncode == exit_code
    assert str(refused.value).startswith(message)
    assert [found.name for found in tmp_path.iterdir()] == ["bad.yaml"]
