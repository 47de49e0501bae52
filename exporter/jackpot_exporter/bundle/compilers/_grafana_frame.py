"""What stands around the panels: variables, annotations, links, rows and where everything goes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..dashboards import Dashboard, Link, Panel, Row, Variable
from ._grafana_panels import DATASOURCE, emit_panel
from ._grafana_values import Json

TAG = "jackpot-exporter"
"""On every dashboard, so that each can list the others."""

_COLUMNS = 24

_EVENTS = (
    ("Alerts", "red", 'ALERTS{alertstate="firing",severity=~"critical|warning",service=~"$service"}', "{{alertname}}"),
    ("Deployments", "blue", 'ALERTS{alertstate="firing",alertname=~".+Deployed",service=~"$service"}', "Deployment"),
    (
        "Configuration changes",
        "purple",
        'ALERTS{alertstate="firing",alertname=~".+ConfigChanged",service=~"$service"}',
        "Configuration change",
    ),
    ("Maintenance", "gray", 'ALERTS{alertstate="firing",alertname="MaintenanceWindow"}', "Maintenance window"),
)


def events() -> list[Json]:
    """What happened, drawn into every graph. Events are alerts too, so every pack's come by the same queries."""
    return [
        {
            "name": name,
            "datasource": DATASOURCE,
            "enable": True,
            "iconColor": colour,
            "expr": f"max by (alertname, service) ({expr})",
            "titleFormat": title,
            "textFormat": "{{service}}",
            "tagKeys": "alertname,service",
            "step": "60s",
        }
        for name, colour, expr, title in _EVENTS
    ]


def variables(found: Iterable[Variable]) -> list[Json]:
    """The data source first: the others ask it."""
    return [_datasource(), *map(_variable, found)]


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "regex": "",
        "refresh": 1,
        "multi": False,
        "includeAll": False,
        "hide": 0,
        "current": {},
        "options": [],
    }


def _variable(variable: Variable) -> Json:
    every = {"text": ["All"], "value": ["$__all"]}
    return {
        "name": variable.name,
        "label": variable.title,
        "type": "query",
        "datasource": DATASOURCE,
        "query": variable.query,
        "definition": variable.query,
        "regex": variable.regex,
        "refresh": 2,
        "sort": 1,
        "multi": variable.is_multi,
        "includeAll": variable.is_multi,
        **({"allValue": variable.all_value} if variable.is_multi and variable.all_value else {}),
        "hide": 2 if variable.is_hidden else 0,
        "current": every if variable.is_multi else {},
        "options": [],
    }


def links(dashboard: Dashboard, runbook_url: str) -> list[Json]:
    """Related dashboards by name, all of them in a list, and the runbook."""
    related = [_link(link, "dashboard") for link in dashboard.links]
    everything = {**_link(Link("All dashboards", ""), "apps"), "type": "dashboards", "tags": [TAG], "asDropdown": True}
    runbook = [_link(Link("Runbook", runbook_url), "doc")] if runbook_url else []
    return [*related, everything, *runbook]


def _link(link: Link, icon: str) -> Json:
    is_outside = link.url.startswith("http")
    return {
        "title": link.title,
        "type": "link",
        "icon": icon,
        "url": link.url.partition("?")[0],
        "tags": [],
        "tooltip": "",
        "asDropdown": False,
        "targetBlank": is_outside,
        "includeVars": not is_outside,
        "keepTime": not is_outside,
    }


def panels(rows: Iterable[Row]) -> list[Json]:
    """Rows one under the other; a collapsed row holds its panels inside."""
    found: list[Json] = []
    top = 0
    for row in rows:
        if row.title:
            top += 1
        placed, bottom = _place(row.panels, top)
        if row.title:
            found.append(_headline(row, top - 1, placed if row.is_collapsed else []))
        if row.is_collapsed:
            continue
        found += placed
        top = bottom
    return found


def _headline(row: Row, top: int, inside: list[Json]) -> Json:
    return {
        "id": row.id,
        "type": "row",
        "title": row.title,
        "collapsed": row.is_collapsed,
        "gridPos": {"x": 0, "y": top, "w": _COLUMNS, "h": 1},
        "panels": inside,
    }


def _place(found: Iterable[Panel], top: int) -> tuple[list[Json], int]:
    """Left to right, a new line when the next does not fit; the panels and the line below them."""
    placed = list(_flow(found, top))
    bottom = max((one["gridPos"]["y"] + one["gridPos"]["h"] for one in placed), default=top)
    return placed, bottom


def _flow(found: Iterable[Panel], top: int) -> Iterator[Json]:
    left = tallest = 0
    for panel in found:
        if left + panel.width > _COLUMNS:
            top, left, tallest = top + tallest, 0, 0
        yield emit_panel(panel, {"x": left, "y": top, "w": panel.width, "h": panel.height})
        left += panel.width
        tallest = max(tallest, panel.height)
