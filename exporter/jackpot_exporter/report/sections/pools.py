"""What the pools hold, what was paid in and won, and whether that is as usual."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean

from ..model import Amount, Column, Fact, Finding, Section, Status, Table, Unit
from ..wording import say
from ._parts import Material, computed, difference, facts, lines, named, quotient, table, unanswered

QUESTIONS = (
    "pools",
    "pools_sum",
    "pools_sum_before",
    "pools_top",
    "pool_contributions",
    "pool_wins",
    "contributions",
    "contributions_week",
    "contributions_weeks",
    "wins",
    "wins_before",
    "last_wins",
    "last_won",
    "integrity",
    "pools_course",
    "contributions_course",
    "contributions_usual",
)
_CONTRIBUTIONS_LOW, _WINS_HIGH, _WINS_MIN = 0.5, 3.0, 10
"""As the alerts JackpotContributionsBelowBaseline and JackpotWinsAboveBaseline have them."""


def section(material: Material) -> Section:
    answers = material.answers
    paid = _by_service(material, "contributions")
    usual = _usual(material)
    wins = _by_service(material, "wins")
    usual_wins = {service: count / 6 for service, count in _by_service(material, "wins_before").items()}
    violations = {key: count for key, count in answers.by("integrity", "service", "check").items() if count}
    grown = {
        service: difference(value, answers.by("pools_sum_before", "service").get((service,)))
        for (service,), value in answers.by("pools_sum", "service").items()
    }
    return Section(
        "pools",
        "Pools and wins",
        (
            *facts(material, "pools", "Pools"),
            *facts(material, "pools_sum", "In all pools", Unit.CENTS),
            *computed(material, "Change", grown, Unit.CENTS),
            *computed(material, "Paid in", dict(paid), Unit.CENTS),
            *computed(material, "Usual", {service: usual.get(service) for service in paid}, Unit.CENTS),
            *computed(material, "Paid in, of the usual", _shares(paid, usual), Unit.RATIO, _judge_paid),
            *computed(material, "Wins", dict(wins)),
            *computed(material, "Usual wins", {service: usual_wins.get(service) for service in wins}),
            *_integrity(material, violations),
        ),
        charts=(
            lines(
                material,
                "Paid in, by hour",
                Unit.CENTS,
                {"contributions_course": "now", "contributions_usual": "a week before"},
            ),
            lines(material, "In all pools", Unit.CENTS, {"pools_course": ""}),
        ),
        tables=(_largest(material), _won(material)),
        remarks=(
            "Usual contributions are the mean of the same span one and two weeks before; usual wins, of the six spans"
            " before this one. Pools that are new in this period, or gone, are not counted in what was paid in.",
            *unanswered(material, *QUESTIONS),
        ),
        findings=tuple(_findings(material, _shares(paid, usual), wins, usual_wins, violations)),
    )


def _by_service(material: Material, question: str) -> dict[str, float]:
    return {service: value for (service,), value in material.answers.by(question, "service").items()}


def _usual(material: Material) -> dict[str, float]:
    weeks = [_by_service(material, name) for name in ("contributions_week", "contributions_weeks")]
    return {
        service: fmean(week[service] for week in weeks if service in week)
        for service in {service for week in weeks for service in week}
    }


def _shares(paid: dict[str, float], usual: dict[str, float]) -> dict[str, float | None]:
    return {service: quotient(value, usual.get(service)) for service, value in paid.items()}


def _judge_paid(share: float) -> Status:
    return Status.GOOD if share >= _CONTRIBUTIONS_LOW else Status.LOOK


def _integrity(material: Material, violations: dict[tuple[str, ...], float]) -> list[Fact]:
    checked = {service for service, _ in material.answers.by("integrity", "service", "check")}
    counts = {service: sum(value for key, value in violations.items() if key[0] == service) for service in checked}
    return list(computed(material, "Violations of integrity at most", dict(counts), judge=_judge_integrity))


def _judge_integrity(count: float) -> Status:
    return Status.BAD if count else Status.GOOD


def _largest(material: Material) -> Table:
    answers = material.answers
    paid, wins = (answers.by(name, "service", "pool") for name in ("pool_contributions", "pool_wins"))
    pools = sorted(answers.by("pools_top", "service", "pool").items(), key=lambda one: -one[1])
    columns = [
        Column("Pool"),
        Column("Stands at", Unit.CENTS),
        Column("Paid in", Unit.CENTS),
        Column("Wins", Unit.COUNT),
    ]
    rows: list[tuple[Amount, ...]] = [(*key, amount, paid.get(key), wins.get(key)) for key, amount in pools]
    return table(material, "Largest pools", columns, rows)


def _won(material: Material) -> Table:
    amounts = material.answers.by("last_won", "service", "pool")
    last = sorted(material.answers.by("last_wins", "service", "pool").items(), key=lambda one: -one[1])
    columns = [Column("Pool"), Column("Last won", Unit.TIME), Column("Amount", Unit.CENTS)]
    rows: list[tuple[Amount, ...]] = [(*key, at, amounts.get(key)) for key, at in last]
    empty = "No pool was won." if amounts else "No data."
    return table(material, "Last wins", columns, rows, empty)


def _findings(
    material: Material,
    shares: dict[str, float | None],
    wins: dict[str, float],
    usual_wins: dict[str, float],
    violations: dict[tuple[str, ...], float],
) -> Iterator[Finding]:
    for (service, check), count in sorted(violations.items()):
        yield Finding(Status.BAD, f"{named(material, check, service)}: up to {count:.0f} pools violated it.")
    for service, share in sorted(shares.items()):
        if share is not None and share < _CONTRIBUTIONS_LOW:
            words = f"{named(material, 'Paid in', service)}: {say(share, Unit.RATIO)} of the usual."
            yield Finding(Status.LOOK, words)
    for service, count in sorted(wins.items()):
        usual = usual_wins.get(service)
        if usual is not None and count >= _WINS_MIN and count > _WINS_HIGH * usual:
            yield Finding(Status.LOOK, f"{named(material, 'Wins', service)}: {count:.0f}, usual are {usual:.1f}.")
