"""Alerts grouped to incidents, with level, acknowledgement and age; pure, from what Alertmanager answers.

An incident is what one silence acknowledges: all alerts with the same `incident` of one service, be they warning,
critical or escalation. An acknowledgement is a silence that has a matcher on `incident`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

_SEVERITIES = ("critical", "warning", "info", "none")


class State(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    SILENCED = "silenced"
    INHIBITED = "inhibited"


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence of Alertmanager."""

    id: str
    matchers: Mapping[str, str]
    """Those that ask for equality."""
    author: str
    comment: str
    starts_at: datetime
    ends_at: datetime
    is_active: bool

    @property
    def is_acknowledgement(self) -> bool:
        return "incident" in self.matchers


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert as Alertmanager holds it."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_at: datetime
    receivers: tuple[str, ...]
    silenced_by: tuple[str, ...]
    is_inhibited: bool

    @property
    def incident(self) -> str:
        return self.labels.get("incident", self.name)

    @property
    def level(self) -> int:
        """1, or the level of an escalation."""
        text = self.labels.get("escalation_level", "")
        return int(text) if text.isdigit() else 1


@dataclass(frozen=True, slots=True)
class Incident:
    """Alerts that belong together, worst first."""

    name: str
    service: str
    pack: str
    severity: str
    priority: str
    state: State
    level: int
    since: datetime
    summary: str
    alerts: tuple[Alert, ...]
    acknowledgement: Silence | None = None


def read_alert(entry: Mapping[str, Any]) -> Alert:
    """From an entry of `/api/v2/alerts`."""
    status = entry["status"]
    return Alert(
        name=entry["labels"]["alertname"],
        labels=entry["labels"],
        annotations=entry["annotations"],
        starts_at=datetime.fromisoformat(entry["startsAt"]),
        receivers=tuple(receiver["name"] for receiver in entry["receivers"]),
        silenced_by=tuple(status["silencedBy"]),
        is_inhibited=bool(status["inhibitedBy"]),
    )


def read_silence(entry: Mapping[str, Any]) -> Silence:
    """From an entry of `/api/v2/silences`."""
    equal = [one for one in entry["matchers"] if not one["isRegex"] and one.get("isEqual", True)]
    return Silence(
        id=entry["id"],
        matchers={one["name"]: one["value"] for one in equal},
        author=entry["createdBy"],
        comment=entry["comment"],
        starts_at=datetime.fromisoformat(entry["startsAt"]),
        ends_at=datetime.fromisoformat(entry["endsAt"]),
        is_active=entry["status"]["state"] == "active",
    )


def group(alerts: Iterable[Alert], silences: Iterable[Silence]) -> list[Incident]:
    """Incidents, the most urgent first."""
    by_id = {silence.id: silence for silence in silences}
    groups: dict[tuple[str, str, str], list[Alert]] = {}
    for alert in alerts:
        key = (alert.labels.get("pack", ""), alert.labels.get("service", ""), alert.incident)
        groups.setdefault(key, []).append(alert)
    found = [_incident(members, by_id) for members in groups.values()]
    return sorted(found, key=lambda one: (_rank(one.severity), one.priority, one.since))


def _incident(members: Sequence[Alert], silences: Mapping[str, Silence]) -> Incident:
    # An escalation is critical too, but its summary says nothing of what is wrong.
    ordered = sorted(members, key=lambda one: (one.level > 1, "escalation_level" in one.labels, _rank(_severity(one))))
    worst = ordered[0]
    held = [silences[id_] for alert in ordered for id_ in alert.silenced_by if id_ in silences]
    taken = next((silence for silence in held if silence.is_acknowledgement), None)
    return Incident(
        name=worst.incident,
        service=worst.labels.get("service", ""),
        pack=worst.labels.get("pack", ""),
        severity=_severity(worst),
        priority=worst.labels.get("priority", ""),
        state=_state(ordered, taken),
        level=max(alert.level for alert in ordered),
        since=min(alert.starts_at for alert in ordered),
        summary=worst.annotations.get("summary", ""),
        alerts=tuple(ordered),
        acknowledgement=taken,
    )


def _state(alerts: Sequence[Alert], taken: Silence | None) -> State:
    if any(not alert.silenced_by and not alert.is_inhibited for alert in alerts):
        return State.FIRING
    if taken:
        return State.ACKNOWLEDGED
    return State.SILENCED if any(alert.silenced_by for alert in alerts) else State.INHIBITED


def _severity(alert: Alert) -> str:
    return alert.labels.get("severity", "none")


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
