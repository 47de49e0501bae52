"""Where an entry of a pack came from, so that every problem found later can name its place.

A field that the user's values override is placed in the values file: that is the line to change.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from ..errors import InvalidInputError, Place, Problem
from ..yamlfile import Document, Keys


@dataclass(frozen=True, slots=True)
class Source:
    """An entry's file and way in it; `name` begins its messages."""

    document: Document = field(repr=False)
    way: Keys
    name: str
    override: Source | None = None
    overridden: frozenset[str] = frozenset()

    def overridden_by(self, override: Source, fields: Iterable[str]) -> Source:
        return replace(self, override=override, overridden=frozenset(fields))

    def place(self, *steps: str | int) -> Place:
        if self.override and steps and steps[0] in self.overridden and self.override.holds(*steps):
            return self.override.place(*steps)
        return self.document.place((*self.way, *steps))

    def holds(self, *steps: str | int) -> bool:
        return (*self.way, *steps) in self.document.marks

    def problem(self, message: str, *steps: str | int, remedy: str = "") -> Problem:
        """A problem of this entry, or of the part of it that `steps` lead to."""
        return Problem(f"{self.name}: {message}", self.place(*steps), remedy)


class Problems:
    """Collects, so that one run reports everything."""

    def __init__(self) -> None:
        self._found: list[Problem] = []

    def add(self, *problems: Problem) -> None:
        self._found += problems

    def take(self, error: InvalidInputError) -> None:
        self._found += error.problems

    def raise_if_any(self) -> None:
        """InvalidInputError with every problem, by file and line."""
        if self._found:
            raise InvalidInputError(sorted(dict.fromkeys(self._found), key=_order))


def _order(problem: Problem) -> tuple[str, int, int]:
    place = problem.place
    return (place.path, place.line, place.column) if place else ("", 0, 0)


def nearest(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """The remedy for a misspelt name."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else otherwise
