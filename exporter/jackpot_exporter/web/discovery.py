"""Prometheus' HTTP service discovery of the further targets: one configured Prometheus, any number of brands.

The address is the one that Prometheus has asked at, which is where it can reach us; no setting could know better.
Each target's name becomes its `service`, which is what rules and dashboards tell deployments apart by.
"""

from __future__ import annotations

from aiohttp import web

from ..engine import MAIN, Exporter


class Discovery:
    """The handler, over one exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter

    async def targets(self, request: web.Request) -> web.Response:
        """A group for each target of the settings; none without `targets:`."""
        names = sorted(name for name in self._exporter.engines if name != MAIN)
        return web.json_response([_group(name, request) for name in names])


def _group(name: str, request: web.Request) -> dict[str, object]:
    labels = {
        "__scheme__": request.scheme,
        "__metrics_path__": "/probe",
        "__param_target": name,
        "service": name,
    }
    return {"targets": [request.host], "labels": labels}
