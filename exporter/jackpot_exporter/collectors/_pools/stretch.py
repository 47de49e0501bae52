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

from ...model import MetricSpec, Number
from . import copy_text
from .families import CONTRIBUTIONS, WINS, WINS_CENTS

Key = tuple[str, ...]
"""The label values of a pool: its name and those of the further labels."""

COUNTERS = {CONTRIBUTIONS, WINS, WINS_CENTS}

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of a stretch: its fields, whether they are numbers, and how many cannot be those of a counter."""

    text: str
    is_numeric: bool
    nonsense: int

    @classmethod
    def read(cls, spec: MetricSpec, text: str) -> Cells:
        try:
            values = copy_text.numbers(text)
        except ValueError:
            return cls(text, is_numeric=False, nonsense=0)
        return cls(text, True, sum(_is_nonsense(v) for v in values) if spec in COUNTERS else 0)

    def numbers(self) -> list[Number | None]:
        """The values; a counter below zero, or not a number, is no counter and is left out."""
        values = copy_text.numbers(self.text)
        return [None if _is_nonsense(v) else v for v in values] if self.nonsense else values

    def fields(self) -> list[str]:
        return self.text.split("\n")

    def number(self, field: str) -> Number | None:
        value = copy_text.number(field)
        return None if self.nonsense and _is_nonsense(value) else value


def _is_nonsense(value: Number | None) -> bool:
    return value is not None and not 0 <= value < float("inf")


@dataclass(frozen=True)
class Stretch:
    """Rows in the order of their keys."""

    size: int
    labels: tuple[str, ...]
    cells: Mapping[MetricSpec, Cells]

    def read_keys(self) -> list[Key]:
        return list(zip(*map(copy_text.texts, self.labels), strict=True))


async def read_stretches(
    stream: bytes, labels: int, specs: Sequence[MetricSpec], before: Sequence[Stretch]
) -> list[Stretch]:
    """The rows of a COPY stream; columns that are as in the stretch before are the same objects."""
    stretches: list[Stretch] = []
    for size, columns in copy_text.split_columns(stream, labels + len(specs)):
        old = before[len(stretches)] if len(stretches) < len(before) else None
        known = old.cells if old else {}
        cells = {
            spec: found if (found := known.get(spec)) and found.text == text else Cells.read(spec, text)
            for spec, text in zip(specs, columns[labels:], strict=True)
        }
        names = tuple(columns[:labels])
        stretches.append(Stretch(size, old.labels if old and old.labels == names else names, cells))
        await asyncio.sleep(0)
    return stretches


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
