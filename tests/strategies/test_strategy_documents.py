"""Strategy files, JSON and YAML: a fault is told with the line of the file, in a text with a caret under it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from strategies.engine.graph import parse_strategy
from strategies.engine.text_documents import as_text_document
from strategies.samples import SAMPLE_STRATEGY_FILE, sample_strategy
from strategies.strategy_documents import (
    StrategyFileInvalid,
    json_text,
    load_strategy_document,
    load_strategy_graph,
    yaml_text,
)

Json = dict[str, Any]


@pytest.fixture
def document() -> Json:
    """Return the sample strategy's document, to be changed."""
    return copy.deepcopy(sample_strategy())


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """Write a file and return its path."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refusal_of(path: Path) -> str:
    """Load a file and return why it is refused."""
    with pytest.raises(StrategyFileInvalid) as refusal:
        load_strategy_graph(path)
    return str(refusal.value).replace(str(path), path.name)


@pytest.mark.parametrize("name", ["s.yaml", "s.yml", "s.YAML"])
def test_the_sample_strategy_as_yaml_text_is_the_same_strategy(tmp_path: Path, name: str, document: Json) -> None:
    check_yaml_text(written(tmp_path, name, ""), document)


def test_the_reference_strategy_as_yaml_text_is_the_same_strategy(tmp_path: Path, reference_day: Path) -> None:
    check_yaml_text(tmp_path / "s.yaml", load_strategy_document(reference_day / "strategy.json"))


def check_yaml_text(path: Path, original: Json) -> None:
    """Check that a document is the same strategy after it was written to a file as YAML with text."""
    path.write_text(yaml_text(as_text_document(original, has_line_each=True)), encoding="utf-8")

    from_yaml = load_strategy_graph(path)

    # The text form is compared record by record, ids of conditions apart, in test_text_documents.
    assert from_yaml.nodes == parse_strategy(as_text_document(original)).nodes
    assert as_text_document(load_strategy_document(path)) == as_text_document(original)
    assert (from_yaml.order, from_yaml.edges) == (parse_strategy(original).order, parse_strategy(original).edges)


def test_the_builders_json_is_read_as_it_is() -> None:
    assert load_strategy_document(SAMPLE_STRATEGY_FILE) == sample_strategy()
    assert load_strategy_graph(SAMPLE_STRATEGY_FILE) == parse_strategy(sample_strategy())


def test_json_may_hold_text_too(tmp_path: Path, document: Json) -> None:
    text_form = as_text_document(document)
    path = written(tmp_path, "s.json", json_text(text_form))

    assert load_strategy_document(path) == text_form
    assert json_text(text_form).endswith("\n}\n")


@pytest.mark.parametrize("name", ["s.json", "s.yaml"])
def test_a_byte_order_mark_does_no_harm(tmp_path: Path, name: str, document: Json) -> None:
    path = written(tmp_path, name, b"\xef\xbb\xbf" + json.dumps(document).encode())

    # JSON is YAML.
    assert load_strategy_graph(path) == parse_strategy(document)


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("s.json", "", "s.json, line 1: the file is empty; a strategy is a JSON object."),
        ("s.yaml", " \n\n", "s.yaml, line 1: the file is empty; a strategy is a YAML mapping."),
        ("s.json", "[]", "s.json, line 1: a strategy is a JSON object with nodes and edges."),
        ("s.yaml", "# only this\n", "s.yaml, line 1: a strategy is a YAML mapping with nodes and edges."),
        ("s.json", '{\n "nodes": [,]\n}', "s.json, line 2: not valid JSON: Expecting value."),
        ("s.json", " \n\n", "s.json, line 1: the file is empty; a strategy is a JSON object."),
        ("s.json", '{\n "a": 1\n', "s.json, line 3: not valid JSON: Expecting ',' delimiter."),
        ("s.json", "[" * 100_000, "s.json: the JSON is nested too deeply for a strategy."),
        ("s.json", '{"a": NaN}', "s.json: not valid JSON: NaN is not a JSON number."),
        ("s.json", b'{\n"a": "\xff"}', "s.json, line 2: the text is not UTF-8; save it as UTF-8."),
        ("s.yml", "a: 1\na: 2", "s.yml, line 2: the key 'a' occurs twice in one mapping."),
        ("s.yml", "nodes: [\n", "s.yml, line 2: not valid YAML: while parsing a flow node, expected the node content"),
    ],
)
def test_a_file_that_holds_no_document_is_refused(tmp_path: Path, name: str, text: str | bytes, refusal: str) -> None:
    assert refusal_of(written(tmp_path, name, text)).startswith(refusal)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path / "none.yaml") == "none.yaml cannot be read: No such file or directory."


def test_a_folder_is_refused(tmp_path: Path) -> None:
    assert refusal_of(tmp_path) == f"{tmp_path.name} cannot be read: Is a directory."


@pytest.mark.parametrize("name", ["s.json", "s.yaml"])
def test_a_fault_of_a_node_or_an_edge_is_told_with_the_line_of_its_field(
    tmp_path: Path, name: str, document: Json
) -> None:
    document["nodes"][2]["type"] = "fooNode"
    document["edges"].append({"source": document["nodes"][0]["id"], "target": "nowhere"})
    text = json.dumps(document, indent=2)
    of_node, of_edge = (text[: text.index(f'"{word}"')].count("\n") + 1 for word in ("fooNode", "nowhere"))

    refusal = refusal_of(written(tmp_path, name, text)).splitlines()

    node_id = document["nodes"][2]["id"]
    assert [line for line in refusal if line.startswith(f"{name}, line {of_node}: node '{node_id}', type: 'fooNode'")]
    assert [line for line in refusal if line.startswith(f"{name}, line {of_edge}: ") and "'nowhere'" in line]
    assert all(line.startswith(f"{name}, line ") for line in refusal)


YAML = """\
name: Two faults
nodes:
  - id: start
    type: startNode
    children: [signal]
    data:
      tradingInstrumentConfig:
        symbol: NIFTY
        timeframes:
          - {id: 1m, unit: minutes, number: 1}
  - id: signal
    type: entrySignalNode
    children: [entry]
    data:
      conditions: |-
        Current Time >= 09:17
        AND Previous[TI.5m.Low] < 30
      variables:
        - {name: Low, expression: "Previous[TI.1m.Lo]"}
  - id: entry
    type: entryNode
    data:
      positions:
        - {vpi: p, positionType: buy, quantity: 0}
