"""The pools as read: stretches of about a thousand rows, whose columns stay text until somebody needs the numbers.

100,000 pools as numbers are 30 MB and a third of a second; as text 10 MB, and what did not change since the round
before is known by comparing it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar, overload

from ...model import COUNTER_MODULUS, MetricSpec, Number
from . import copy_text
from .families import CONTRIBUTIONS, WINS, WINS_CENTS

Key = tuple[str, ...]
"""The label values of a pool: its name and those of the further labels."""

COUNTERS = {CONTRIBUTIONS, WINS, WINS_CENTS}

_PLAIN = b"0123456789.-\n"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of a stretch: its fields, and what is known of all of them."""

    text: str
    is_numeric: bool = True
    is_plain: bool = False
    """Whether the fields can be shown as they are."""
    nonsense: int = 0
    """How many cannot be values of a counter."""
    lowest: Number | None = None
    """The lowest value; None where some are missing."""

    @classmethod
    def read(cls, spec: MetricSpec, text: str) -> Cells:
        try:
            values = copy_text.numbers(text)
        except ValueError:
            return cls(text, is_numeric=False)
        if text.encode().translate(None, _PLAIN):
            return cls(text, nonsense=sum(map(_is_nonsense, values)) if spec in COUNTERS else 0)
        numbers = [value for value in values if value is not None]
        lowest = min(numbers)
        if spec not in COUNTERS:
            return cls(text, is_plain=True, lowest=lowest)
        nonsense = sum(map(_is_nonsense, values)) if lowest < 0 else 0
        return cls(text, is_plain=not nonsense and max(numbers) < COUNTER_MODULUS, nonsense=nonsense, lowest=lowest)

    def fields(self) -> list[str]:
        return self.text.split("\n")

    def numbers(self) -> list[Number | None]:
        """The values; a counter below zero, or not a number, is no counter and is left out."""
        return self.numbers_of(self.text)

    def numbers_of(self, text: str) -> list[Number | None]:
        """The values of some of the fields."""
        values = copy_text.numbers(text)
        return [None if _is_nonsense(v) else v for v in values] if self.nonsense else values


def _is_nonsense(value: Number | None) -> bool:
    return value is not None and not 0 <= value < float("inf")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows in the order of their keys."""

    text: str
    size: int
    labels: tuple[str, ...]
    cells: Mapping[MetricSpec, Cells]

    def read_keys(self) -> list[Key]:
        return keys_of(self.labels)

    def rows(self) -> list[str]:
        """Each with all its fields."""
        return self.text.split("\n")


def keys_of(labels: Sequence[str]) -> list[Key]:
    return list(zip(*map(copy_text.texts, labels), strict=True))


async def read_stretches(
    stream: bytes, labels: int, specs: Sequence[MetricSpec], before: Sequence[Stretch]
) -> list[Stretch]:
    """The rows of a COPY stream; what is as in the stretch before is the same object."""
    stretches: list[Stretch] = []
    for number, text in enumerate(copy_text.split_stream(stream)):
        old = before[number] if number < len(before) else None
        stretches.append(_read_stretch(text, labels, specs, old))
        await asyncio.sleep(0)
    return stretches


def _read_stretch(text: str, labels: int, specs: Sequence[MetricSpec], old: Stretch | None) -> Stretch:
    if old and old.text == text and old.cells.keys() == set(specs):
        return old
    columns = copy_text.split_columns(text, labels + len(specs))
    known = old.cells if old else {}
    cells = {
        spec: found if (found := known.get(spec)) and found.text == column else Cells.read(spec, column)
        for spec, column in zip(specs, columns[labels:], strict=True)
    }
    names = tuple(columns[:labels])
    return Stretch(text, text.count("\n") + 1, old.labels if old and old.labels == names else names, cells)


class Deferred(Sequence[_T]):
    """A sequence of known length that is made when it is first looked into."""

    def __init__(self, length: int, make: Callable[[], Sequence[_T]]) -> None:
        self._length = length
        self._make = make

    @cached_property
    def _made(self) -> Sequence[_T]:
        return self._make()

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> _T: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[_T]: ...
    def __getitem__(self, index: int | slice) -> _T | Sequence[_T]:
        return self._made[index]

    def __iter__(self) -> Iterator[_T]:
        return iter(self._made)
