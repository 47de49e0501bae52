"""Figures and how they are shown: quantiles, tables in Markdown, and verdicts on goals. Measures nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

NONE = "-"


def quantile(values: Iterable[float], share: float) -> float:
    """The value that `share` of the values do not exceed. ValueError when there is none."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def median(values: Iterable[float]) -> float:
    return quantile(values, 0.5)


def milliseconds(seconds: float | None) -> str:
    """A duration to three significant digits, in milliseconds."""
    return NONE if seconds is None else f"{_significant(seconds * 1000)} ms"


def megabytes(size: float | None) -> str:
    return NONE if size is None else f"{size / 1e6:.0f} MB"


def times(value: float) -> str:
    """A ratio."""
    return f"{_significant(value)}x"


def growth(small: tuple[float, float], large: tuple[float, float]) -> float:
    """The exponent by which a cost grows from one (size, cost) to another: 1 is linear."""
    return log(large[1] / small[1]) / log(large[0] / small[0])


def _significant(value: float) -> str:
    if value >= 100 or value == 0:
        return f"{value:.0f}"
    return f"{value:.3g}"


@dataclass(frozen=True, slots=True)
class Table:
    """What one case measured; `note` says what a reader must know to judge it."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        rows = [self.columns, ["---"] + ["---:"] * (len(self.columns) - 1), *self.rows]
        lines = ["| " + " | ".join(row) + " |" for row in rows]
        return "\n".join([f"### {self.title}", "", *lines, *(["", self.note] if self.note else []), ""])


@dataclass(frozen=True, slots=True)
class Verdict:
    """One goal, what was measured, and whether that reaches it."""

    goal: str
    measured: str
    is_reached: bool

    @classmethod
    def at_most(cls, goal: str, value: float, limit: float, show: str) -> Verdict:
        return cls(goal, show, value <= limit)

    def line(self) -> str:
        return f"{'reached' if self.is_reached else 'MISSED '}  {self.goal}: {self.measured}"


@dataclass(frozen=True, slots=True)
class Report:
    """Tables and verdicts of one case."""

    tables: Sequence[Table]
    verdicts: Sequence[Verdict] = ()
