"""The queries of dashboards asked of a real Prometheus the way Grafana asks them, everything chosen."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.pool_history import STEP_SECONDS, History
from jackpot_exporter.bundle.dashboards import Dashboard, Dashboards, Kind

POINTS = 1000
"""As many as a wide panel has pixels to draw."""


@dataclass(frozen=True, slots=True)
class PanelQuery:
    dashboard: str
    panel: str
    expr: str
    is_range: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """How long it took, and how many series came."""

    dashboard: str
    panel: str
    seconds: float
    series: int


def queries_of(dashboard: Dashboard) -> Iterator[PanelQuery]:
    for panel in dashboard.panels:
        is_range = panel.is_trend or panel.kind in (Kind.TIMESERIES, Kind.STATES, Kind.HEATMAP)
        for query in panel.queries:
            yield PanelQuery(dashboard.uid, panel.title, query.expr, is_range)


def ask_about_pools(dashboards: Dashboards, history: History, span_seconds: int) -> Iterator[Asked]:
    """Every query that reads a series of each pool, over `span_seconds` until the end of the history."""
    for dashboard in dashboards.found:
        chosen = _choices(history, dashboard)
        for query in queries_of(dashboard):
            if re.search(r"jackpot_(pool|contributions)", query.expr):
                yield ask(history, query, span_seconds, chosen)


def _choices(history: History, dashboard: Dashboard) -> dict[str, str]:
    """The hidden variables of a dashboard, as Grafana puts them into an expression; the others are All."""
    found = {}
    for variable in dashboard.variables:
        if variable.is_hidden:
            inner = variable.query.removeprefix("query_result(").removesuffix(")")
            series = history.server.query(_filled(inner, 3600, STEP_SECONDS, {}), at=history.end)
            shown = [",".join(f'{name}="{value}"' for name, value in one["metric"].items()) for one in series]
            matches = [re.search(variable.regex.strip("/"), text) for text in shown]
            found[variable.name] = "|".join(match[1] for match in matches if match)
    return found


def ask(history: History, query: PanelQuery, span_seconds: int, chosen: Mapping[str, str]) -> Asked:
    """One query over `span_seconds` until the end; ToolError when Prometheus refuses it."""
    server, end = history.server, history.end
    step = max(STEP_SECONDS, span_seconds // POINTS)
    expr = _filled(query.expr, span_seconds, step, chosen)
    began = time.perf_counter()
    if query.is_range:
        times = {"start": str(end - span_seconds), "end": str(end), "step": str(step)}
        found = server.api("/api/v1/query_range", query=expr, **times)
    else:
        found = server.api("/api/v1/query", query=expr, time=str(end))
    return Asked(query.dashboard, query.panel, time.perf_counter() - began, len(found["data"]["result"]))


def _filled(expr: str, span_seconds: int, step: int, chosen: Mapping[str, str]) -> str:
    times = {
        "__rate_interval": f"{max(4 * STEP_SECONDS, step + STEP_SECONDS)}s",
        "__interval": f"{step}s",
        "__range": f"{span_seconds}s",
    }
    known = {"system": "jackpot", "service": ".*", **times, **chosen}
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: known.get(match[1] or match[2], ".+"), expr)
