"""The rules in a real Prometheus that scrapes two exporters of one service, each with every family.

promtool tests one alert at a time on series that a person chose; here nothing may collide: no many-to-many match, no
duplicate result, whatever labels a family has.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.serving import serving
from harness.waiting import eventually
from jackpot_exporter.bundle import Family, PackSet, compile_bundle, generate, load_packs, promql
from jackpot_exporter.demo.prometheus import PrometheusServer
from jackpot_exporter.model import Kind


def exposition(packs: PackSet) -> bytes:
    """Every family of the exporter, with each label value that a rule asks for and one that none does."""
    asked = _asked(packs)
    from_prometheus = ("up", "ALERTS", "scrape_", "prometheus_", "alertmanager_")
    families = [family for name, family in packs.families.items() if not name.startswith(from_prometheus)]
    return ("\n".join(line for family in families for line in _lines(family, asked)) + "\n").encode()


def _asked(packs: PackSet) -> Mapping[str, set[str]]:
    asked: dict[str, set[str]] = defaultdict(set)
    for group in (group for pack in packs.packs for group in pack.groups):
        rules = [rule.expr for alert in group.alerts for rule in alert.rules]
        for expr in (*rules, *(recording.expr for recording in group.recordings)):
            for selector in promql.read(expr).selectors:
                for label, value in selector.equal.items():
                    asked[label].add(value)
    return asked


def _lines(family: Family, asked: Mapping[str, set[str]]) -> Iterator[str]:
    values = [(*sorted(asked.get(label, ())), "x") for label in family.labels[:3]]
    for chosen in itertools.product(*values):
        labels = ",".join(f'{name}="{value}"' for name, value in zip(family.labels, chosen, strict=False))
        if family.kind is Kind.HISTOGRAM:
            comma = "," if labels else ""
            for bound in (*map(float, family.buckets), "+Inf"):
                yield f'{family.name}_bucket{{{labels}{comma}le="{bound}"}} 7'
            yield f"{family.name}_sum{{{labels}}} 7"
            yield f"{family.name}_count{{{labels}}} 7"
        else:
            yield f"{family.name}{{{labels}}} 1"


@pytest.fixture(scope="module")
def hasty_rules(packs: PackSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped rules, every group each second."""
    folder = tmp_path_factory.mktemp("hasty")
    values = folder / "values.yaml"
    groups = {group.name: {"interval": "1s"} for pack in packs.packs for group in pack.groups}
    values.write_text(yaml.safe_dump({"groups": groups}))
    generate(compile_bundle(load_packs(values=values)), folder, check=False)
    return folder / "prometheus" / "rules"


@pytest.mark.parametrize("version", [None, 3], ids=["2.42", "3.5"])
def test_no_rule_fails_with_two_exporters(version: int | None, hasty_rules: Path, packs: PackSet) -> None:
    with serving(exposition(packs)) as port:
        targets = [f"127.0.0.1:{port}", f"localhost:{port}"]
        config: dict[str, Any] = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "rule_files": [str(hasty_rules / "*.yml")],
            "scrape_configs": [
                {
                    "job_name": "jackpot-exporter",
                    "static_configs": [{"targets": targets, "labels": {"service": "demo"}}],
                }
            ],
        }
        with PrometheusServer(config, version=version) as server:
            eventually(lambda: len(server.query("jackpot_up")) == 2, within=60)
            seen = {group["name"]: group["lastEvaluation"] for group in _groups(server)}
            eventually(
                lambda: all(group["lastEvaluation"] > seen[group["name"]] for group in _groups(server)), within=60
            )
            eventually(
                lambda: server.query('incident:firing_age:seconds{incident="JackpotIntegrityViolation"}'), within=60
            )
            rules = server.rules()

    assert len(rules) > 200
    assert [(rule["name"], rule.get("lastError")) for rule in rules if rule["health"] != "ok"] == []


def _groups(server: PrometheusServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = server.api("/api/v1/rules")["data"]["groups"]
    return found
