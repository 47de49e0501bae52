"""The exception tree: one class for each thing a caller treats differently.

    ExporterError
    ├── InvalidInputError       settings, packs or values are wrong; carries every problem with its place; exit 2
    ├── ToolError               an outside program is missing or failed; exit 1
    └── SourceError             a monitored source did not give its data; `reason` says which way
        ├── SourceTimeoutError      timeout     no answer in time, or a lock was not granted
        ├── RefusedError            refused     no connection: refused, reset, name not resolving, server stopping
        ├── AuthError               auth        the source does not know this user or password
        ├── PermissionDeniedError   permission  the user is known and may not read this
        ├── MissingError            missing     the table, column, file or feature is not there
        └── BadDataError            bad_data    it answered, and the answer makes no sense

Messages name the thing, the value and what would be right; never a password, DSN or token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .model import Outcome
from .passwords import may_hold_password
from .redaction import redact


class ExporterError(Exception):
    """Base of everything this package raises on purpose."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text file something stands; line and column count from 1."""

    path: str
    line: int
    column: int
    source_line: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.path}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in an input file, with its remedy."""

    message: str
    place: Place | None = None
    remedy: str = ""

    def __str__(self) -> str:
        lines = [redact(f"{self.place}: {self.message}" if self.place else self.message)]
        if self.place and self.place.source_line.strip() and not may_hold_password(self.place.source_line):
            number = str(self.place.line)
            lines.append(f"    {number} | {self.place.source_line}")
            lines.append(" " * (4 + len(number) + 3 + self.place.column - 1) + "^" * max(1, self.place.width))
        if self.remedy:
            lines.append(f"    {self.remedy}")
        return "\n".join(lines)


class InvalidInputError(ExporterError):
    """Every problem found in the input, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class ToolError(ExporterError):
    """An outside program (promtool, a database server) is missing, or it failed; the message says what brings it."""


class SourceError(ExporterError):
    """A monitored source did not give its data."""

    outcome = Outcome.BAD_DATA


class SourceTimeoutError(SourceError):
    """No answer in time, or a lock that was not granted."""

    outcome = Outcome.TIMEOUT


class RefusedError(SourceError):
    """No connection: refused, reset, name not resolving, server starting or stopping."""

    outcome = Outcome.REFUSED


class AuthError(SourceError):
    """The source does not accept this user or password."""

    outcome = Outcome.AUTH


class PermissionDeniedError(SourceError):
    """The user is known and may not read this; the message names the grant that is missing."""

    outcome = Outcome.PERMISSION


class MissingError(SourceError):
    """The table, column, file or feature is not there."""

    outcome = Outcome.MISSING


class BadDataError(SourceError):
    """The source answered, and the answer makes no sense."""

    outcome = Outcome.BAD_DATA
