"""What a report says, before anyone has chosen how it looks. Frozen; knows no source and no format.

A missing number is None everywhere, and None is never shown as zero.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Amount = float | str | None
"""A number in the unit that stands beside it, a text, or None where there is no data."""


class Unit(StrEnum):
    TEXT = "text"
    COUNT = "count"
    RATIO = "ratio"
    SECONDS = "seconds"
    BYTES = "bytes"
    CENTS = "cents"
    PER_SECOND = "per_second"
    TIME = "unix_seconds"


class Status(StrEnum):
    """How something stands; in words, because colours do not print and not everyone sees them."""

    NONE = ""
    GOOD = "good"
    LOOK = "look"
    BAD = "bad"


_RANK = {Status.NONE: 0, Status.GOOD: 1, Status.LOOK: 2, Status.BAD: 3}


def worst(statuses: Sequence[Status]) -> Status:
    return max(statuses, key=_RANK.__getitem__, default=Status.NONE)


@dataclass(frozen=True, slots=True)
class Period:
    """The span that a report is about, in Unix seconds, and the distance of two points of its charts."""

    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start

    @property
    def step(self) -> float:
        """About two hundred points, at times that people know."""
        return next((step for step in _STEPS if step >= self.seconds / 300), _STEPS[-1])


_STEPS = (60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14400.0, 21600.0, 43200.0, 86400.0)


@dataclass(frozen=True, slots=True)
class Fact:
    """One number, with its name and how it stands."""

    name: str
    amount: Amount
    unit: Unit = Unit.COUNT
    status: Status = Status.NONE
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of amounts, each in the unit of its column; `empty` is said where there is none."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Amount, ...], ...]
    empty: str = "No data."
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """A line of a chart: points by time, None in a gap; `is_dashed` for what is expected and not measured."""

    name: str
    points: tuple[tuple[float, float | None], ...]
    is_dashed: bool = False


@dataclass(frozen=True, slots=True)
class Threshold:
    """A level that a chart shows as a line of its own; `of` names the series that it is for, if not for all."""

    name: str
    level: float
    of: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from `start` to `end` on the axis of a chart, one row each name."""

    name: str
    start: float
    end: float
    status: Status = Status.NONE


class Shape(StrEnum):
    LINES = "lines"
    COLUMNS = "columns"
    SPANS = "spans"
    """Bars along the time."""
    LEVELS = "levels"
    """Bars from zero, without time."""


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn; `description` tells in words what the picture shows."""

    title: str
    shape: Shape
    unit: Unit
    description: str
    start: float
    end: float
    series: tuple[Series, ...] = ()
    bars: tuple[Bar, ...] = ()
    thresholds: tuple[Threshold, ...] = ()

    @property
    def is_empty(self) -> bool:
        drawn = any(value is not None for one in self.series for _, value in one.points)
        return not drawn and not self.bars


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a reader should know first."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Section:
    """One subject. `remarks` say what is missing, and how numbers are to be read."""

    key: str
    title: str
    facts: tuple[Fact, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    remarks: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A server that was asked; `problem` has its words when it did not answer."""

    name: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """All of it."""

    kind: str
    title: str
    services: tuple[str, ...]
    period: Period
    made_at: float
    sources: tuple[Source, ...]
    sections: tuple[Section, ...]
    remarks: tuple[str, ...] = field(default=())

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The worst first."""
        found = [finding for section in self.sections for finding in section.findings]
        return tuple(sorted(found, key=lambda one: -_RANK[one.status]))

    @property
    def status(self) -> Status:
        facts = [fact.status for section in self.sections for fact in section.facts]
        return worst([*facts, *(finding.status for finding in self.findings)])

    @property
    def is_complete(self) -> bool:
        """Whether every source answered."""
        return not any(source.problem for source in self.sources)
