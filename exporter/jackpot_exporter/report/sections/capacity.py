"""When disk, connections and memory run out, by two models, each with its error on data that it had not seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..forecast import Forecast, forecast
from ..model import Amount, Chart, Column, Finding, Section, Series, Shape, Status, Table, Threshold, Unit
from ..wording import say, say_date, say_seconds
from ._parts import Material, named, table, unanswered

_DAY = 86400.0
_SOON_BAD, _SOON_LOOK = 7 * _DAY, 30 * _DAY
_CHARTS_MAX = 6


@dataclass(frozen=True, slots=True)
class _Kind:
    """A resource that can run out: what is used and what there is."""

    title: str
    used: str
    limit: str
    unit: Unit = Unit.BYTES
    label: str = ""


_KINDS = (
    _Kind("Disk of the database", "used_disk", "limit_disk"),
    _Kind("File system", "used_filesystem", "limit_filesystem", label="mountpoint"),
    _Kind("Connections to the database", "used_connections", "limit_connections", Unit.COUNT),
    _Kind("Connections of the service", "used_pool", "limit_pool", Unit.COUNT),
    _Kind("Memory of", "used_memory", "limit_memory", label="process"),
    _Kind("Memory of the host", "used_host_memory", "limit_host_memory"),
    _Kind("Memory of the cache", "used_cache", "limit_cache"),
)
QUESTIONS = tuple(name for kind in _KINDS for name in (kind.used, kind.limit))


@dataclass(frozen=True, slots=True)
class _Resource:
    """One of them, with what is expected of it."""

    name: str
    service: str
    unit: Unit
    course: tuple[tuple[float, float | None], ...]
    limit: float
    forecasts: tuple[Forecast, ...]

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        return tuple((at, value) for at, value in self.course if value is not None)

    @property
    def best(self) -> Forecast | None:
        return self.forecasts[0] if self.forecasts else None


def section(material: Material) -> Section:
    found = [one for kind in _KINDS for one in _resources(material, kind)]
    history = material.answers.history
    remarks = [
        f"Fitted to {say_seconds(history.seconds)} of data. The error is the mean difference from its last quarter,"
        " forecast from the first three quarters. The earliest and the latest date allow the slope to be wrong by that"
        " error. A forecast looks ahead ten times as far as it looks back.",
        *(f"Too little data for a forecast: {one.name}." for one in found if not one.forecasts),
        *(f"No data: {kind.title.removesuffix(' of')}." for kind in _KINDS if not _has(material, kind)),
        *unanswered(material, *QUESTIONS),
    ]
    charts = [_chart(one) for one in sorted(found, key=_urgency) if one.forecasts][:_CHARTS_MAX]
    return Section(
        "capacity",
        "When resources run out",
        charts=tuple(charts),
        tables=(_summary(material, found), _models(material, found)),
        remarks=tuple(remarks),
        findings=tuple(_findings(material, found)),
    )


def _has(material: Material, kind: _Kind) -> bool:
    return bool(material.answers.course(kind.used)) and bool(material.answers.all(kind.limit))


def _resources(material: Material, kind: _Kind) -> Iterator[_Resource]:
    limits = material.answers.by(kind.limit, "service", kind.label)
    for course in material.answers.course(kind.used):
        service, label = course.labels.get("service", ""), course.labels.get(kind.label, "")
        limit = limits.get((service, label))
        if limit is None or limit <= 0:
            continue
        known = tuple((at, value) for at, value in course.points if value is not None)
        name = named(material, f"{kind.title} {label}".strip(), service)
        yield _Resource(name, service, kind.unit, course.points, limit, forecast(known, limit))


def _urgency(one: _Resource) -> tuple[float, float]:
    at = one.best.runs_out_at if one.best else None
    return (float("inf") if at is None else at, -_used(one) / one.limit)


def _used(one: _Resource) -> float:
    """The most of the last day: what swings runs out at its peak."""
    return max((value for at, value in one.points if at > one.points[-1][0] - _DAY), default=0.0)


def _when(at: float | None, horizon: float) -> str:
    return f"not before {say_date(horizon)}" if at is None else say_date(at)


def _summary(material: Material, found: list[_Resource]) -> Table:
    columns = [
        Column("Resource"),
        Column("At most, last day"),
        Column("Limit"),
        Column("Share", Unit.RATIO),
        Column("Growth a day"),
        Column("Runs out"),
        Column("Earliest"),
        Column("Latest"),
        Column("Model"),
        Column("Error", Unit.RATIO),
    ]
    rows: list[tuple[Amount, ...]] = []
    for one in sorted(found, key=_urgency):
        best = one.best
        told: tuple[Amount, ...] = (None,) * 6
        if best:
            told = (
                _per_day(one, best.fit.slope),
                _when(best.runs_out_at, best.horizon),
                _when(best.earliest, best.horizon),
                _when(best.latest, best.horizon),
                best.fit.name,
                best.relative_error,
            )
        used = _used(one)
        rows.append((one.service, one.name, say(used, one.unit), say(one.limit, one.unit), used / one.limit, *told))
    return table(material, "At this pace", columns, rows)


def _per_day(one: _Resource, slope: float) -> str:
    daily = slope * _DAY
    return f"{daily:+.2f}" if one.unit is Unit.COUNT else say(daily, one.unit)


def _models(material: Material, found: list[_Resource]) -> Table:
    """Both models beside each other."""
    columns = [
        Column("Resource"),
        Column("Model"),
        Column("Runs out"),
        Column("Error"),
        Column("Of the mean", Unit.RATIO),
        Column("Held back", Unit.SECONDS),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            one.service,
            one.name,
            each.fit.name,
            _when(each.runs_out_at, each.horizon),
            say(each.error, one.unit),
            each.relative_error,
            each.held_seconds,
        )
        for one in sorted(found, key=_urgency)
        for each in one.forecasts
    ]
    return table(material, "The models compared", columns, rows, "Too little data.")


def _chart(one: _Resource) -> Chart:
    """What was, and what both models expect: up to the limit, or once more as long as what is known."""
    first, last = one.points[0][0], one.points[-1][0]
    best = one.best
    aim = best.runs_out_at if best and best.runs_out_at else last + (last - first)
    until = min(max(aim, last + 0.25 * (last - first)), last + 2 * (last - first))
    step = max(3600.0, (until - last) / 200)
    moments = [last + number * step for number in range(int((until - last) / step) + 2)]
    expected = tuple(
        Series(f"{each.fit.name} forecast", tuple((at, each.fit.predict(at)) for at in moments), is_dashed=True)
        for each in sorted(one.forecasts, key=lambda each: each.fit.name)
    )
    words = f"{say(_used(one), one.unit)} of {say(one.limit, one.unit)} were in use at most within a day; " + (
        f"runs out {_when(best.runs_out_at, best.horizon)} by the {best.fit.name} forecast." if best else "no forecast."
    )
    series = (Series("measured", one.course), *expected)
    limits = (Threshold("limit", one.limit),)
    return Chart(one.name, Shape.LINES, one.unit, words, first, moments[-1], series, thresholds=limits)


def _findings(material: Material, found: list[_Resource]) -> Iterator[Finding]:
    end = material.answers.period.end
    for one in found:
        best = one.best
        if best is None or best.runs_out_at is None or best.runs_out_at - end > _SOON_LOOK:
            continue
        status = Status.BAD if best.runs_out_at - end <= _SOON_BAD else Status.LOOK
        yield Finding(
            status, f"{one.name} runs out {say_date(best.runs_out_at)} at this pace ({best.fit.name} forecast)."
        )
