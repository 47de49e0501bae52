"""What went wrong, how often, and of which kind."""

from __future__ import annotations

from ..model import Amount, Column, Fact, Section, Status, Table, Threshold, Unit
from ._parts import Material, added, computed, facts, lines, quotient, table, unanswered

QUESTIONS = ("operations", "operations_before", "errors", "log", "config_changes", "error_ratio")
_OUTCOMES = ("success", "error", "timeout")


def section(material: Material) -> Section:
    operations = material.answers.by("operations", "service", "operation", "outcome")
    bad = added({key: value for key, value in operations.items() if key[2] != "success"})
    total = added(operations)
    ratio = {service: quotient(bad.get(service, 0.0), count) for service, count in total.items()}
    budget = _budget(material)
    return Section(
        "errors",
        "Errors",
        (
            *computed(material, "Operations", dict(total)),
            *computed(material, "Failed or timed out", dict(bad) if total else {}),
            *computed(material, "Share of them", ratio, Unit.RATIO, lambda share: _judge(share, budget)),
            *_levels(material),
            *facts(material, "config_changes", "Changes of configuration"),
        ),
        charts=(
            lines(
                material,
                "Share of operations that failed or timed out",
                Unit.RATIO,
                {"error_ratio": ""},
                thresholds=[] if budget is None else [Threshold("promised", budget)],
            ),
        ),
        tables=(_by_operation(material, operations), _by_type(material)),
        remarks=unanswered(material, *QUESTIONS),
    )


def _budget(material: Material) -> float | None:
    """How many may fail, by the objective of availability."""
    targets = material.answers.by("targets", "objective")
    found = [
        one
        for one in material.promises.objectives
        if one.name.endswith("-availability") and "operations_total" in one.bad
    ]
    return round(1 - targets.get((found[0].name,), found[0].target), 9) if found else None


def _judge(share: float, budget: float | None) -> Status:
    if budget is None:
        return Status.NONE
    return Status.GOOD if share <= budget else Status.LOOK


def _levels(material: Material) -> list[Fact]:
    levels = material.answers.by("log", "service", "level")
    errors = {service: 0.0 for service, _ in levels}
    for (service, level), count in levels.items():
        if level.lower() in {"error", "critical", "fatal"}:
            errors[service] += count
    return list(computed(material, "Errors in the log", dict(errors)))


def _by_operation(material: Material, operations: dict[tuple[str, ...], float]) -> Table:
    columns = [
        Column("Operation"),
        Column("Succeeded", Unit.COUNT),
        Column("Failed", Unit.COUNT),
        Column("Timed out", Unit.COUNT),
        Column("Share bad", Unit.RATIO),
    ]
    rows: list[tuple[Amount, ...]] = []
    for key in sorted({key[:2] for key in operations}):
        counts = [operations.get((*key, outcome), 0.0) for outcome in _OUTCOMES]
        rows.append((*key, *counts, quotient(sum(counts[1:]), sum(counts))))
    return table(material, "By operation", columns, rows)


def _by_type(material: Material) -> Table:
    errors = material.answers.by("errors", "service", "type")
    rows: list[tuple[Amount, ...]] = [(*key, count) for key, count in sorted(errors.items(), key=lambda one: -one[1])]
    known = material.answers.all("log") or material.answers.all("operations")
    empty = "None." if known else "No data."
    return table(material, "Kinds of error in the log", [Column("Kind"), Column("Count", Unit.COUNT)], rows, empty)
