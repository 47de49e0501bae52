"""What fired, who took it and how soon, and how long it lasted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from ..incidents import Handled, answered_late, mean_seconds
from ..model import Amount, Bar, Chart, Column, Fact, Finding, Section, Shape, Status, Table, Unit
from ..wording import say_seconds
from ._parts import Material, named, table

QUESTIONS = ()
_ROWS_MAX = 20
_BARS_MAX = 12
_STATUS = {"critical": Status.BAD, "warning": Status.LOOK}


def section(material: Material) -> Section:
    incidents = material.incidents
    remarks = list(_remarks(material))
    if incidents is None:
        return Section("alerts", "Alerts", (Fact("Incidents", None),), remarks=tuple(remarks))
    now = datetime.fromtimestamp(material.answers.period.end, UTC)
    open_ = [one for one in incidents if one.ended_at is None]
    late = answered_late(incidents, material.promises.response_seconds or {}, now)
    known = any(one.is_taking_known for one in incidents)
    taken = sum(one.taken_at is not None for one in incidents)
    facts = (
        Fact("Incidents", float(len(incidents))),
        Fact("Still firing at the end", float(len(open_)), status=_judge_open(open_)),
        Fact("Mean time until taken", _mean_taken(incidents), Unit.SECONDS),
        Fact("Taken by someone", float(taken) if known or not incidents else None),
        Fact("Mean time until over", _mean_over(incidents), Unit.SECONDS),
        Fact(
            "Answered later than promised",
            float(len(late)) if known or not incidents else None,
            status=Status.LOOK if late else Status.NONE,
        ),
    )
    return Section(
        "alerts",
        "Alerts",
        facts,
        charts=(_chart(material, incidents, now),),
        tables=(*_held(material), _table(material, incidents), _counts(material, incidents)),
        remarks=tuple(remarks),
        findings=tuple(_findings(material, open_, now)),
    )


def _judge_open(open_: list[Handled]) -> Status:
    if any(one.severity == "critical" for one in open_):
        return Status.BAD
    return Status.LOOK if any(one.severity == "warning" for one in open_) else Status.GOOD


def _chart(material: Material, incidents: tuple[Handled, ...], now: datetime) -> Chart:
    """One row an incident, the names that fired last."""
    period = material.answers.period
    names = list(dict.fromkeys(named(material, one.name, one.service) for one in incidents))[:_BARS_MAX]
    bars = tuple(
        Bar(
            name,
            max(period.start, one.started_at.timestamp()),
            (one.ended_at or now).timestamp(),
            _STATUS.get(one.severity, Status.NONE),
        )
        for one in reversed(incidents)
        if (name := named(material, one.name, one.service)) in names
    )
    words = f"{len(incidents)} incidents; each is in the table below." if incidents else "Nothing fired."
    return Chart("When it fired", Shape.SPANS, Unit.TIME, words, period.start, period.end, bars=bars)


def _table(material: Material, incidents: tuple[Handled, ...]) -> Table:
    columns = [
        Column("Incident"),
        Column("Severity"),
        Column("Began", Unit.TIME),
        Column("Taken after", Unit.SECONDS),
        Column("By"),
        Column("Over after", Unit.SECONDS),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            one.service,
            one.name,
            f"{one.severity} {one.priority}".strip(),
            one.started_at.timestamp(),
            one.seconds_to_take if one.taken_at else "not taken" if one.is_taking_known else None,
            one.taken_by,
            "still firing" if one.ended_at is None else one.seconds_to_end,
        )
        for one in incidents[:_ROWS_MAX]
    ]
    remark = f"The latest {_ROWS_MAX} of {len(incidents)}." if len(incidents) > _ROWS_MAX else ""
    return table(material, "Incidents, the latest first", columns, rows, "Nothing fired.", remark)


def _counts(material: Material, incidents: tuple[Handled, ...]) -> Table:
    """What fires again and again."""
    groups: dict[tuple[str, str], list[Handled]] = {}
    for one in incidents:
        groups.setdefault((one.service, one.name), []).append(one)
    columns = [
        Column("Incident"),
        Column("Times", Unit.COUNT),
        Column("Mean until taken", Unit.SECONDS),
        Column("Mean until over", Unit.SECONDS),
    ]
    rows: list[tuple[Amount, ...]] = [
        (
            *key,
            float(len(members)),
            _mean_taken(members),
            _mean_over(members),
        )
        for key, members in sorted(groups.items(), key=lambda one: -len(one[1]))[:10]
    ]
    return table(material, "How often", columns, rows, "Nothing fired.")


def _mean_taken(incidents: Sequence[Handled]) -> Amount:
    if any(one.is_taking_known for one in incidents) and all(one.taken_at is None for one in incidents):
        return "not taken"
    return mean_seconds(one.seconds_to_take for one in incidents) if incidents else "nothing fired"


def _mean_over(incidents: Sequence[Handled]) -> Amount:
    if not incidents:
        return "nothing fired"
    mean = mean_seconds(one.seconds_to_end for one in incidents)
    return "still firing" if mean is None else mean


def _held(material: Material) -> list[Table]:
    """What Alertmanager holds at this moment."""
    if not material.firing:
        return []
    columns = [Column("Incident"), Column("Severity"), Column("State"), Column("Taken by"), Column("Since", Unit.TIME)]
    rows: list[tuple[Amount, ...]] = [
        (
            one.service,
            one.name,
            f"{one.severity} {one.priority}".strip(),
            one.state.value,
            one.acknowledgement.author if one.acknowledgement else "",
            one.since.timestamp(),
        )
        for one in material.firing
    ]
    return [table(material, "At Alertmanager now", columns, rows)]


def _remarks(material: Material) -> Iterator[str]:
    if material.incidents is None:
        yield f"No history of alerts: {material.answers.failures.get('alerts', 'Prometheus did not answer')}"
    if "silences" in material.answers.failures:
        yield f"Who took what is not known: {material.answers.failures['silences']}"
    elif material.incidents and any(not one.is_taking_known for one in material.incidents):
        yield "Alertmanager forgets a silence five days after its end, so who took older incidents is not known."


def _findings(material: Material, open_: list[Handled], now: datetime) -> Iterator[Finding]:
    for one in open_:
        if one.severity in _STATUS:
            held = f"has been firing for {say_seconds((now - one.started_at).total_seconds())}"
            who = f", taken by {one.taken_by}" if one.taken_at else ""
            yield Finding(_STATUS[one.severity], f"{named(material, one.name, one.service)} {held}{who}.")
