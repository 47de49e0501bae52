"""Every rule of Grafana's dashboard linter holds for every dashboard, and each is seen to complain of a broken one."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.dashboard_linter import RULES, Json, panels_of

ROOT = Path(__file__).parents[2] / "grafana" / "dashboards"
FILES = sorted(ROOT.glob("*/*.json"))


@pytest.fixture(scope="module")
def dashboards() -> dict[str, Json]:
    return {file.stem: json.loads(file.read_text()) for file in FILES}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("uid", [file.stem for file in FILES])
def test_rule_holds(rule: str, uid: str, dashboards: dict[str, Json]) -> None:
    assert list(RULES[rule](dashboards[uid])) == []


def _variable(dashboard: Json, name: str) -> Json:
    found: Json = next(one for one in dashboard["templating"]["list"] if one["name"] == name)
    return found


def _ask(expr: str) -> Callable[[Json], None]:
    def change(dashboard: Json) -> None:
        next(panels_of(dashboard))["targets"][0]["expr"] = expr

    return change


def _speak_logql(dashboard: Json) -> None:
    next(panels_of(dashboard))["targets"][0]["datasource"]["type"] = "loki"


_CHOSEN = 'job=~"$job",instance=~"$instance"'

BREAKS: dict[str, Callable[[Json], None]] = {
    "template-datasource-rule": lambda d: _variable(d, "datasource").update(name="source"),
    "template-job-rule": lambda d: _variable(d, "job").update(allValue=".*"),
    "template-instance-rule": lambda d: _variable(d, "instance").update(multi=False),
    "template-label-promql-rule": lambda d: _variable(d, "job").update(query="label_values(up{, job)"),
    "template-on-time-change-reload-rule": lambda d: _variable(d, "job").update(refresh=1),
    "panel-datasource-rule": lambda d: next(panels_of(d)).update(datasource={"type": "prometheus", "uid": "abc"}),
    "panel-title-description-rule": lambda d: next(panels_of(d)).update(description=""),
    "panel-units-rule": lambda d: next(panels_of(d))["fieldConfig"]["defaults"].update(unit="furlong"),
    "panel-no-targets-rule": lambda d: next(panels_of(d)).update(targets=[]),
    "target-logql-rule": _speak_logql,
    "target-logql-auto-rule": _speak_logql,
    "target-promql-rule": _ask("sum by (up"),
    "target-rate-interval-rule": _ask(f"rate(x_total{{{_CHOSEN}}}[5m])"),
    "target-job-rule": _ask('up{job="a",instance=~"$instance"}'),
    "target-instance-rule": _ask('up{job=~"$job"}'),
    "target-counter-agg-rule": _ask(f"sum(x_total{{{_CHOSEN}}})"),
    "uneditable-dashboard-rule": lambda d: d.update(editable=True),
}


@pytest.mark.parametrize("rule", RULES)
def test_rule_complains_of_a_broken_dashboard(rule: str, dashboards: dict[str, Json]) -> None:
    broken = copy.deepcopy(dashboards["postgres"])

    BREAKS[rule](broken)

    assert list(RULES[rule](broken))