"""


REFUSAL = """\
s.yaml, line 17: node 'signal', data.conditions, line 2, column 14: \
found TI.5m.Low; expected a timeframe that the start node declares: 1m.
    AND Previous[TI.5m.Low] < 30
                 ^
s.yaml, line 19: node 'signal', data.variables[0].expression, column 10: \
found TI.1m.Lo; expected TI.1m.Low, TI.1m.Open, TI.1m.High, TI.1m.Close or TI.1m.Volume.
    Previous[TI.1m.Lo]
             ^
s.yaml, line 24: node 'entry', data.positions[0].quantity: 0 does not fit; \
expected a whole number from 1 to 1000000."""


def test_every_fault_is_told_with_its_line_and_in_a_text_with_a_caret(tmp_path: Path) -> None:
    assert refusal_of(written(tmp_path, "s.yaml", YAML)) == REFUSAL


def test_json_tells_the_line_of_the_text_too(tmp_path: Path, document: Json) -> None:
    signal = next(node for node in document["nodes"] if node["id"] == "put-signal")
    signal["data"]["conditions"] = "TI.ltp > > 1"
    text = json.dumps(document, indent=1)
    line = next(number for number, found in enumerate(text.split("\n"), 1) if "> > 1" in found)

    assert refusal_of(written(tmp_path, "s.json", text)).startswith(
        f"s.json, line {line}: node 'put-signal', data.conditions, column 10: found '>'; expected a value"
    )


def test_a_long_list_of_faults_is_cut(tmp_path: Path, document: Json) -> None:
    conditions = " AND ".join("x.y > 1" for _ in range(25))
    next(node for node in document["nodes"] if node["id"] == "put-signal")["data"]["conditions"] = conditions

    assert refusal_of(written(tmp_path, "s.json", json.dumps(document))).endswith("\n... and 5 more faults.")
