"""An entry of alerts.yaml made into the alert it stands for: values filled in, labels and links derived.

Labels are a contract with routing, inhibition and escalation, so they are made here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from .durations import Duration
from .model import Alert, AlertRule, Case, Firing, Notify, Priority, Severity
from .schema import AlertEntry, CaseEntry, PackFile, ValuesFile
from .source import Problems, Source
from .substitution import Scalar, evaluate, substitute

T = TypeVar("T")

_VARIANTS = ("High", "Critical", "Low", "P1", "Exhausted")
"""Endings that tell apart alerts of one incident."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an alert takes from its pack and from the site."""

    pack: PackFile
    site: ValuesFile

    def annotations(self, name: str, priority: Priority, summary: str, description: str) -> dict[str, str]:
        links = {"runbook_url": self._runbook_url(name), "dashboard_url": self._dashboard_url()}
        response = self.pack.response_times.get(priority)
        return {
            "summary": summary.strip(),
            "description": description.strip(),
            **({"response_time": str(response)} if response else {}),
            **{link: url for link, url in links.items() if url},
        }

    def _runbook_url(self, name: str) -> str:
        return f"{self.site.runbook_url}#{name.lower()}" if self.site.runbook_url else ""

    def _dashboard_url(self) -> str:
        return f"{self.site.dashboard_url.rstrip('/')}/d/{self.pack.dashboard_uid}" if self.site.dashboard_url else ""


def incident_of(name: str) -> str:
    """What a warning and its critical twin share, so that one silence acknowledges both."""
    for variant in _VARIANTS:
        if name.endswith(variant) and name != variant:
            return name.removesuffix(variant)
    return name


def channel_list(channels: Iterable[str]) -> str:
    """Slash-delimited, sorted: a comma in a value trips Alertmanager's matcher parser."""
    return f"/{'/'.join(sorted(channels))}/" if channels else "/"


def standard_labels(
    pack: str,
    incident: str,
    severity: Severity,
    priority: Priority,
    notify: Notify,
    channels: Iterable[str],
    escalate: str,
    kind: str,
    keep: Duration,
) -> dict[str, str]:
    """The labels on every alert; `cooldown` only where there is one."""
    labels = {
        "pack": pack,
        "incident": incident,
        "severity": severity.value,
        "priority": priority.value,
        "notify": notify.value,
        "channels": channel_list(channels),
        "escalate": escalate,
        "kind": kind,
    }
    return labels | ({"cooldown": str(keep)} if keep else {})


def build_alert(entry: AlertEntry, source: Source, around: Surroundings, problems: Problems) -> Alert:
    """The alert of one entry; what cannot be filled in is a problem and stays as it is written."""
    fill = Filler(entry.values, source, problems)
    rule = AlertRule(
        expr=fill.text(entry.expr, "expr").strip(),
        hold=entry.for_,
        keep=entry.keep_firing_for,
        labels=_labels(entry, around.pack.name),
        annotations=around.annotations(
            entry.alert,
            entry.priority,
            fill.text(entry.summary, "summary"),
            fill.text(entry.description, "description"),
        ),
    )
    return Alert(
        name=entry.alert,
        group=entry.group or around.pack.name,
        rules=(rule,),
        values=entry.values,
        runbook=fill.text(entry.runbook, "runbook").strip(),
        cases=build_cases(entry.cases, fill),
    )


def _labels(entry: AlertEntry, pack: str) -> dict[str, str]:
    labels = standard_labels(
        pack,
        entry.incident or incident_of(entry.alert),
        entry.severity,
        entry.priority,
        entry.notify,
        entry.channels,
        entry.escalate.value,
        entry.kind.value,
        entry.keep_firing_for,
    )
    if entry.during_maintenance:
        labels["during_maintenance"] = entry.during_maintenance
    return {name: value for name, value in labels.items() if name not in entry.inherit} | entry.labels


class Filler:
    """Fills `${…}` of one entry and reports what cannot be filled, once, at its place."""

    def __init__(self, values: Mapping[str, Scalar], source: Source, problems: Problems) -> None:
        self._values = values
        self._source = source
        self._problems = problems

    def text(self, text: str, *steps: str | int, also: Mapping[str, Scalar] | None = None) -> str:
        return self._try(lambda: substitute(text, {**self._values, **(also or {})}), text, steps)

    def number(self, value: float | str | None, *steps: str | int) -> float | None:
        if not isinstance(value, str):
            return value
        unknown: float | None = None
        return self._try(lambda: _number(value, self._values), unknown, steps)

    def _try(self, fill: Callable[[], T], otherwise: T, steps: tuple[str | int, ...]) -> T:
        try:
            return fill()
        except ValueError as error:
            self._problems.add(self._source.problem(str(error), *steps))
            return otherwise


def _number(text: str, values: Mapping[str, Scalar]) -> float:
    inner = text.strip()
    if inner.startswith("${") and inner.endswith("}"):
        inner = inner[2:-1]
    value = evaluate(inner.strip(), values)
    if isinstance(value, str):
        raise ValueError(f'"{text}" is not a number')
    return value


def build_cases(entries: list[CaseEntry], fill: Filler) -> tuple[Case, ...]:
    return tuple(_build_case(entry, index, fill) for index, entry in enumerate(entries))


def _build_case(entry: CaseEntry, index: int, fill: Filler) -> Case:
    here = ("cases", index)
    series = {
        fill.text(name, *here, "series", name): fill.text(values, *here, "series", name)
        for name, values in entry.series.items()
    }
    firing = tuple(
        Firing(
            {label: fill.text(text, *here, "firing", at, "labels", label) for label, text in one.labels.items()},
            fill.number(one.value, *here, "firing", at, "value"),
        )
        for at, one in enumerate(entry.firing)
    )
    return Case(fill.text(entry.name, *here, "name"), series, entry.every, entry.at, firing)
