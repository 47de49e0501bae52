"""COPY's text format to stretches of columns, still as text: most of it is what it was a round ago.

Format: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". Bytes that are not UTF-8 (a
SQL_ASCII database holds anything) become replacement characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from itertools import islice

from ...model import Number

_ROWS = 1024
_NULL = r"\N"
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


def split_stream(stream: bytes) -> Iterator[str]:
    """The rows with newlines between, about a thousand at a time: all at once would hold up scrapes."""
    lines = BytesIO(stream)
    while part := b"".join(islice(lines, _ROWS)):
        yield part.decode("utf-8", "replace").removesuffix("\n")


def split_columns(text: str, width: int) -> list[str]:
    """The columns of rows, each as fields with newlines between. ValueError when they do not have `width` fields."""
    rows = text.count("\n") + 1
    fields = text.replace("\n", "\t").split("\t")
    if len(fields) != rows * width:
        raise ValueError(f"{rows} rows of {width} columns came as {len(fields)} fields")
    return ["\n".join(fields[number::width]) for number in range(width)]


def texts(column: str) -> list[str]:
    """Unescaped text; nothing for NULL."""
    fields = column.split("\n")
    if "\\" not in column:
        return fields
    return ["" if f == _NULL else _unescape(f) if "\\" in f else f for f in fields]


def numbers(column: str) -> list[Number | None]:
    """Integers as int, all else as float; None for NULL. ValueError for text that is no number."""
    fields = column.split("\n")
    if "." not in column and _NULL not in column:
        with suppress(ValueError):
            return list(map(int, fields))
    return [float(field) if "." in field else number(field) for field in fields]


def number(field: str) -> Number | None:
    """One field of a column of numbers."""
    if field == _NULL:
        return None
    try:
        return int(field)
    except ValueError:
        return float(field)


def _unescape(field: str) -> str:
    return _ESCAPE.sub(_unescape_one, field)


def _unescape_one(match: re.Match[str]) -> str:
    hexadecimal, octal, letter = match.groups()
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if octal:
        return chr(int(octal, 8))
    return _LETTERS.get(letter, letter)
