"""Reading a document from outside: a value that fits is handed back, another is noted with its place."""

import math
from typing import Any

import pytest

from strategies.engine.document import Faults, Reader, is_number
from strategies.engine.errors import GraphFault


def reader_of(value: object) -> tuple[Reader, Faults]:
    faults = Faults()
    return Reader(value, faults, node_id="n", path="data"), faults


def fault(field: str, message: str) -> GraphFault:
    return GraphFault(node_id="n", field=field, message=message)


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (None, "null"),
        (True, "a truth value"),
        (1, "a number"),
        (1.5, "a number"),
        ("x", "a text"),
        ([], "a list"),
        ((), "a list"),
        (object(), "something else"),
    ],
)
def test_anything_but_an_object_is_a_fault_named_by_its_kind(value: object, kind: str) -> None:
    reader, faults = reader_of(value)

    assert faults.found == [fault("data", f"expected an object, found {kind}")]
    assert (reader.has("x"), reader.raw("x")) == (False, None)


def test_fields_that_fit_are_read_without_a_fault() -> None:
    reader, faults = reader_of(
        {"text": "a", "choice": "b", "whole": 3, "float": 4.0, "flag": True, "child": {"x": 1}, "null": None}
    )

    read = (
        reader.text("text"),
        reader.choice("choice", ("a", "b")),
        reader.whole("whole", least=0, most=3),
        reader.whole("float", least=4, most=9),
        reader.flag("flag"),
        reader.child("child").raw("x"),
    )

    assert read == ("a", "b", 3, 4, True, 1)
    assert faults.found == []


@pytest.mark.parametrize("missing", [{}, {"x": None}])
def test_a_missing_field_takes_its_default_and_null_counts_as_missing(missing: dict[str, Any]) -> None:
    reader, faults = reader_of(missing)

    read = (
        reader.text("x", default="t"),
        reader.choice("x", ("a", "b"), "b"),
        reader.whole("x", least=1, most=5, default=2),
        reader.flag("x"),
        reader.flag("x", default=True),
        reader.optional_child("x").raw("y"),
        list(reader.items("x", required=False)),
        list(reader.entries("x")),
    )

    assert read == ("t", "b", 2, False, True, None, [], [])
    assert faults.found == []


def test_a_missing_field_without_a_default_is_a_fault_with_what_is_expected() -> None:
    reader, faults = reader_of({})

    reader.text("a")
    reader.choice("b", ("x", "y"))
    reader.whole("c", least=1, most=5)
    reader.child("d")
    list(reader.items("e"))

    assert faults.found == [
        fault("data.a", "is missing; expected a text"),
        fault("data.b", "is missing; allowed: x, y"),
        fault("data.c", "is missing; expected a whole number from 1 to 5"),
        fault("data.d", "is missing; expected an object"),
        fault("data.e", "is missing; expected a list"),
    ]


@pytest.mark.parametrize("blank", ["", "   ", "\n"])
def test_a_blank_text_is_a_missing_one(blank: str) -> None:
    reader, faults = reader_of({"x": blank})

    assert (reader.text("x"), reader.text("x", default="t")) == ("", "t")
    assert faults.found == [fault("data.x", "is missing; expected a text")]


@pytest.mark.parametrize("value", [5, True, [], {}])
def test_a_text_of_another_kind_is_a_fault_even_where_there_is_a_default(value: object) -> None:
    reader, faults = reader_of({"x": value})

    assert reader.text("x", default="t") == "t"
    assert [found.message.split(", ")[0] for found in faults.found] == ["expected a text"]


@pytest.mark.parametrize("value", [0, 6, 1.5, -1, True, "3", math.nan, math.inf, [], {}, 10**400])
def test_a_number_out_of_bounds_or_of_another_kind_is_a_fault(value: object) -> None:
    reader, faults = reader_of({"x": value})

    assert reader.whole("x", least=1, most=5) == 1
    assert faults.found == [fault("data.x", f"{value!r} does not fit; expected a whole number from 1 to 5")]


@pytest.mark.parametrize("value", ["c", 1, [], {}, True])
def test_a_choice_that_is_not_offered_is_a_fault_with_what_is_allowed(value: object) -> None:
    reader, faults = reader_of({"x": value})

    assert reader.choice("x", ("a", "b")) == "a"
    assert faults.found == [fault("data.x", f"{value!r} is unknown; allowed: a, b")]


@pytest.mark.parametrize(("value", "kind"), [("true", "a text"), (1, "a number"), ([], "a list")])
def test_a_flag_is_true_or_false_and_nothing_like_it(value: object, kind: str) -> None:
    reader, faults = reader_of({"x": value})

    assert reader.flag("x") is False
    assert faults.found == [fault("data.x", f"expected true or false, found {kind}")]


def test_lists_and_named_objects_give_readers_that_know_their_place() -> None:
    reader, faults = reader_of({"list": [{"a": 1}, 5], "named": {"one": {"a": 1}, "two": None}})

    places = [item.path for item in reader.items("list")] + [item.path for _, item in reader.entries("named")]

    assert places == ["data.list[0]", "data.list[1]", "data.named.one", "data.named.two"]
    assert faults.found == [
        fault("data.list[1]", "expected an object, found a number"),
        fault("data.named.two", "expected an object, found null"),
    ]


@pytest.mark.parametrize("value", ["text", {}, 5, True])
def test_what_is_no_list_is_a_fault(value: object) -> None:
    reader, faults = reader_of({"x": value})

    assert list(reader.items("x")) == []
    assert [found.field for found in faults.found] == ["data.x"]


@pytest.mark.parametrize("value", ["text", [], 5, True])
def test_what_is_no_object_of_named_objects_is_a_fault(value: object) -> None:
    reader, faults = reader_of({"x": value})

    assert list(reader.entries("x")) == []
    assert [found.field for found in faults.found] == ["data.x"]


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (0, True),
        (-1.5, True),
        (10**300, True),
        (10**400, False),
        (math.nan, False),
        (math.inf, False),
        (True, False),
        ("1", False),
        (None, False),
    ],
)
def test_a_number_is_finite_within_the_range_of_floats_and_no_truth_value(value: object, answer: bool) -> None:
    assert is_number(value) is answer
