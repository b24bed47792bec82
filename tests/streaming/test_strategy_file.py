"""Strategy files: a fault is told with the line of the file where it stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from strategies import samples
from strategies.engine.graph import parse_strategy
from streaming.strategy_file import StrategyFileInvalid, line_of, load_strategy_file


@pytest.fixture
def graph() -> dict[str, Any]:
    """Give the sample strategy's document, to be spoiled."""
    document: dict[str, Any] = json.loads(json.dumps(samples.sample_strategy()))
    return document


def refusal_of(folder: Path, text: str | bytes) -> str:
    """Load a file with this text and return why it is refused."""
    path = folder / "strategy.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(StrategyFileInvalid) as refusal:
        load_strategy_file(path)
    return str(refusal.value).replace(str(path), "strategy.json")


def test_a_good_file_gives_its_graph(tmp_path: Path, graph: dict[str, Any]) -> None:
    path = tmp_path / "strategy.json"
    path.write_text(json.dumps(graph), encoding="utf-8")

    assert load_strategy_file(path) == parse_strategy(graph)


def test_a_byte_order_mark_does_no_harm(tmp_path: Path, graph: dict[str, Any]) -> None:
    path = tmp_path / "strategy.json"
    path.write_text(json.dumps(graph), encoding="utf-8-sig")

    assert load_strategy_file(path) == parse_strategy(graph)


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "strategy.json, line 1: the file is empty; a strategy is a JSON object."),
        (" \n\n", "strategy.json, line 1: the file is empty; a strategy is a JSON object."),
        ("[]", "strategy.json, line 1: a strategy is a JSON object with nodes and edges."),
        ('{\n "nodes": [,]\n}', "strategy.json, line 2: not valid JSON: Expecting value."),
        ('{\n "a": 1\n', "strategy.json, line 3: not valid JSON: Expecting ',' delimiter."),
        ('{"a": NaN}', "strategy.json: not valid JSON: NaN is not a JSON number."),
        (b'{\n"a": "\xff"}', "strategy.json, line 2: the text is not UTF-8; save it as UTF-8."),
        ("[" * 100_000, "strategy.json: the JSON is nested too deeply for a strategy."),
    ],
)
def test_a_file_that_is_no_json_object_is_refused(tmp_path: Path, text: str | bytes, refusal: str) -> None:
    assert refusal_of(tmp_path, text) == refusal


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrategyFileInvalid, match=r"nowhere\.json cannot be read: No such file or directory\."):
        load_strategy_file(tmp_path / "nowhere.json")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StrategyFileInvalid, match="cannot be read: Is a directory"):
        load_strategy_file(tmp_path)


def test_a_fault_is_told_with_the_line_of_its_field(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["nodes"][2]["type"] = "fooNode"
    text = json.dumps(graph, indent=2)
    line = text[: text.index('"fooNode"')].count("\n") + 1

    refusal = refusal_of(tmp_path, text)

    assert refusal.startswith(f"strategy.json, line {line}: node '{graph['nodes'][2]['id']}', type: 'fooNode'")


def test_a_fault_of_an_edge_is_told_with_its_line(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["edges"].append({"source": graph["nodes"][0]["id"], "target": "nowhere"})
    text = json.dumps(graph, indent=2)
    line = text[: text.index('"nowhere"')].count("\n") + 1

    assert refusal_of(tmp_path, text).startswith(f"strategy.json, line {line}: ")


def test_every_fault_has_a_line_of_its_own(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["edges"] += [{"source": "a", "target": "b"}]

    refusal = refusal_of(tmp_path, json.dumps(graph))

    assert len(refusal.splitlines()) == 2
    assert all(line.startswith("strategy.json, line 1: ") for line in refusal.splitlines())


def test_hundreds_of_faults_are_not_all_listed(tmp_path: Path, graph: dict[str, Any]) -> None:
    graph["edges"] += [{"source": "a", "target": "b"}] * 200

    assert refusal_of(tmp_path, json.dumps(graph)).splitlines()[-1] == "... and 380 more faults."


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ([], 1),
        (["a"], 2),
        (["b"], 3),
        (["b", 0], 4),
        (["b", 1], 5),
        (["b", 1, "c d"], 6),
        (["b", 1, "e"], 7),
        (["b", 1, "missing", "more"], 5),
        (["b", 9], 3),
        (["f"], 9),
        (["missing"], 1),
        (["a", "deeper"], 2),
    ],
)
def test_the_line_of_a_value_is_found(path: list[str | int], line: int) -> None:
    text = '{\n"a": "}{][,:\\"",\n"b" : [\n{},\n{\n"c d":1,\n"e"\n:[] }]\n , "f":{"a":2}\n}\n'

    assert line_of(text, path) == (line if path != ["b", 1, "e"] else 8)
