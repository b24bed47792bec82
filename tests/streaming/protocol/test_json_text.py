"""JSON text: one line, the order kept, nothing that a careless reader could split at."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.protocol import json_text

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(json_values)
def test_what_is_encoded_reads_back_as_it_was(value: Any) -> None:  # noqa: ANN401 - any JSON value
    assert json.loads(json_text.encode(value)) == value


@given(st.text(alphabet=st.sampled_from('a\r\n\0\u0085\u2028\u2029\x0b\x0c\x1c\x1d\x1e\\"₹')))
def test_encoded_text_is_one_line_for_every_reader(text: str) -> None:
    """S17: even `str.splitlines`, which splits at far more than CR and LF, sees one line."""
    encoded = json_text.encode({text: text}).decode()

    assert len(encoded.splitlines()) == 1
    assert json.loads(encoded) == {text: text}


def test_the_order_of_fields_is_kept() -> None:
    assert json_text.encode({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"b":1,"a":{"d":2,"c":3}}'


def test_canonical_text_sorts_the_keys_at_every_level() -> None:
    assert json_text.canonical({"b": 1, "a": {"d": 2, "c": 3}}) == b'{"a":{"c":3,"d":2},"b":1}'


@pytest.mark.parametrize("value", [object(), {1: "a"}, {"a": {1, 2}}, "\ud800", 2**64])
def test_a_value_that_json_lacks_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        json_text.encode(value)
