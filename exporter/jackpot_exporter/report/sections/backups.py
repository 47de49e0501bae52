"""When the last good backup was made, and whether it could be read."""

from __future__ import annotations

from collections.abc import Iterator

from ..model import Amount, Column, Fact, Finding, Section, Status, Table, Unit
from ..wording import say_seconds
from ._parts import Material, difference, named, table, unanswered

QUESTIONS = (
    "backup_at",
    "backup_made",
    "backup_size",
    "backup_size_before",
    "backup_seconds",
    "backup_verified",
    "backup_files",
)
_AGE_SECONDS = 93600.0
"""As the alert JackpotBackupMissing has it."""


def section(material: Material) -> Section:
    ages = _ages(material)
    return Section(
        "backups",
        "Backups",
        tuple(
            Fact(named(material, f"Age of {name}", service), age, Unit.SECONDS, _judge(age))
            for (service, name), age in ages.items()
        )
        or (Fact("Age of the last backup", None, Unit.SECONDS),),
        tables=(_table(material, ages),),
        remarks=unanswered(material, *QUESTIONS),
        findings=tuple(_findings(material, ages)),
    )


def _ages(material: Material) -> dict[tuple[str, ...], float]:
    end = material.answers.period.end
    return {key: end - at for key, at in sorted(material.answers.by("backup_at", "service", "backup").items())}


def _judge(age: float) -> Status:
    return Status.BAD if age > _AGE_SECONDS else Status.GOOD


def _table(material: Material, ages: dict[tuple[str, ...], float]) -> Table:
    at, made, size, before, seconds, verified, files = (
        material.answers.by(name, "service", "backup") for name in QUESTIONS
    )
    columns = [
        Column("Backup"),
        Column("Last good one", Unit.TIME),
        Column("Made in this period", Unit.COUNT),
        Column("Size", Unit.BYTES),
        Column("Change of size", Unit.BYTES),
        Column("Took", Unit.SECONDS),
        Column("Could be read"),
        Column("Kept", Unit.COUNT),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            *key,
            at.get(key),
            made.get(key),
            size.get(key),
            difference(size.get(key), before.get(key)),
            seconds.get(key),
            {1.0: "yes", 0.0: "no"}.get(verified.get(key, -1.0)),
            files.get(key),
        )
        for key in ages
    ]
    return table(material, "By backup", columns, rows)


def _findings(material: Material, ages: dict[tuple[str, ...], float]) -> Iterator[Finding]:
    for (service, name), age in ages.items():
        if age > _AGE_SECONDS:
            yield Finding(
                Status.BAD, f"The last good backup {named(material, name, service)} is {say_seconds(age)} old."
            )
    for (service, name), value in sorted(material.answers.by("backup_verified", "service", "backup").items()):
        if value == 0:
            yield Finding(Status.BAD, f"The last backup {named(material, name, service)} could not be read.")
