"""YAML that means the same as JSON: what is written is read back, what JSON could not say is refused with its line."""

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.document_sources import yaml_source
from strategies.document_sources.source import SourceInvalid

ODD_TEXTS = """
15:25 on no ~ null true
1e5 007 08 1_000 0x1F 2024-10-29 << = ' " .inf .5 5. +1 - --- ... %x @x `x !x &x *x {x [x #x x: >
"""
SPACED_TEXTS = [
    "",
    "- a",
    "a: b",
    "a # b",
    " a",
    "a ",
    "\ta\n b ",
    "a\nb",
    "\n",
    "a\n\nb\n",
    "a\x85b",
    "\u2028",
    "\ufeff",
]
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    [*ODD_TEXTS.split(), *SPACED_TEXTS]
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=10
)
documents = st.dictionaries(texts, values, min_size=1, max_size=4)


@settings(deadline=None)
@given(documents)
def test_what_is_written_is_read_back(document: dict[str, Any]) -> None:
    text = yaml_source.write(document)

    read = yaml_source.read(text).document

    assert read == document
    # True == 1 in Python.
    assert repr(read) == repr(document)


@settings(deadline=None)
@given(documents)
def test_other_readers_of_yaml_read_the_same(document: dict[str, Any]) -> None:
    assert yaml.safe_load(yaml_source.write(document)) == document


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("15:25", "15:25"),
        ("09:17", "09:17"),
        ("on", "on"),
        ("yes", "yes"),
        ("2024-10-29", "2024-10-29"),
        ("1_000", "1_000"),
        ("0x1F", "0x1F"),
        (".inf", ".inf"),
        ("true", True),
        ("", None),
        ("~", None),
        ("30", 30),
        ("-30", -30),
        ("30.5", 30.5),
        (".5", 0.5),
        ("1e5", 100_000.0),
        ("'30'", "30"),
        ('"true"', "true"),
        ("Previous[TI.1m.rsi(14,close)] < 30", "Previous[TI.1m.rsi(14,close)] < 30"),
        ("Current Time >= 09:17 AND TI.ltp > 1", "Current Time >= 09:17 AND TI.ltp > 1"),
        ("\n  Current Time >= 09:17\n  AND TI.ltp > 1", "Current Time >= 09:17 AND TI.ltp > 1"),
    ],
)
def test_a_scalar_without_quotes_is_what_the_core_schema_makes_of_it(scalar: str, value: object) -> None:
    read = yaml_source.read(f"key: {scalar}\n").document["key"]

    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: [1\nc: 2\n", 3, "not valid YAML: while parsing a flow sequence, "),
        ("a: 1\n\tb: 2\n", 2, "not valid YAML: while scanning for the next token, found character '\\t'"),
        ("a: 1\n---\nb: 2\n", 2, "not valid YAML: expected a single document in the stream, "),
        ("a: 1\nb: \x00\n", 2, "not valid YAML: special characters are not allowed: #x0000"),
        ("a: &x 1\nb: *x\n", 2, "the alias *x is not understood; write the value out"),
        ("a: 1\nb: 2\na: 3\n", 3, "the key 'a' occurs twice in one mapping"),
        ("a:\n  30: 1\n", 2, "the key 30 is no text; put it in quotes"),
        ("a:\n  [1]: 1\n", 2, "the key a list or mapping is no text; put it in quotes"),
        ("a: !!python/name:os.system x\n", 1, "the tag !!python/name:os.system is not understood; leave it out"),
        ("a: !!set {b}\n", 1, "the tag !!set is not understood; leave it out"),
        ("a: 1\nb: 1e999\n", 2, "the number 1e999 is out of range"),
    ],
)
def test_what_json_could_not_say_is_refused_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(SourceInvalid) as refused:
        yaml_source.read(text)

    assert refused.value.line == line
    assert refused.value.message.startswith(message)


def test_what_is_nested_too_deep_is_refused_rather_than_risking_the_stack() -> None:
    with pytest.raises(SourceInvalid, match="nested too deeply"):
        yaml_source.read("[" * 10_000)


def test_a_text_too_long_for_a_strategy_is_refused_before_it_is_read() -> None:
    with pytest.raises(SourceInvalid, match="2,000,000"):
        yaml_source.read(" " * (yaml_source.MAX_CHARACTERS + 1))


def test_a_text_without_a_document_is_null() -> None:
    assert yaml_source.read("# nothing here\n").document is None


TEXT = """\
name: a
nodes:
  - id: one
    data: {label: x}
  - id: two
    data:
      conditions: |-
        TI.ltp > 1
        AND TI.oi > 2
      folded: >-

        a
        b
      plain: a
        b
"""


@pytest.mark.parametrize(
    ("path", "text_line", "line"),
    [
        ((), None, 1),
        (("nodes", 1), None, 5),
        (("nodes", 0, "data", "label"), None, 4),
        (("nodes", 1, "data", "conditions"), None, 8),
        (("nodes", 1, "data", "conditions"), 1, 8),
        (("nodes", 1, "data", "conditions"), 2, 9),
        (("nodes", 1, "data", "folded"), 2, 11),
        (("nodes", 1, "data", "plain"), None, 13 + 1),
        # The innermost value on the path, where the rest does not exist.
        (("nodes", 1, "data", "missing", "x"), None, 7),
        (("nodes", 7), None, 3),
    ],
)
def test_the_line_of_a_value_is_known(path: tuple[str | int, ...], text_line: int | None, line: int) -> None:
    assert yaml_source.read(TEXT).line_of(path, text_line) == line
