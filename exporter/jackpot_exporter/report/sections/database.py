"""How large the database is and how it grows, how quickly it answers, how full its connections are."""

from __future__ import annotations

from ..model import Amount, Column, Fact, Finding, Section, Status, Table, Threshold, Unit
from ..wording import say
from ._parts import Material, added, computed, difference, facts, lines, quotient, table, unanswered

QUESTIONS = (
    "size",
    "size_before",
    "tables",
    "tables_before",
    "ping_mean",
    "ping_p95",
    "connections_most",
    "connections_limit",
    "pool_most",
    "pool_waiting",
    "pool_limit",
    "blocks_hit",
    "blocks_read",
    "deadlocks",
    "commits",
    "rollbacks",
    "size_course",
    "connections_course",
    "ping_course",
)
_FULL_LOOK, _FULL_BAD = 0.8, 0.9
_DAY = 86400.0


def section(material: Material) -> Section:
    answers = material.answers
    full = _share(material, "connections_most", "connections_limit")
    pool = _share(material, "pool_most", "pool_limit")
    limits = sorted({level for (_,), level in answers.by("connections_limit", "service").items()})
    thresholds = [Threshold("limit", level) for level in limits] if len(limits) == 1 else []
    connections = computed(material, "Connections at most, of the limit", full, Unit.RATIO, _judge_full)
    pools = computed(material, "The service's connections at most", pool, Unit.RATIO, _judge_full)
    return Section(
        "database",
        "Database",
        (
            *_sizes(material),
            *facts(material, "ping_mean", "Mean round trip", Unit.SECONDS),
            *facts(material, "ping_p95", "95 % of round trips within", Unit.SECONDS),
            *connections,
            *pools,
            *facts(material, "pool_waiting", "Waiting for a connection at most", judge=_judge_any),
            *computed(material, "Read from cache", _hits(material), Unit.RATIO),
            *facts(material, "deadlocks", "Deadlocks", judge=_judge_any),
            *computed(material, "Rolled back", _rollbacks(material), Unit.RATIO),
        ),
        charts=(
            lines(material, "Size of the databases", Unit.BYTES, {"size_course": ""}),
            lines(material, "Connections to the server", Unit.COUNT, {"connections_course": ""}, thresholds=thresholds),
            lines(material, "Round trip to the database", Unit.SECONDS, {"ping_course": ""}),
        ),
        tables=(_databases(material), _tables(material)),
        remarks=unanswered(material, *QUESTIONS),
        findings=tuple(_finding(fact) for fact in (*connections, *pools) if fact.status in {Status.LOOK, Status.BAD}),
    )


def _sizes(material: Material) -> list[Fact]:
    now = material.answers.by("size", "service", "datname")
    before = material.answers.by("size_before", "service", "datname")
    total = added(now)
    grown = {
        service: sum(size - before[key] for key, size in now.items() if key[0] == service and key in before)
        if any(key[0] == service for key in before)
        else None
        for service in total
    }
    days = material.answers.period.seconds / _DAY
    daily = {service: None if size is None else size / days for service, size in grown.items()}
    return [
        *computed(material, "Size", dict(total), Unit.BYTES),
        *computed(material, "Growth", grown, Unit.BYTES),
        *computed(material, "Growth a day", daily, Unit.BYTES),
    ]


def _share(material: Material, used: str, limit: str) -> dict[str, float | None]:
    most, of = (material.answers.by(name, "service") for name in (used, limit))
    return {service: quotient(value, of.get((service,))) for (service,), value in most.items()}


def _hits(material: Material) -> dict[str, float | None]:
    hit, read = (material.answers.by(name, "service") for name in ("blocks_hit", "blocks_read"))
    return {key[0]: quotient(value, value + read.get(key, 0.0)) for key, value in hit.items()}


def _rollbacks(material: Material) -> dict[str, float | None]:
    commits, rollbacks = (material.answers.by(name, "service") for name in ("commits", "rollbacks"))
    return {
        key[0]: quotient(rollbacks.get(key, 0.0), value + rollbacks.get(key, 0.0)) for key, value in commits.items()
    }


def _judge_full(share: float) -> Status:
    return Status.BAD if share >= _FULL_BAD else Status.LOOK if share >= _FULL_LOOK else Status.GOOD


def _judge_any(count: float) -> Status:
    return Status.LOOK if count >= 0.5 else Status.GOOD


def _databases(material: Material) -> Table:
    before = material.answers.by("size_before", "service", "datname")
    columns = [Column("Database"), Column("Size", Unit.BYTES), Column("Growth", Unit.BYTES)]
    sizes = sorted(material.answers.by("size", "service", "datname").items(), key=lambda one: -one[1])
    rows: list[tuple[Amount, ...]] = [(*key, size, difference(size, before.get(key))) for key, size in sizes]
    return table(material, "Databases", columns, rows)


def _tables(material: Material) -> Table:
    labels = ("service", "datname", "schemaname", "relname")
    before = material.answers.by("tables_before", *labels)
    columns = [Column("Table"), Column("Size with indexes", Unit.BYTES), Column("Growth", Unit.BYTES)]
    sizes = sorted(material.answers.by("tables", *labels).items(), key=lambda one: -one[1])
    rows: list[tuple[Amount, ...]] = [
        (key[0], ".".join(filter(None, key[1:])), size, difference(size, before.get(key))) for key, size in sizes
    ]
    return table(material, "Largest tables", columns, rows)


def _finding(fact: Fact) -> Finding:
    return Finding(fact.status, f"{fact.name}: {say(fact.amount, fact.unit)}.")
