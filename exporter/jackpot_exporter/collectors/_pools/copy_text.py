"""COPY's text format to columns of values, in slices that leave the event loop free.

Format: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format". Bytes that are not UTF-8 (a
SQL_ASCII database holds anything) become replacement characters.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...model import Number

_SLICE = 2048
_NULL = r"\N"
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{1,2})|([0-7]{1,3})|(.))", re.DOTALL)
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


@dataclass(frozen=True, slots=True)
class Column:
    """The values of one column as text; NULL stands as it stands in the stream."""

    fields: Sequence[str]

    def texts(self) -> list[str | None]:
        """Unescaped text; None for NULL."""
        return [None if f == _NULL else _unescape(f) if "\\" in f else f for f in self.fields]

    def numbers(self) -> list[Number | None]:
        """Integers as int, all else as float; None for NULL. ValueError for text that is no number."""
        try:
            return list(map(int, self.fields))
        except ValueError:
            return [None if f == _NULL else _number(f) for f in self.fields]


async def parse_columns(stream: bytes, width: int) -> list[Column]:
    """The columns of a COPY stream of `width` fields a row; `width` empty columns when there are no rows."""
    lines = stream.decode("utf-8", "replace").split("\n")
    lines.pop()  # the stream ends with a newline, an empty one holds nothing
    columns: list[list[str]] = [[] for _ in range(width)]
    for start in range(0, len(lines), _SLICE):
        rows = [line.split("\t") for line in lines[start : start + _SLICE]]
        for column, fields in zip(columns, zip(*rows, strict=True), strict=True):
            column.extend(fields)
        await asyncio.sleep(0)
    return [Column(column) for column in columns]


def _number(text: str) -> Number:
    try:
        return int(text)
    except ValueError:
        return float(text)


def _unescape(field: str) -> str:
    return _ESCAPE.sub(_unescape_one, field)


def _unescape_one(match: re.Match[str]) -> str:
    hexadecimal, octal, letter = match.groups()
    if hexadecimal:
        return chr(int(hexadecimal, 16))
    if octal:
        return chr(int(octal, 8))
    return _LETTERS.get(letter, letter)
