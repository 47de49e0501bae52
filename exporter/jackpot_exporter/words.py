"""Which words of a service may become label values or exemplars: by an allow-list of shapes and a cap.

They are written by others, and what stands in a field is not always what belongs there: an error type may be a whole
message, a correlation id may be an e-mail address. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warn", "error", "fatal")
OTHER = "other"
UNKNOWN = "unknown"
FAILURES = frozenset({"error", "fatal"})

_ALIASES = {
    "debug": "trace 10 20",  # the numbers are those of pino and bunyan
    "info": "notice 30",
    "warn": "warning 40",
    "error": "err 50",
    "fatal": "critical panic 60",
}
_LEVELS = {alias: level for level in LEVELS for alias in (level, *_ALIASES[level].split())}
# No digits, dots or spaces: an id, an address, an amount and a sentence all have one of them.
_ERROR_TYPE = re.compile(r"[A-Za-z]+(?:[_-][A-Za-z]+)*\Z")
_ERROR_TYPE_LENGTH = 40
_CORRELATION = re.compile(r"(?=[A-Za-z_:.-]*[0-9])[A-Za-z0-9][A-Za-z0-9_:.-]{7,63}\Z")
_MILLISECONDS_FROM = 1e11  # Unix seconds reach this in the year 5138


def level_of(value: object) -> str:
    """One of LEVELS, or other."""
    return _LEVELS.get(str(value).lower(), OTHER)


class ErrorTypes:
    """Gives the types of errors their label values: the declared ones, a number of others, and `other`."""

    def __init__(self, declared: Iterable[str], cap: int) -> None:
        self._names = dict.fromkeys((UNKNOWN, OTHER, *declared))
        self._most = len(self._names) + cap

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def admit(self, name: str) -> None:
        """Take a name over that passed here before."""
        self._names[name] = None

    def label(self, value: object, personal: Collection[str] = ()) -> str:
        """The label value for an entry's error type; `personal` are the values that must not be shown."""
        if value is None or value == "":
            return UNKNOWN
        name = str(value)
        if name in self._names:
            return name
        if len(self._names) < self._most and _is_error_type(name) and not _shows(name, personal):
            self._names[name] = None
            return name
        return OTHER


def _is_error_type(name: str) -> bool:
    return len(name) <= _ERROR_TYPE_LENGTH and _ERROR_TYPE.match(name) is not None


def correlation_label(value: object, personal: Collection[str] = ()) -> str | None:
    """The id if it has the shape of one and shows nothing personal."""
    if not isinstance(value, str) or not _CORRELATION.match(value) or _shows(value, personal):
        return None
    return value


def _shows(text: str, personal: Collection[str]) -> bool:
    folded = text.casefold()
    return any(value.casefold() in folded for value in personal if value)


def unix_seconds(value: object) -> float | None:
    """The time that RFC 3339 text or a number of seconds or milliseconds means."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        seconds = float(value) / 1000 if value > _MILLISECONDS_FROM else float(value)
        return seconds if 0 < seconds < _MILLISECONDS_FROM else None
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
