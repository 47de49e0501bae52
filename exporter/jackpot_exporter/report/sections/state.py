"""Is the service there, is what it depends on there, and do we see both?"""

from __future__ import annotations

from statistics import fmean

from ..model import Amount, Column, Fact, Finding, Section, Status, Table, Unit
from ..wording import say, say_date
from ._parts import Material, computed, facts, named, table, unanswered

QUESTIONS = (
    "up",
    "up_share",
    "health",
    "version",
    "restarts",
    "dependency",
    "dependency_share",
    "dependency_mean",
    "dependency_most",
    "collectors",
    "collector_share",
    "probe_share",
    "probe_mean",
    "probe_expiry",
)
_ENOUGH = 0.999
_EXPIRY_LOOK_SECONDS = 14 * 86400.0
_STATUS = {"healthy": Status.GOOD, "degraded": Status.LOOK, "unhealthy": Status.BAD}


def section(material: Material) -> Section:
    now = _now(material)
    share = facts(material, "up_share", "Reachable", Unit.RATIO, _judge_share)
    away = computed(material, "Not reachable for", _away(material), Unit.SECONDS)
    collectors, troubled = _collectors(material)
    return Section(
        "state",
        "Service",
        (*now, *share, *away, *_versions(material), *facts(material, "restarts", "Restarts"), *collectors),
        tables=tuple(one for one in (_dependencies(material), *troubled, *_probes(material)) if one),
        remarks=unanswered(material, *QUESTIONS),
        findings=(*_findings(material, now, share), *_dependency_findings(material)),
    )


def _now(material: Material) -> list[Fact]:
    """As it was at the end of the period."""
    words = {key[0]: key[1] for key in material.answers.by("health", "service", "status")}
    found = []
    for (service,), up in sorted(material.answers.by("up", "service").items()):
        word = words.get(service, "up") if up else "does not answer"
        status = _STATUS.get(word, Status.GOOD) if up else Status.BAD
        found.append(Fact(named(material, "At the end", service), word, Unit.TEXT, status))
    return found or [Fact("At the end", None, Unit.TEXT)]


def _away(material: Material) -> dict[str, float | None]:
    """The share of unsuccessful visits, over the time for which there are any."""
    period = material.answers.period
    watched = {
        course.labels.get("service", ""): fmean(value is not None for at, value in course.points if at >= period.start)
        for course in material.answers.course("known")
    }
    return {
        service: (1 - share) * period.seconds * watched.get(service, 1.0)
        for (service,), share in material.answers.by("up_share", "service").items()
    }


def _judge_share(share: float) -> Status:
    return Status.GOOD if share >= _ENOUGH else Status.LOOK


def _versions(material: Material) -> list[Fact]:
    found = sorted(material.answers.by("version", "service", "version"))
    return [Fact(named(material, "Version", service), version, Unit.TEXT) for service, version in found]


def _collectors(material: Material) -> tuple[list[Fact], list[Table]]:
    shares = material.answers.by("collector_share", "service", "collector")
    if not shares:
        return [Fact("Collectors of the exporter", None)], []
    failed = {key: share for key, share in shares.items() if share < 1}
    status = Status.LOOK if failed else Status.GOOD
    text = f"{len(shares) - len(failed)} of {len(shares)}"
    fact = Fact("Collectors without failure", text, Unit.TEXT, status)
    if not failed:
        return [fact], []
    columns = [Column("Collector"), Column("Worked", Unit.RATIO)]
    rows: list[tuple[Amount, ...]] = [(*key, share) for key, share in sorted(failed.items(), key=lambda one: one[1])]
    return [fact], [table(material, "Collectors that failed", columns, rows)]


def _dependencies(material: Material) -> Table:
    answers = material.answers
    now, mean, most = (
        answers.by(name, "service", "dependency") for name in ("dependency", "dependency_mean", "dependency_most")
    )
    columns = [
        Column("Dependency"),
        Column("At the end"),
        Column("Reachable", Unit.RATIO),
        Column("Mean answer", Unit.SECONDS),
        Column("Slowest answer", Unit.SECONDS),
    ]
    rows: list[tuple[Amount, ...]] = [
        (*key, _word(now.get(key)), share, mean.get(key), most.get(key))
        for key, share in sorted(answers.by("dependency_share", "service", "dependency").items())
    ]
    return table(material, "What it depends on", columns, rows)


def _probes(material: Material) -> list[Table]:
    answers = material.answers
    shares = answers.by("probe_share", "service", "probe")
    mean, expiry = (answers.by(name, "service", "probe") for name in ("probe_mean", "probe_expiry"))
    columns = [
        Column("Probe"),
        Column("Succeeded", Unit.RATIO),
        Column("Mean time", Unit.SECONDS),
        Column("Certificate ends", Unit.TIME),
    ]
    rows: list[tuple[Amount, ...]] = [
        (*key, share, mean.get(key), expiry.get(key, "")) for key, share in sorted(shares.items())
    ]
    return [table(material, "From outside", columns, rows)] if rows else []


def _word(up: float | None) -> str | None:
    return None if up is None else "up" if up else "down"


def _findings(material: Material, now: list[Fact], share: list[Fact]) -> list[Finding]:
    found = [
        Finding(fact.status, f"{fact.name}: the service {_says(fact)}.") for fact in now if fact.status is Status.BAD
    ]
    found += [
        Finding(fact.status, f"{_subject(fact)} was reachable {say(fact.amount, fact.unit)} of the time.")
        for fact in share
        if fact.status is Status.LOOK
    ]
    end = material.answers.period.end
    found += [
        Finding(Status.LOOK, f"The certificate seen by the probe {probe} ends on {say_date(at)}.")
        for (_, probe), at in sorted(material.answers.by("probe_expiry", "service", "probe").items())
        if at - end < _EXPIRY_LOOK_SECONDS
    ]
    return found


def _says(fact: Fact) -> str:
    return "does not answer" if fact.amount == "does not answer" else f"says that it is {fact.amount}"


def _dependency_findings(material: Material) -> list[Finding]:
    shares = material.answers.by("dependency_share", "service", "dependency")
    now = material.answers.by("dependency", "service", "dependency")
    found = []
    for key, share in sorted(shares.items()):
        if now.get(key) == 0:
            found.append(Finding(Status.BAD, f"{named(material, key[1], key[0])} is down."))
        elif share < _ENOUGH:
            words = f"{named(material, key[1], key[0])} was reachable {say(share, Unit.RATIO)} of the time."
            found.append(Finding(Status.LOOK, words))
    return found


def _subject(fact: Fact) -> str:
    """`Reachable: demo` is about demo."""
    return fact.name.partition(": ")[2] or "The service"
