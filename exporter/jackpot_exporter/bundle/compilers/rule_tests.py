"""Unit tests for promtool from the cases of the packs.

promtool evaluates a whole file at one step, so the cases of a pack are spread over files by their step: a case
over two weeks in steps of an hour would else take minutes. It compares labels and annotations exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from .. import yamltext
from ..durations import Duration
from ..model import Alert, AlertRule, Artifact, Case, Firing, Group, PackSet
from ..wording import render

_USUAL_STEP = Duration.parse("1m")


def compile_rule_tests(packs: PackSet) -> Iterable[Artifact]:
    """`prometheus/tests/FILE_test.yml` for a rule file, and `FILE_STEP_test.yml` for cases with a step of their own."""
    for pack in packs.packs:
        for name, groups in pack.files.items():
            for step in _steps(groups):
                part = "" if step == _USUAL_STEP else f"_{step}"
                content = yamltext.dump(_file(name, groups, step))
                yield Artifact(f"prometheus/tests/{name}{part}_test.yml", content)


def _steps(groups: Iterable[Group]) -> list[Duration]:
    return sorted({case.every for group in groups for alert in group.alerts for case in alert.cases})


def _file(name: str, groups: tuple[Group, ...], step: Duration) -> dict[str, Any]:
    alerts = [alert for group in groups for alert in group.alerts]
    return {
        "rule_files": [f"../rules/{name}.yml"],
        "evaluation_interval": str(step),
        "group_eval_order": [group.name for group in groups],
        "tests": [_test(alert, case) for alert in alerts for case in alert.cases if case.every == step],
    }


def _test(alert: Alert, case: Case) -> dict[str, Any]:
    expected = [_expected(_rule_of(alert, firing), firing) for firing in case.firing]
    return {
        "name": f"{alert.name} {case.name}",
        "interval": str(case.every),
        "input_series": [{"series": series, "values": values} for series, values in case.series.items()],
        "alert_rule_test": [
            {"alertname": alert.name, "eval_time": str(case.at), "exp_alerts": expected},
        ],
    }


def _rule_of(alert: Alert, firing: Firing) -> AlertRule:
    severity = firing.labels.get("severity")
    return next(rule for rule in alert.rules if severity in (None, rule.labels["severity"]))


def _expected(rule: AlertRule, firing: Firing) -> dict[str, Any]:
    labels: Mapping[str, str] = {**firing.labels, **rule.labels}
    shown = {name: render(text, labels, firing.value) for name, text in rule.annotations.items()}
    return {"exp_labels": dict(labels), "exp_annotations": shown}
