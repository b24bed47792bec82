"""
Reads and writes YAML: the part of it that has the same meaning as JSON.

A plain scalar is what the core schema of YAML 1.2 makes of it: ``true``, ``null``, a decimal number, else a text. So
``15:25`` and ``on`` are texts, where YAML 1.1 has a number and a truth value. Tags, aliases and keys that are not texts
or occur twice are refused: a strategy says what it means once, in the open.

Source:
    YAML 1.2.2, section 10.3.2, without octal, hexadecimal and non-finite numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from strategies.document_sources.source import DocumentPath, Source, SourceInvalid

MAX_CHARACTERS: Final = 2_000_000
"""The longest text that is read: some forty times a large strategy, and some seconds of work."""

_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})
_TRUTHS: Final = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_WHOLE: Final = re.compile(r"[-+]?[0-9]{1,300}")
_NUMBER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BLOCK_STYLES: Final = ("|", ">")


def read(text: str) -> Source:
    """
    Read one YAML document.

    Raises:
        SourceInvalid: If the text is not YAML, or uses more of it than JSON could say.
    """
    if len(text) > MAX_CHARACTERS:
        raise SourceInvalid(f"the text is longer than {MAX_CHARACTERS:,} characters, too long for a strategy")
    try:
        node = _Loader(text).get_single_node()
        reading = _Reading()
        document = None if node is None else reading.value(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise SourceInvalid(f"not valid YAML: {said}", mark.line + 1 if mark else None) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SourceInvalid(f"not valid YAML: {error.reason}: #x{error.character:04x}", line) from error
    except RecursionError as error:
        raise SourceInvalid("the YAML is nested too deeply for a strategy") from error
    return Source(document, reading.line_of)


def write(document: Mapping[str, Any]) -> str:
    """Write a document as YAML that is read back as the same one; texts of several lines stand as they are."""
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1_000_000)


class _Loader(yaml.BaseLoader):
    """Composes nodes without giving a meaning to scalars; aliases are refused."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # its stub has no annotations
            message = f"the alias *{event.anchor} is not understood; write the value out"
            raise SourceInvalid(message, event.start_mark.line + 1)
        return super().compose_node(parent, index)


@dataclass(slots=True)
class _Reading:
    """Turns composed nodes into values, and keeps where each of them stood."""

    nodes: dict[tuple[str | int, ...], yaml.Node] = field(default_factory=dict)

    def value(self, node: yaml.Node, path: tuple[str | int, ...]) -> Any:  # noqa: ANN401 - any JSON value
        """Return the value of a node."""
        self.nodes[path] = node
        if isinstance(node, yaml.MappingNode):
            _check_tag(node, "map")
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            _check_tag(node, "seq")
            return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        _check_tag(node, "str")
        return _plain(node) if node.style is None else node.value

    def line_of(self, path: DocumentPath, text_line: int | None) -> int:
        """Return the line of a value, or of a line inside a text."""
        known = tuple(path)
        while known and known not in self.nodes:
            known = known[:-1]
        node = self.nodes[known]
        line = node.start_mark.line + 1
        if len(known) < len(path) or not isinstance(node, yaml.ScalarNode) or node.style not in _BLOCK_STYLES:
            return line
        # The text of a block begins in the line below its sign. What > folds has no lines of its own.
        return line + (text_line or 1 if node.style == "|" else 1)

    def _mapping(self, node: yaml.MappingNode, path: tuple[str | int, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self.value(key_node, (*path, ""))
            if not isinstance(key, str):
                said = key_node.value if isinstance(key_node, yaml.ScalarNode) else "a list or mapping"
                raise SourceInvalid(f"the key {said} is no text; put it in quotes", line)
            if key in found:
                raise SourceInvalid(f"the key {key!r} occurs twice in one mapping", line)
            found[key] = self.value(value_node, (*path, key))
        return found


class _Dumper(yaml.SafeDumper):
    """Writes plain values; a text that ``_plain`` would not read as a text is put in quotes."""

    def ignore_aliases(self, data: object) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        # Items of a list stand further in than their key.
        super().increase_indent(flow, False)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # YAML 1.1 takes these for line ends; in double quotes they are escaped.
    is_odd = any(character in text for character in "\x85\u2028\u2029\ufeff")
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style='"' if is_odd else "|" if "\n" in text else None
    )


_Dumper.add_representer(str, _write_text)
for _pattern in (_WHOLE, _NUMBER):
    # In addition to the numbers of YAML 1.1, which are in quotes too: other readers take them for numbers.
    _Dumper.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(f"(?:{_pattern.pattern})$"), list("-+.0123456789")
    )


def _plain(node: yaml.ScalarNode) -> Any:  # noqa: ANN401 - any JSON scalar
    """Return the value of a scalar without quotes."""
    text: str = node.value
    if text in _NULLS:
        return None
    if text in _TRUTHS:
        return _TRUTHS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    if not _NUMBER.fullmatch(text):
        return text
    if abs(number := float(text)) == float("inf"):
        raise SourceInvalid(f"the number {text} is out of range", node.start_mark.line + 1)
    return number


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != f"tag:yaml.org,2002:{kind}":
        said = node.tag.replace("tag:yaml.org,2002:", "!!")
        raise SourceInvalid(f"the tag {said} is not understood; leave it out", node.start_mark.line + 1)
