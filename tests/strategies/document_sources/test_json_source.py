"""The line of a value in a JSON text."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strategies.document_sources import json_source
from strategies.document_sources.source import SourceInvalid

TEXT = """
{
  "a": 1, "b": {"c": [10,
    {"d": "}, \\"x\\": ["},
    30]},
  "é": null
}
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ([], 2),
        (["a"], 3),
        (["b", "c", 1], 4),
        (["b", "c", 1, "d"], 4),
        (["b", "c", 2], 5),
        (["é"], 6),
        # The innermost value on the path, where the rest does not exist.
        (["b", "c", 9, "z"], 3),
        (["zz"], 2),
    ],
)
def test_the_line_of_a_value_is_found(path: list[str | int], line: int) -> None:
    assert json_source.read(TEXT).line_of(path, None) == line


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=12,
)


@settings(deadline=None)
@given(st.lists(values, min_size=1, max_size=5))
def test_each_item_of_a_list_written_one_a_line_is_on_its_line(items: list[object]) -> None:
    text = "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"

    lines = [json_source.read(text).line_of([index], None) for index in range(len(items))]

    assert lines == list(range(2, len(items) + 2))


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{\n "nodes": [,]\n}', 2, "not valid JSON: Expecting value"),
        ('{"a": NaN}', None, "not valid JSON: NaN is not a JSON number"),
        ("[" * 100_000, None, "the JSON is nested too deeply for a strategy"),
    ],
)
def test_a_text_that_is_no_json_is_refused(text: str, line: int | None, message: str) -> None:
    with pytest.raises(SourceInvalid) as refused:
        json_source.read(text)

    assert (refused.value.line, refused.value.message) == (line, message)
