"""Which statements cost most, and which indexes nobody reads."""

from __future__ import annotations

from ..model import Amount, Column, Section, Status, Table, Unit
from ._parts import Material, added, computed, facts, quotient, table, unanswered

QUESTIONS = (
    "statement_seconds",
    "statement_calls",
    "statement_rows",
    "statement_text",
    "slow_statements",
    "unused_indexes",
    "unused_bytes",
    "index_scans",
)
_SLOW_SECONDS = 0.1
_TEXT_MAX = 160


def section(material: Material) -> Section:
    answers = material.answers
    unused, unused_bytes = (answers.by(name, "service", "datname") for name in ("unused_indexes", "unused_bytes"))
    return Section(
        "statements",
        "Statements and indexes",
        (
            *facts(material, "slow_statements", "Slow statements on the mean", judge=_judge),
            *computed(material, "Indexes never read", dict(added(unused))),
            *computed(material, "Their size", dict(added(unused_bytes)), Unit.BYTES),
        ),
        tables=(_statements(material), _indexes(material)),
        remarks=(
            "Indexes that guard a constraint are of use even when nothing reads them.",
            *unanswered(material, *QUESTIONS),
        ),
    )


def _judge(count: float) -> Status:
    return Status.LOOK if count else Status.GOOD


def _statements(material: Material) -> Table:
    answers = material.answers
    labels = ("service", "datname", "queryid")
    calls, rows_read = (answers.by(name, *labels) for name in ("statement_calls", "statement_rows"))
    texts = {
        (row.labels.get("service"), row.labels.get("queryid")): row.labels.get("query", "")
        for row in answers.all("statement_text")
    }
    costly = sorted(answers.by("statement_seconds", *labels).items(), key=lambda one: -one[1])
    columns = [
        Column("Statement"),
        Column("Time", Unit.SECONDS),
        Column("Calls", Unit.COUNT),
        Column("Mean", Unit.SECONDS),
        Column("Rows a call", Unit.COUNT),
        Column("Remark"),
    ]
    rows: list[tuple[Amount, ...]] = []
    for key, seconds in costly:
        mean = quotient(seconds, calls.get(key))
        text = _shortened(texts.get((key[0], key[2])) or f"query {key[2]}")
        slow = f"slow: above {_SLOW_SECONDS * 1000:.0f} ms" if mean is not None and mean > _SLOW_SECONDS else ""
        rows.append((key[0], text, seconds, calls.get(key), mean, quotient(rows_read.get(key), calls.get(key)), slow))
    return table(material, "Statements that took most time", columns, rows)


def _shortened(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= _TEXT_MAX else f"{words[: _TEXT_MAX - 1]}\N{HORIZONTAL ELLIPSIS}"


def _indexes(material: Material) -> Table:
    scans = material.answers.by("index_scans", "service", "schemaname", "relname", "indexrelname")
    unread = sorted(key for key, count in scans.items() if count == 0)
    rows: list[tuple[Amount, ...]] = [(key[0], key[3], ".".join(filter(None, key[1:3]))) for key in unread]
    empty = "Every index was read." if scans else "No data."
    remark = "At most ten are listed." if len(rows) == len(scans) and rows else ""
    return table(material, "Indexes not read in this period", [Column("Index"), Column("Table")], rows, empty, remark)
