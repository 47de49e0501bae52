"""Dashboards for Grafana: classic JSON for provisioning from files, and the same in ConfigMaps for its sidecar.

Why an emitter of our own and not grafana-foundation-sdk: what varies between dashboards stands in the packs, so
all that is left is six types of panel and one frame, some hundred lines; the SDK's builders would be as many lines
around the same names, set no panel ids, and come with a version epoch by which pip picks the oldest line. The types
of the JSON are held against Grafana's own schema in development instead.

Classic JSON and not the schema v2: every Grafana from 11 on reads it from files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from .. import yamltext
from ..dashboards import Dashboard
from ..model import Artifact, PackSet
from ._grafana_frame import TAG, events, links, panels, variables

SCHEMA_VERSION = 41


def compile_dashboards(packs: PackSet) -> Iterable[Artifact]:
    """`grafana/dashboards/FOLDER/UID.json`."""
    for dashboard in packs.dashboards.found:
        text = json.dumps(_dashboard(dashboard, packs.dashboards.runbook_url), indent=1, ensure_ascii=False)
        yield Artifact(f"grafana/dashboards/{dashboard.folder.lower()}/{dashboard.uid}.json", f"{text}\n".encode())


def compile_config_maps(packs: PackSet) -> Iterable[Artifact]:
    """`grafana/configmaps/UID.yaml`, one each: together they would be too large for kubectl apply."""
    for dashboard in packs.dashboards.found:
        document = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": f"grafana-dashboard-{dashboard.uid}",
                "labels": {"app.kubernetes.io/name": TAG, "grafana_dashboard": "1"},
                "annotations": {"grafana_folder": dashboard.folder},
            },
            "data": {
                f"{dashboard.uid}.json": json.dumps(
                    _dashboard(dashboard, packs.dashboards.runbook_url), ensure_ascii=False
                )
            },
        }
        yield Artifact(f"grafana/configmaps/{dashboard.uid}.yaml", yamltext.dump(document))


def _dashboard(dashboard: Dashboard, runbook_url: str) -> dict[str, Any]:
    return {
        "description": f"{dashboard.description} ({yamltext.MARK})",
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": sorted({TAG, *dashboard.tags}),
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "refresh": dashboard.refresh,
        "time": {"from": f"now-{dashboard.span}", "to": "now"},
        "timepicker": {},
        "timezone": "",
        "weekStart": "",
        "annotations": {"list": events()},
        "templating": {"list": variables(dashboard.variables)},
        "links": links(dashboard, runbook_url),
        "panels": panels(dashboard.rows),
    }
