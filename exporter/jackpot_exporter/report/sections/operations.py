"""How long operations took, the slowest first, beside the span before."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model import Amount, Column, Fact, Finding, Section, Status, Table, Threshold, Unit
from ..wording import say
from ._parts import Material, lines, named, quotient, table, unanswered

QUESTIONS = (
    "latency_count",
    "latency_sum",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "latency_p95_before",
    "rate",
    "p95",
)
_WORSE = 1.5
_PROMISE = re.compile(r'operation="(?P<operation>[^"]+)",\s*le="(?P<limit>[^"]+)"')


def section(material: Material) -> Section:
    limits = dict(_limits(material))
    p95 = material.answers.by("latency_p95", "service", "operation")
    slowest = sorted(p95.items(), key=lambda one: -one[1])
    thresholds = [
        Threshold(f"promised: {say(level, Unit.SECONDS)}", level, name) for name, level in sorted(limits.items())
    ]
    return Section(
        "operations",
        "Slowest operations",
        tuple(_fact(material, key, value, limits) for key, value in slowest[:3])
        or (Fact("Slowest operation", None, Unit.SECONDS),),
        charts=(
            lines(
                material,
                "95 % of operations were faster than",
                Unit.SECONDS,
                {"p95": ""},
                "operation",
                thresholds=thresholds,
            ),
            lines(material, "Operations a second", Unit.PER_SECOND, {"rate": ""}),
        ),
        tables=(_table(material, [key for key, _ in slowest], limits),),
        remarks=(
            "Percentiles are read from buckets: within one they are assumed to be spread evenly.",
            *unanswered(material, *QUESTIONS),
        ),
        findings=tuple(_findings(material, limits)),
    )


def _limits(material: Material) -> Iterator[tuple[str, float]]:
    """What the objectives promise for 95 % of an operation."""
    for objective in material.promises.objectives:
        if match := _PROMISE.search(objective.bad):
            yield match["operation"], float(match["limit"])


def _fact(material: Material, key: tuple[str, ...], value: float, limits: dict[str, float]) -> Fact:
    limit = limits.get(key[1])
    status = Status.NONE if limit is None else Status.GOOD if value <= limit else Status.LOOK
    remark = "" if limit is None else f"promised: {say(limit, Unit.SECONDS)}"
    return Fact(named(material, f"95 % of {key[1]} within", key[0]), value, Unit.SECONDS, status, remark)


def _table(material: Material, keys: list[tuple[str, ...]], limits: dict[str, float]) -> Table:
    answers = material.answers
    count, total, p50, p95, p99, before = (answers.by(name, "service", "operation") for name in QUESTIONS[:6])
    columns = [
        Column("Operation"),
        Column("Count", Unit.COUNT),
        Column("Mean", Unit.SECONDS),
        Column("Half within", Unit.SECONDS),
        Column("95 % within", Unit.SECONDS),
        Column("99 % within", Unit.SECONDS),
        Column("Promised for 95 %", Unit.SECONDS),
        Column("95 % the span before", Unit.SECONDS),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            *key,
            count.get(key),
            quotient(total.get(key), count.get(key)),
            p50.get(key),
            p95.get(key),
            p99.get(key),
            limits.get(key[1], ""),
            before.get(key),
        )
        for key in keys
    ]
    return table(material, "By operation, slowest first", columns, rows)


def _findings(material: Material, limits: dict[str, float]) -> Iterator[Finding]:
    before = material.answers.by("latency_p95_before", "service", "operation")
    for key, value in sorted(material.answers.by("latency_p95", "service", "operation").items()):
        name = named(material, key[1], key[0])
        limit = limits.get(key[1])
        if limit is not None and value > limit:
            words = f"95 % of {name} took up to {say(value, Unit.SECONDS)}; promised are {say(limit, Unit.SECONDS)}."
            yield Finding(Status.LOOK, words)
        elif key in before and before[key] > 0 and value > _WORSE * before[key]:
            now, then = say(value, Unit.SECONDS), say(before[key], Unit.SECONDS)
            yield Finding(Status.LOOK, f"{name} became slower: 95 % within {now}, {then} the span before.")
