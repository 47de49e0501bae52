"""What of a target asks for attention, in words, the worst first; from what is known here, also without Alertmanager.

`critical` is for what needs a human now, `warning` for what wants to be looked at. The rules decide who is called;
this only says at a glance what they will be about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from ..readings import Readings

Document = Mapping[str, Any]
Level = Literal["critical", "warning"]

_ESSENTIAL = ("database",)


class Concern(NamedTuple):
    """One sentence. `about` tells the part of the page that has more on it."""

    level: Level
    about: str
    text: str


def concerns(at: Readings, state: Document, below_zero: int) -> list[Concern]:
    """All there are."""
    found = [
        *_of_dependencies(state["dependencies"]),
        *_of_service(state["service"], state["dependencies"]),
        *_of_pools(at, below_zero),
        *_of_alerts(state["alerts"]),
        *_of_latencies(state["latencies"]),
        *_of_collectors(state["collectors"]),
    ]
    return sorted(found, key=lambda concern: concern.level != "critical")


def _of_service(service: Document, dependencies: Sequence[Document]) -> Iterator[Concern]:
    if service["up"] == 0:
        yield Concern("critical", "service", "The service does not answer.")
    elif service["status"] == "unhealthy" and all(one["up"] for one in dependencies):
        yield Concern("critical", "service", "The service says that it is unhealthy.")
    elif service["status"] == "degraded" and all(one["up"] for one in dependencies):
        yield Concern("warning", "service", "The service says that it is degraded.")


def _of_dependencies(dependencies: Sequence[Document]) -> Iterator[Concern]:
    for one in dependencies:
        if not one["up"]:
            why = f": {_words(one['why'])}" if one.get("why") not in (None, "ok", "empty") else ""
            level: Level = "critical" if one["name"] in _ESSENTIAL else "warning"
            yield Concern(level, "dependencies", f"The {_words(one['name'])} is down{why}.")


def _of_pools(at: Readings, below_zero: int) -> Iterator[Concern]:
    if below_zero:
        yield Concern("critical", "pools", f"{_number(below_zero, 'pool stands', 'pools stand')} below zero.")
    for check, count in at.by_label("integrity_violations", "check").items():
        if count > 0 and check != "negative_amount":
            places = _number(count, "violation", "violations")
            yield Concern("critical", "pools", f"Integrity, {_words(check)}: {places}.")
    if at.own("table_accessible") == 0:
        yield Concern("critical", "pools", "The table of pools cannot be read.")


def _of_alerts(alerts: Document) -> Iterator[Concern]:
    firing = [one for one in alerts["incidents"] or () if one["state"] == "firing"]
    critical = sum(one["severity"] == "critical" for one in firing)
    if critical:
        fires = _number(critical, "critical incident has", "critical incidents have")
        yield Concern("critical", "alerts", f"{fires} not been taken.")
    if len(firing) > critical:
        fires = _number(len(firing) - critical, "alert fires", "alerts fire")
        yield Concern("warning", "alerts", f"{fires} below critical.")
    if alerts["isNamed"] and alerts["incidents"] is None:
        yield Concern("warning", "alerts", "Alertmanager does not answer.")


def _of_latencies(latencies: Sequence[Document]) -> Iterator[Concern]:
    for one in latencies:
        if one["limit"] is not None and one["p95"] is not None and one["p95"] > one["limit"]:
            is_now, is_promised = _duration(one["p95"]), _duration(one["limit"])
            text = f"p95 of {_words(one['operation'])} is {is_now}; {is_promised} is promised."
            yield Concern("warning", "latency", text)


def _of_collectors(collectors: Sequence[Document]) -> Iterator[Concern]:
    """One sentence for all that fail alike: a dead database has many collectors."""
    failing: dict[str, list[str]] = {}
    for one in collectors:
        if one["isGood"] is False:
            failing.setdefault(one["outcome"], []).append(one["name"])
    for outcome, names in failing.items():
        who = f"Collector {_words(names[0])} fails" if len(names) == 1 else f"{len(names)} collectors fail"
        yield Concern("warning", "collectors", f"{who}: {_words(outcome)}.")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _duration(seconds: float) -> str:
    return f"{seconds:.2f}\N{NO-BREAK SPACE}s" if seconds >= 1 else f"{seconds * 1000:.0f}\N{NO-BREAK SPACE}ms"


def _number(count: float, one: str, many: str) -> str:
    return f"{count:,.0f} {one if count == 1 else many}"
