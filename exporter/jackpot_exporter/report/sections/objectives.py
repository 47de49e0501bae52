"""What is promised, what was kept, and how much of what may fail is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..model import Amount, Bar, Chart, Column, Finding, Section, Shape, Status, Threshold, Unit
from ..objectives import Objective
from ..wording import say
from ._parts import Material, named, quotient, table, unanswered

QUESTIONS = ("targets",)
_LOOK = 0.75


@dataclass(frozen=True, slots=True)
class _Kept:
    """One objective of one service."""

    objective: Objective
    service: str
    target: float
    bad: float
    total: float
    month_bad: float
    month_total: float

    @property
    def share(self) -> float:
        return 1 - self.bad / self.total

    @property
    def used(self) -> float:
        """Of the budget of the period."""
        return self.bad / self.total / (1 - self.target)

    @property
    def left(self) -> float | None:
        """Of the budget of thirty days."""
        ratio = quotient(self.month_bad, self.month_total)
        return None if ratio is None else 1 - ratio / (1 - self.target)


def section(material: Material) -> Section:
    kept = list(_kept(material))
    columns = [
        Column("Objective"),
        Column("Promised", Unit.RATIO),
        Column("Kept", Unit.RATIO),
        Column("Bad", Unit.COUNT),
        Column("Events", Unit.COUNT),
        Column("Budget used", Unit.RATIO),
        Column("Left of 30 days", Unit.RATIO),
    ]
    rows: list[tuple[Amount, ...]] = [
        (one.service, one.objective.title, one.target, one.share, one.bad, one.total, one.used, one.left)
        for one in kept
    ]
    return Section(
        "objectives",
        "Objectives and error budgets",
        charts=(_chart(material, kept),),
        tables=(table(material, "By objective", columns, rows),),
        remarks=(*_remarks(material, kept), *unanswered(material, *material.promises.questions())),
        findings=tuple(_findings(material, kept)),
    )


def _kept(material: Material) -> Iterator[_Kept]:
    answers = material.answers
    targets = answers.by("targets", "objective")
    for objective in material.promises.objectives:
        bad, month_bad, total, month_total = (
            answers.by(f"{objective.name}:{what}:{window}", "service")
            for what in ("bad", "total")
            for window in ("period", "month")
        )
        for key, count in sorted(total.items()):
            if count > 0:
                target = targets.get((objective.name,), objective.target)
                month = month_bad.get(key, 0.0), month_total.get(key, 0.0)
                yield _Kept(objective, key[0], target, bad.get(key, 0.0), count, *month)


def _chart(material: Material, kept: list[_Kept]) -> Chart:
    bars = tuple(
        Bar(named(material, one.objective.title, one.service), 0.0, max(0.0, one.used), _judge(one.used))
        for one in kept
    )
    words = " ".join(f"{bar.name}: {say(bar.end, Unit.RATIO)}." for bar in bars) or "There is no data."
    period = material.answers.period
    limits = (Threshold("all of it", 1.0),)
    title = "Budget of the period that is used"
    return Chart(title, Shape.LEVELS, Unit.RATIO, words, period.start, period.end, bars=bars, thresholds=limits)


def _judge(used: float) -> Status:
    return Status.BAD if used > 1 else Status.LOOK if used > _LOOK else Status.GOOD


def _remarks(material: Material, kept: list[_Kept]) -> Iterator[str]:
    silent = [one.title for one in material.promises.objectives if one.name not in {o.objective.name for o in kept}]
    if not material.promises.objectives:
        yield "No objectives are known for this namespace."
    elif silent:
        yield f"No events were counted for: {', '.join(silent)}."
    if material.promises.objectives and not material.answers.all("targets"):
        yield "Promises are those of the pack: Prometheus has no objective:target:ratio, so its rules are not loaded."
    if kept:
        yield "The budget of 30 days counts what Prometheus still has of them."


def _findings(material: Material, kept: list[_Kept]) -> Iterator[Finding]:
    for one in kept:
        title = named(material, one.objective.title, one.service)
        if one.left is not None and one.left < 0:
            yield Finding(
                Status.BAD, f"{title}: the error budget of 30 days is spent, {say(1 - one.left, Unit.RATIO)} of it."
            )
        elif one.used > 1:
            yield Finding(Status.BAD, f"{title}: the error budget of this period was used {one.used:.1f} times over.")
        elif one.used > _LOOK:
            yield Finding(
                Status.LOOK, f"{title}: {say(one.used, Unit.RATIO)} of the error budget of this period was used."
            )
