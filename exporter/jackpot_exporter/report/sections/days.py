"""Day by day: traffic, errors, latency, processors, memory, connections, size."""

from __future__ import annotations

from ..model import Amount, Column, Section, Unit
from ..wording import say_date
from ._parts import Material, quotient, table, unanswered

_COLUMNS = {
    "day_operations": Column("Operations", Unit.COUNT),
    "day_errors": Column("Share bad", Unit.RATIO),
    "day_p95": Column("95 % within", Unit.SECONDS),
    "day_cpu": Column("Processors", Unit.RATIO),
    "day_memory": Column("Memory", Unit.RATIO),
    "day_connections": Column("Connections at most", Unit.COUNT),
    "day_size": Column("Database", Unit.BYTES),
    "day_contributions": Column("Paid in", Unit.CENTS),
}
QUESTIONS = tuple(_COLUMNS)


def section(material: Material) -> Section:
    found: dict[tuple[str, float], dict[str, float | None]] = {}
    for name in QUESTIONS:
        for course in material.answers.course(name):
            for at, value in course.points:
                found.setdefault((course.labels.get("service", ""), at), {})[name] = value
    rows: list[tuple[Amount, ...]] = []
    for (service, at), values in sorted(found.items(), key=lambda one: (one[0][0], -one[0][1])):
        share = quotient(values.get("day_errors") or 0.0, values.get("day_operations"))
        rows.append((service, say_date(at - 1), *({**values, "day_errors": share}.get(name) for name in QUESTIONS)))
    columns = [Column("Day"), *_COLUMNS.values()]
    return Section(
        "days",
        "Day by day",
        tables=(table(material, "Twenty-four hours each", columns, rows, "Less than a day of data."),),
        remarks=("A day here ends at the time of day at which the period ends.", *unanswered(material, *QUESTIONS)),
    )
