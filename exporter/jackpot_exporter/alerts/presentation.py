"""Incidents and episodes as a table for people and as JSON for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import click

from .history import Episode
from .incidents import Incident, Silence, State

_COLOURS = {"critical": "red", "warning": "yellow", "info": "blue"}
_INCIDENT_HEADINGS = ("INCIDENT", "SERVICE", "SEVERITY", "STATE", "LEVEL", "AGE", "WHAT")
_EPISODE_HEADINGS = ("ALERT", "SERVICE", "SEVERITY", "STARTED", "LASTED")


def incident_table(incidents: Sequence[Incident], now: datetime) -> str:
    """One line an incident, and one below it that says who has taken it."""
    if not incidents:
        return "Nothing fires."
    rows = [_incident_row(one, now) for one in incidents]
    lines = _table(_INCIDENT_HEADINGS, rows)
    told = [lines[0]]
    for incident, line in zip(incidents, lines[1:], strict=True):
        told.append(_coloured(line, incident))
        if incident.acknowledgement:
            told.append(f"    {_taken(incident.acknowledgement)}")
    return "\n".join(told)


def incident_json(incidents: Iterable[Incident], now: datetime) -> str:
    return json.dumps([incident_document(one, now) for one in incidents], indent=2)


def incident_document(incident: Incident, now: datetime) -> dict[str, Any]:
    """An incident as JSON has it."""
    taken = incident.acknowledgement
    return {
        "incident": incident.name,
        "service": incident.service,
        "pack": incident.pack,
        "severity": incident.severity,
        "priority": incident.priority,
        "state": incident.state.value,
        "level": incident.level,
        "since": incident.since.isoformat(),
        "ageSeconds": round((now - incident.since).total_seconds(), 3),
        "summary": incident.summary,
        "acknowledgement": taken
        and {"by": taken.author, "comment": taken.comment, "until": taken.ends_at.isoformat(), "silence": taken.id},
        "alerts": [
            {
                "alert": alert.name,
                "labels": dict(alert.labels),
                "annotations": dict(alert.annotations),
                "since": alert.starts_at.isoformat(),
                "receivers": list(alert.receivers),
            }
            for alert in incident.alerts
        ],
    }


def history_table(episodes: Sequence[Episode], now: datetime) -> str:
    if not episodes:
        return "Nothing fired."
    rows = [
        (
            one.alert,
            one.service,
            one.severity,
            one.started_at.strftime("%Y-%m-%d %H:%M:%S"),
            age((one.ended_at or now) - one.started_at) + ("" if one.ended_at else ", still firing"),
        )
        for one in episodes
    ]
    return "\n".join(_table(_EPISODE_HEADINGS, rows))


def history_json(episodes: Iterable[Episode]) -> str:
    return json.dumps(
        [
            {
                "alert": one.alert,
                "incident": one.incident,
                "service": one.service,
                "severity": one.severity,
                "priority": one.priority,
                "startedAt": one.started_at.isoformat(),
                "endedAt": one.ended_at.isoformat() if one.ended_at else None,
            }
            for one in episodes
        ],
        indent=2,
    )


def age(span: Any) -> str:
    """Two units: 3d 4h, 5m 6s."""
    seconds = max(0, int(span.total_seconds()))
    amounts = ((seconds // 86400, "d"), (seconds // 3600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s"))
    first = next((index for index, (amount, _) in enumerate(amounts) if amount), 3)
    return " ".join(f"{amount}{unit}" for amount, unit in amounts[first : first + 2])


def _incident_row(one: Incident, now: datetime) -> tuple[str, ...]:
    severity = f"{one.severity} {one.priority}".strip()
    return one.name, one.service, severity, one.state.value, str(one.level), age(now - one.since), one.summary


def _taken(silence: Silence) -> str:
    return f"taken by {silence.author} until {silence.ends_at:%Y-%m-%d %H:%M} UTC: {silence.comment}"


def _coloured(line: str, incident: Incident) -> str:
    if incident.state is not State.FIRING:
        return click.style(line, dim=True)
    return click.style(line, fg=_COLOURS.get(incident.severity))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in (headings, *rows)) for column in range(len(headings))]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (headings, *rows)
    ]
