"""What a person sees of the demo's alerting: what fires, and whom it has told."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from ..errors import ToolError
from .notifications import Notification
from .stack import Demo

_SHOWN = 8
_COLOURS = {"critical": "bold red", "warning": "yellow"}


@dataclass(frozen=True, slots=True)
class Told:
    """One look at Alertmanager and at the sink; empty where they do not answer."""

    alerts: tuple[dict[str, Any], ...] = ()
    notifications: tuple[Notification, ...] = ()


def look_at_alerting(stack: Demo) -> Told:
    """The alerts that tell someone, and the latest notifications."""
    if stack.alertmanager is None:
        return Told()
    try:
        alerts = [alert for alert in stack.alertmanager.alerts() if alert["labels"]["severity"] != "none"]
        told = [one for one in stack.sink.received() if one.to not in ("log", "watchdog")]
    except (OSError, ToolError):
        return Told()
    return Told(tuple(alerts), tuple(told[-_SHOWN:]))


def alert_table(told: Told) -> Table:
    table = Table(title="Alerts", title_justify="left", expand=True)
    for heading in ("alert", "state", "severity", "what"):
        table.add_column(heading)
    for alert in told.alerts:
        labels = alert["labels"]
        name = f"{labels['alertname']} ({labels['incident']})" if "escalation_level" in labels else labels["alertname"]
        colour = _COLOURS.get(labels["severity"], "")
        table.add_row(Text(name, style=colour), _state(alert), labels["severity"], alert["annotations"]["summary"])
    if not told.alerts:
        table.add_row("none", "", "", "`jackpot-exporter demo fault service-down on` brings one")
    return table


def notification_table(told: Told) -> Table:
    table = Table(title="Notifications", title_justify="left", expand=True)
    for heading in ("at", "by", "to", "says"):
        table.add_column(heading)
    for one in reversed(told.notifications):
        table.add_row(time.strftime("%H:%M:%S", time.localtime(one.at)), one.service, Text(one.to), Text(one.title))
    return table


def _state(alert: dict[str, Any]) -> str:
    status = alert["status"]
    return "silenced" if status["silencedBy"] else "inhibited" if status["inhibitedBy"] else "told"
