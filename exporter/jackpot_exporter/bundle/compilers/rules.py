"""Rules for Prometheus: one file a pack, and the same groups as PrometheusRule for the operator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from .. import yamltext
from ..model import Alert, AlertRule, Artifact, Group, PackSet, Recording


def compile_rules(packs: PackSet) -> Iterable[Artifact]:
    """`prometheus/rules/PACK.yml`, and `PACK-objectives.yml` where there are objectives."""
    for pack in packs.packs:
        for name, groups in pack.files.items():
            yield Artifact(f"prometheus/rules/{name}.yml", yamltext.dump(_groups(groups)))


def compile_operator(packs: PackSet) -> Iterable[Artifact]:
    """`prometheus/operator/PACK.yaml`."""
    for pack in packs.packs:
        name = f"jackpot-exporter-{pack.name}"
        document = {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "jackpot-exporter", "role": "alert-rules"}},
            "spec": _groups(pack.groups),
        }
        yield Artifact(f"prometheus/operator/{pack.name}.yaml", yamltext.dump(document))


def _groups(groups: Iterable[Group]) -> dict[str, Any]:
    return {"groups": [_group(group) for group in groups]}


def _group(group: Group) -> dict[str, Any]:
    rules = [*map(_recording, group.recordings), *(rule for alert in group.alerts for rule in _rules(alert))]
    return {"name": group.name, "interval": str(group.interval), "rules": rules}


def _recording(recording: Recording) -> dict[str, Any]:
    labels = {"labels": dict(recording.labels)} if recording.labels else {}
    return {"record": recording.record, "expr": recording.expr, **labels}


def _rules(alert: Alert) -> Iterator[dict[str, Any]]:
    for rule in alert.rules:
        yield {
            "alert": alert.name,
            "expr": rule.expr,
            **_spans(rule),
            "labels": dict(rule.labels),
            "annotations": dict(rule.annotations),
        }


def _spans(rule: AlertRule) -> dict[str, str]:
    spans = {"for": rule.hold, "keep_firing_for": rule.keep}
    return {name: str(span) for name, span in spans.items() if span}
