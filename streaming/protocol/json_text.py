"""
JSON as the protocol writes it: UTF-8, compact, on one line.

`encode` keeps the order in which a mapping was filled, so the same payload always gives the same bytes.
`canonical` sorts the keys: two documents are equal exactly when their canonical texts are.

Numbers that JSON lacks (NaN, the infinities) become null; money never gets here as a number, it is decimal text.
"""

from __future__ import annotations

from typing import Any

import orjson

#: Line ends that JSON allows inside a string but that careless readers split at (NEL, LINE and PARAGRAPH SEPARATOR).
#: CR, LF, NUL and the other control characters are always escaped by JSON itself.
_LINE_SEPARATORS = (
    ("\u0085".encode(), b"\\u0085"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def encode(value: object) -> bytes:
    """
    Write a value as one line of JSON.

    Args:
        value: Only dict (text keys), list, str, int (64 bits), float, bool and None, nested at will.

    Returns:
        UTF-8 text without any line end, NUL or U+2028 in it.

    Raises:
        TypeError: If a value is of another type, or not valid Unicode.
    """
    text = orjson.dumps(value)
    if text.isascii():
        return text
    for separator, escape in _LINE_SEPARATORS:
        # These sequences can only stand inside a JSON string, where the escape means the same character.
        text = text.replace(separator, escape)
    return text


def canonical(value: object) -> bytes:
    """Write a value as one line of JSON with sorted keys, for comparing. Raises as `encode` does."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def decode(text: bytes | str) -> Any:  # noqa: ANN401 - JSON has no narrower type
    """
    Read one JSON document.

    Raises:
        ValueError: If the text is not exactly one JSON document.
    """
    return orjson.loads(text)
