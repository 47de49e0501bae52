"""Questions asked of Prometheus, a few at a time, and what came back: numbers, or why there are none.

Text that comes from labels is cleaned here, once: control characters would break every document made of it.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from string import Template
from typing import Any

from ..alerts.servers import Prometheus
from ..errors import RefusedError, SourceError, SourceTimeoutError
from ..redaction import redact
from .model import Period
from .questions import COURSE, INSTANT, Grid

_AT_ONCE = 4
_WEEK = 604800
_DAY = 86400.0
_HISTORY_DAYS = 28
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One number and what it is of."""

    labels: Labels
    value: float


@dataclass(frozen=True, slots=True)
class Course:
    """One series over time: every moment that was asked for, None where there was nothing."""

    labels: Labels
    points: tuple[tuple[float, float | None], ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """Which families and series the questions are about."""

    namespace: str = "jackpot"
    service: str | None = None

    @property
    def target(self) -> str:
        """The matcher that stands in every selector."""
        if self.service is None:
            return 'service=~".*"'
        escaped = self.service.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'service="{escaped}"'

    def has(self, labels: Labels) -> bool:
        """Objectives ask for every service: their questions are the pack's own."""
        return self.service is None or labels.get("service", self.service) == self.service


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that was asked for a report."""

    period: Period
    history: Period
    rows: Mapping[str, tuple[Row, ...]]
    courses: Mapping[str, tuple[Course, ...]]
    failures: Mapping[str, str] = field(default_factory=dict)
    """By question: the words of the server that did not answer it."""

    def all(self, name: str) -> tuple[Row, ...]:
        return self.rows.get(name, ())

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Values by some of their labels."""
        return {tuple(row.labels.get(label, "") for label in labels): row.value for row in self.all(name)}

    def course(self, name: str) -> tuple[Course, ...]:
        return self.courses.get(name, ())

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(sorted({course.labels.get("service", "") for course in self.course("known")}))


def clean(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)


class Asking:
    """Asks for one report; `on_answer` is called after each question."""

    def __init__(
        self, prometheus: Prometheus, scope: Scope, period: Period, on_answer: Callable[[str], None] = lambda _: None
    ) -> None:
        self._prometheus = prometheus
        self._scope = scope
        self._wanted = period
        self._on_answer = on_answer
        self._failures: dict[str, str] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._is_gone = ""

    async def ask(self, names: Iterable[str], more: Mapping[str, str]) -> Answers:
        """All of them; a server that is not there is asked once, not a hundred times."""
        known = await self._course("known", *COURSE["known"], self._wanted, self._wanted)
        period = Period(_first(known, self._wanted.start), self._wanted.end)
        history = await self._find_history(period) if any(_is_history(name) for name in names) else period
        wanted = sorted(set(names) - {"known"})
        rows, courses = await asyncio.gather(
            asyncio.gather(
                *(self._rows(name, INSTANT[name], period) for name in wanted if name in INSTANT),
                *(self._rows(name, text, period) for name, text in more.items()),
            ),
            asyncio.gather(
                *(self._course(name, *COURSE[name], period, history) for name in wanted if name in COURSE),
            ),
        )
        asked = [*(name for name in wanted if name in INSTANT), *more]
        drawn = ["known", *(name for name in wanted if name in COURSE)]
        return Answers(
            period,
            history,
            dict(zip(asked, rows, strict=True)),
            dict(zip(drawn, [known, *courses], strict=True)),
            self._failures,
        )

    async def _find_history(self, period: Period) -> Period:
        """Four weeks, the period if that is longer, or less when Prometheus knows less."""
        longest = Period(min(period.start, period.end - _HISTORY_DAYS * _DAY), period.end)
        found = await self._course("known", *COURSE["known"], longest, longest)
        return Period(_first(found, longest.start), longest.end)

    async def _rows(self, name: str, template: str, period: Period) -> tuple[Row, ...]:
        text = Template(template).substitute(self._words(period, period.step))
        answer = await self._guarded(name, lambda: self._prometheus.query(text, at=period.end))
        found = (Row(_labels(one), float(one["value"][1])) for one in answer)
        return tuple(row for row in found if not math.isnan(row.value) and self._scope.has(row.labels))

    async def _course(
        self, name: str, grid: Grid, template: str, period: Period, history: Period
    ) -> tuple[Course, ...]:
        times = _times(grid, period, history)
        if not times:
            return ()
        step = times[1] - times[0] if len(times) > 1 else _DAY
        text = Template(template).substitute(self._words(period, step))
        answer = await self._guarded(name, lambda: self._prometheus.query_range(text, times[0], times[-1], step))
        return tuple(Course(_labels(one), _points(one["values"], times)) for one in answer)

    async def _guarded(self, name: str, question: Callable[[], Any]) -> list[dict[str, Any]]:
        async with self._gate:
            found: list[dict[str, Any]] = []
            try:
                if not self._is_gone:
                    found = await question()
            except SourceError as error:
                self._failures[name] = redact(str(error))
                if isinstance(error, RefusedError) or (name == "known" and isinstance(error, SourceTimeoutError)):
                    self._is_gone = self._failures[name]
        self._on_answer(name)
        if self._is_gone:
            self._failures.setdefault(name, self._is_gone)
        return found

    def _words(self, period: Period, step: float) -> dict[str, str]:
        span = round(period.seconds)
        window = round(max(step, 120))
        return {
            "ns": self._scope.namespace,
            "target": self._scope.target,
            "period": f"{span * 1000 + 1}ms",
            "month": f"{30 * 86400 * 1000 + 1}ms",
            "span": f"{span}s",
            "seven_spans": f"{7 * span}s",
            "week_span": f"{_WEEK + span}s",
            "weeks_span": f"{2 * _WEEK + span}s",
            "window": f"{window}s",
            "week_window": f"{_WEEK + window}s",
            "start": f"{period.start:.0f}",
        }


def _is_history(name: str) -> bool:
    return name in COURSE and COURSE[name][0] is Grid.HISTORY


def _times(grid: Grid, period: Period, history: Period) -> list[float]:
    """Equally far apart, the last at the end."""
    span = history if grid is Grid.HISTORY else period
    step = period.step
    if grid is Grid.COARSE:
        step = max(3600.0, step)
    elif grid is Grid.DAY:
        step = _DAY
    elif grid is Grid.HISTORY:
        step = 3600.0 if span.seconds >= 4 * _DAY else max(60.0, span.seconds // 96)
    # A sum looks one step back, so its first moment is one after the start.
    first = 1 if grid in {Grid.COARSE, Grid.DAY} else 0
    return [span.end - number * step for number in range(int(span.seconds // step) - first, -1, -1)]


def _first(courses: Sequence[Course], otherwise: float) -> float:
    """When anything was seen first."""
    return min((at for course in courses for at, value in course.points if value is not None), default=otherwise)


def _labels(series: Mapping[str, Any]) -> dict[str, str]:
    return {name: clean(value) for name, value in series["metric"].items()}


def _points(values: Sequence[Sequence[Any]], times: Sequence[float]) -> tuple[tuple[float, float | None], ...]:
    there = {round(float(at), 3): float(value) for at, value in values}
    found = ((at, there.get(round(at, 3))) for at in times)
    return tuple((at, None if value is None or not math.isfinite(value) else value) for at, value in found)
