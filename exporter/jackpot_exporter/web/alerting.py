"""Alerts, their history and rules, and trends, in the guide's shapes: asked of Alertmanager and Prometheus themselves.

What has no address in the settings, or does not answer in time, is null: these documents inform, they never fail.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from ..alerts.history import Episode, read_history
from ..alerts.incidents import Alert, Incident, group
from ..alerts.servers import Alertmanager, Prometheus
from ..clients.http import HttpClient
from ..clients.http_options import HttpOptions
from ..errors import SourceError
from .readings import iso

T = TypeVar("T")
Document = dict[str, Any]

_WITHIN_SECONDS = 3.0
_DAY_SECONDS = 86_400
_HOUR_SECONDS = 3_600
_SEVERITIES = ("critical", "warning", "info")

_TRENDS = {
    "responseTime": "1000 * sum(rate({ns}_operation_duration_seconds_sum[1h]))"
    " / sum(rate({ns}_operation_duration_seconds_count[1h]))",
    "throughput": "sum(rate({ns}_operations_total[1h]))",
    "errorRate": 'sum(rate({ns}_operations_total{{outcome!="success"}}[1h])) / sum(rate({ns}_operations_total[1h]))',
    "jackpotAmount": "sum({ns}_pool_amount_cents)",
}


class Watchers:
    """Alertmanager and Prometheus as the settings name them."""

    def __init__(self, alertmanager_url: str | None, prometheus_url: str | None) -> None:
        self._client = HttpClient()
        options = HttpOptions()
        self._alertmanager = Alertmanager(self._client, alertmanager_url, options) if alertmanager_url else None
        self._prometheus = Prometheus(self._client, prometheus_url, options) if prometheus_url else None

    async def close(self) -> None:
        await self._client.close()

    async def alerts(self, limit: int) -> Document:
        """GET /alerts: what fires, what fired in the last day, the rules."""
        active, history, rules = await asyncio.gather(self.active(), self.history(limit), self._rules())
        return {"active": active, "history": history, "rules": rules, "summary": _summary(active)}

    async def active(self) -> list[Document] | None:
        server = self._alertmanager
        found = await _quietly(server.alerts) if server else None
        if found is None:
            return None
        return [_active(alert) for alert in found if alert.labels.get("severity") in _SEVERITIES]

    async def incidents(self) -> list[Document] | None:
        """What fires as the live page shows it: grouped, with level and acknowledgement, the most urgent first."""
        server = self._alertmanager
        if server is None:
            return None
        found, silences = await asyncio.gather(_quietly(server.alerts), _quietly(server.silences))
        if found is None or silences is None:
            return None
        serious = [alert for alert in found if alert.labels.get("severity") in _SEVERITIES]
        return [_incident(one) for one in group(serious, silences)]

    async def history(self, limit: int) -> list[Document] | None:
        server = self._prometheus
        if server is None:
            return None
        found = await _quietly(lambda: read_history(server, _DAY_SECONDS, datetime.now(UTC)))
        return None if found is None else [_past(episode) for episode in found[:limit]]

    async def trends(self, namespace: str) -> list[Document] | None:
        """A point an hour over the last day."""
        server = self._prometheus
        if server is None:
            return None
        end = time.time() // _HOUR_SECONDS * _HOUR_SECONDS
        start = end - 23 * _HOUR_SECONDS
        queries = {name: query.format(ns=namespace) for name, query in _TRENDS.items()}
        asked = [_quietly(partial(server.query_range, query, start, end, _HOUR_SECONDS)) for query in queries.values()]
        answers = dict(zip(queries, await asyncio.gather(*asked), strict=True))
        if all(answer is None for answer in answers.values()):
            return None
        hours = [start + number * _HOUR_SECONDS for number in range(24)]
        return [{"timestamp": int(at * 1000), **{n: _at(answer, at) for n, answer in answers.items()}} for at in hours]

    async def _rules(self) -> list[Document] | None:
        server = self._prometheus
        found = await _quietly(server.alerting_rules) if server else None
        return None if found is None else [_rule(rule) for rule in found]


async def _quietly(question: Callable[[], Awaitable[T]]) -> T | None:
    """The answer, or None when there is none in time."""
    try:
        async with asyncio.timeout(_WITHIN_SECONDS):
            return await question()
    except (SourceError, TimeoutError):
        return None


def _active(alert: Alert) -> Document:
    return {
        "id": "/".join(filter(None, (alert.name, alert.labels.get("service"), alert.labels.get("instance")))),
        "ruleId": alert.name,
        "name": alert.annotations.get("summary", alert.name),
        "message": alert.annotations.get("description", ""),
        "severity": alert.labels["severity"],
        "timestamp": iso(alert.starts_at.timestamp()),
        "resolved": False,
        "resolvedAt": None,
        "metadata": {**alert.labels, "silenced": bool(alert.silenced_by), "inhibited": alert.is_inhibited},
    }


def _incident(incident: Incident) -> Document:
    taken, worst = incident.acknowledgement, incident.alerts[0]
    return {
        "name": incident.name,
        "service": incident.service,
        "severity": incident.severity,
        "priority": incident.priority,
        "state": incident.state.value,
        "level": incident.level,
        "since": incident.since.timestamp(),
        "summary": incident.summary,
        "description": worst.annotations.get("description", ""),
        "runbook": worst.annotations.get("runbook_url", ""),
        "alerts": len(incident.alerts),
        "taken": taken and {"by": taken.author, "comment": taken.comment, "until": taken.ends_at.timestamp()},
    }


def _past(episode: Episode) -> Document:
    return {
        "id": f"{episode.alert}/{episode.service}/{episode.started_at.timestamp():.0f}",
        "ruleId": episode.alert,
        "name": episode.alert,
        "message": "",
        "severity": episode.severity,
        "timestamp": iso(episode.started_at.timestamp()),
        "resolved": episode.ended_at is not None,
        "resolvedAt": iso(episode.ended_at.timestamp()) if episode.ended_at else None,
        "metadata": {"incident": episode.incident, "service": episode.service, "priority": episode.priority},
    }


def _rule(rule: Mapping[str, Any]) -> Document:
    """A condition of the guide is one metric against one number; ours is an expression, so those two are null."""
    labels, annotations = rule["labels"], rule["annotations"]
    channels = [name for name in labels.get("channels", "").split("/") if name]
    return {
        "id": rule["name"],
        "name": rule["name"],
        "description": annotations.get("summary", ""),
        "condition": {"metric": rule["query"], "operator": None, "threshold": None, "duration": rule["duration"]},
        "severity": labels.get("severity"),
        "enabled": True,
        "cooldown": rule.get("keepFiringFor", 0),
        "channels": [{"type": name, "config": {}} for name in channels],
    }


def _summary(active: Iterable[Mapping[str, Any]] | None) -> Document:
    if active is None:
        return dict.fromkeys(("totalActive", *_SEVERITIES))
    severities = [alert["severity"] for alert in active]
    return {"totalActive": len(severities), **{severity: severities.count(severity) for severity in _SEVERITIES}}


def _at(series: list[dict[str, Any]] | None, at: float) -> float | None:
    for one in series or ():
        for when, value in one["values"]:
            if when == at and value != "NaN":
                return float(value)
    return None
