"""The four reports: which subjects each has, and how far back it looks unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from .model import Section
from .sections import (
    alerts,
    backups,
    capacity,
    database,
    days,
    errors,
    objectives,
    operations,
    pools,
    resources,
    state,
    statements,
)
from .sections._parts import Material


class Kind(StrEnum):
    HEALTH = "health"
    PERFORMANCE = "performance"
    WEEKLY = "weekly"
    CAPACITY = "capacity"


@dataclass(frozen=True, slots=True)
class Subject:
    """A section, and what has to be asked for it."""

    key: str
    questions: tuple[str, ...]
    section: Callable[[Material], Section]


@dataclass(frozen=True, slots=True)
class Outline:
    title: str
    since_seconds: float
    subjects: tuple[Subject, ...]

    @property
    def questions(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for subject in self.subjects for name in subject.questions))

    def has(self, key: str) -> bool:
        return any(subject.key == key for subject in self.subjects)


_SUBJECTS = {
    name: Subject(name, module.QUESTIONS, module.section)
    for name, module in {
        "state": state,
        "errors": errors,
        "operations": operations,
        "objectives": objectives,
        "alerts": alerts,
        "database": database,
        "statements": statements,
        "pools": pools,
        "backups": backups,
        "resources": resources,
        "days": days,
        "capacity": capacity,
    }.items()
}
_HOUR, _DAY = 3600.0, 86400.0


def _outline(title: str, since_seconds: float, *names: str) -> Outline:
    return Outline(title, since_seconds, tuple(_SUBJECTS[name] for name in names))


OUTLINES = {
    Kind.HEALTH: _outline(
        "Health",
        _DAY,
        *("state", "alerts", "errors", "operations", "objectives", "pools", "database", "backups", "capacity"),
    ),
    Kind.PERFORMANCE: _outline(
        "Performance", 4 * _HOUR, "operations", "errors", "database", "statements", "resources", "pools"
    ),
    Kind.WEEKLY: _outline(
        "Weekly analysis",
        7 * _DAY,
        *("state", "days", "operations", "errors", "objectives", "alerts"),
        *("statements", "database", "pools", "backups", "resources", "capacity"),
    ),
    Kind.CAPACITY: _outline(
        "Capacity", 30 * _DAY, "capacity", "days", "database", "statements", "resources", "pools", "objectives"
    ),
}
