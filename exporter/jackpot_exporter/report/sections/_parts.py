"""What the sections share: facts by service, tables without a lone service, lines described in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ...alerts.incidents import Incident
from ..answers import Answers, Labels
from ..incidents import Handled
from ..model import Amount, Chart, Column, Fact, Finding, Series, Shape, Status, Table, Threshold, Unit
from ..objectives import Promises
from ..wording import say, say_time

Judge = Callable[[float], Status]
_SERIES_MAX = 8


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that sections are made of."""

    answers: Answers
    promises: Promises
    incidents: tuple[Handled, ...] | None = None
    """None: Prometheus gave no history of alerts."""
    firing: tuple[Incident, ...] | None = None
    """What Alertmanager holds now; None when it was not asked or did not answer."""

    @property
    def is_single(self) -> bool:
        return len(self.answers.services) <= 1


def named(material: Material, title: str, service: str) -> str:
    """The title, with the service where there are several."""
    return title if material.is_single or not service else f"{title}: {service}"


def facts(
    material: Material,
    question: str,
    title: str,
    unit: Unit = Unit.COUNT,
    judge: Judge = lambda _: Status.NONE,
    remark: str = "",
) -> list[Fact]:
    """One a service; a single one without data when nothing came."""
    found = material.answers.by(question, "service")
    return [
        Fact(named(material, title, service), value, unit, judge(value), remark)
        for (service,), value in sorted(found.items())
    ] or [Fact(title, None, unit, remark=remark)]


def computed(
    material: Material,
    title: str,
    values: Mapping[str, float | None],
    unit: Unit = Unit.COUNT,
    judge: Judge = lambda _: Status.NONE,
    remark: str = "",
) -> list[Fact]:
    """The same of values that were put together from several questions, by service."""
    return [
        Fact(named(material, title, service), value, unit, Status.NONE if value is None else judge(value), remark)
        for service, value in sorted(values.items())
    ] or [Fact(title, None, unit, remark=remark)]


def quotient(over: float | None, under: float | None) -> float | None:
    return over / under if over is not None and under else None


def difference(now: float | None, before: float | None) -> float | None:
    return None if now is None or before is None else now - before


def added(rows: Mapping[tuple[str, ...], float], position: int = 0) -> dict[str, float]:
    """Sums by one of the labels."""
    sums: dict[str, float] = {}
    for key, value in rows.items():
        sums[key[position]] = sums.get(key[position], 0.0) + value
    return sums


def table(
    material: Material,
    title: str,
    columns: Sequence[Column],
    rows: Sequence[tuple[Amount, ...]],
    empty: str = "No data.",
    remark: str = "",
) -> Table:
    """The first cell of each row is its service, left out where there is only one."""
    if material.is_single:
        return Table(title, tuple(columns), tuple(row[1:] for row in rows), empty, remark)
    return Table(title, (Column("Service"), *columns), tuple(rows), empty, remark)


def lines(
    material: Material,
    title: str,
    unit: Unit,
    questions: Mapping[str, str],
    *labels: str,
    thresholds: Sequence[Threshold] = (),
    shape: Shape = Shape.LINES,
) -> Chart:
    """What the questions (each with its name, which may be empty) gave over the period."""
    series = [
        Series(_name(material, name, course.labels, labels), course.points)
        for question, name in questions.items()
        for course in material.answers.course(question)
    ]
    kept = tuple(sorted(series, key=lambda one: one.name)[:_SERIES_MAX])
    period = material.answers.period
    words = describe(kept, unit)
    if len(series) > _SERIES_MAX:
        words += f" {len(series) - _SERIES_MAX} more are not drawn."
    return Chart(title, shape, unit, words, period.start, period.end, kept, thresholds=tuple(thresholds))


def describe(series: Sequence[Series], unit: Unit) -> str:
    """What a picture of these lines shows, in words."""
    told = [text for one in series if (text := _told(one, unit))]
    return " ".join(told) or "There is no data."


def unanswered(material: Material, *questions: str) -> tuple[str, ...]:
    """What the server said to those of these questions that it did not answer."""
    failures = material.answers.failures
    return tuple(dict.fromkeys(f"Not all could be asked: {failures[name]}" for name in questions if name in failures))


def finding(fact: Fact, text: str) -> list[Finding]:
    """The text, when the fact is not good."""
    return [Finding(fact.status, text)] if fact.status in {Status.LOOK, Status.BAD} else []


def _told(series: Series, unit: Unit) -> str:
    known = [(at, value) for at, value in series.points if value is not None]
    if not known:
        return ""
    low, high = min(known, key=lambda point: point[1]), max(known, key=lambda point: point[1])
    said = f"{say(low[1], unit)} to {say(high[1], unit)}, highest at {say_time(high[0])}"
    gaps = len(series.points) - len(known)
    gap = f"; no data at {gaps} of {len(series.points)} moments" if gaps > len(series.points) / 100 else ""
    return f"{series.name}: {said}{gap}." if series.name else f"{said}{gap}."


def _name(material: Material, name: str, labels: Labels, wanted: Sequence[str]) -> str:
    service = "" if material.is_single else labels.get("service", "")
    return " ".join(filter(None, (service, *(labels.get(label, "") for label in wanted), name))) or labels.get(
        "service", ""
    )
