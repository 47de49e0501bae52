"""POST /alertlog: what Alertmanager sends to its log of all alerts becomes entries of the exporter's own log.

One entry for each alert that begins or ends. Nothing is kept, and nothing of it shows in the metrics.
"""

from __future__ import annotations

import json
import logging

from aiohttp import web
from pydantic import BaseModel, ValidationError

from ..logs import fields

log = logging.getLogger(__name__)

_MAX_ALERTS = 1_000


class _Alert(BaseModel):
    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: str  # noqa: N815 - Alertmanager's word
    endsAt: str = ""  # noqa: N815 - Alertmanager's word


class _Message(BaseModel):
    alerts: list[_Alert]


async def take_alerts(request: web.Request) -> web.Response:
    """204 when all are logged, 400 for what is no message of Alertmanager, 413 for too many alerts at once."""
    try:
        message = _Message.model_validate(json.loads(await request.read()))
    except (ValueError, ValidationError):
        return web.Response(status=400, text="this is no webhook message of Alertmanager\n")
    if len(message.alerts) > _MAX_ALERTS:
        return web.Response(status=413, text=f"more than {_MAX_ALERTS} alerts at once; set max_alerts\n")
    for alert in message.alerts:
        log.info("alert", extra=_fields(alert))
    return web.Response(status=204)


def _fields(alert: _Alert) -> dict[str, object]:
    labels = alert.labels
    known = ("alertname", "service", "severity", "priority", "incident", "escalation_level")
    ended = {"ended": alert.endsAt} if alert.status == "resolved" else {}
    return fields(
        status=alert.status,
        **{name: labels[name] for name in known if labels.get(name)},
        started=alert.startsAt,
        **ended,
        summary=alert.annotations.get("summary", ""),
    )
