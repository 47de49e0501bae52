"""The shipped rules: judged by promtool of both supported versions, and complete."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.promtool import Verdict, run_promtool
from jackpot_exporter.bundle import Artifact, PackSet
from jackpot_exporter.bundle.checks import missing_kinds
from jackpot_exporter.packsettings import shipped_systems

ABSENCE = {
    "JackpotServiceDown",
    "JackpotBackupMissing",
    "JackpotExporterDown",
    "PokerServiceDown",
    "PokerBackupMissing",
}
"""What stands for absence: these fire when there is no data at all."""


def test_every_case_holds(verdicts: list[Verdict]) -> None:
    wrong = [verdict.text for verdict in verdicts if not verdict.is_good]

    assert verdicts
    assert wrong == []


def test_a_case_that_does_not_hold_is_seen(promtool: Path, written: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules"
    tests = tmp_path / "tests"
    rules.mkdir()
    tests.mkdir()
    wrong = (written / "prometheus/rules/redis.yml").read_text().replace("(redis_up) == 0", "(redis_up) == 1")
    (rules / "redis.yml").write_text(wrong)
    (tests / "redis_test.yml").write_text((written / "prometheus/tests/redis_test.yml").read_text())

    verdict = run_promtool(promtool, "test", "rules", tests / "redis_test.yml")

    assert not verdict.is_good
    assert "RedisDown" in verdict.text


def test_promtool_has_nothing_against_the_rules(promtool: Path, written: Path) -> None:
    files = sorted((written / "prometheus/rules").glob("*.yml"))
    verdicts = [run_promtool(promtool, "check", "rules", "--lint=all", "--lint-fatal", file) for file in files]

    assert [verdict.text for verdict in verdicts if not verdict.is_good] == []


def test_every_alert_has_every_kind_of_case(packs: PackSet) -> None:
    lacking = {alert.name: missing_kinds(alert) for alert in packs.alerts if missing_kinds(alert)}

    assert lacking == {}


def test_without_data_only_absence_fires(promtool: Path, written: Path, packs: PackSet, tmp_path: Path) -> None:
    """All rules at once, six hours into a Thursday: the escalation of what fires comes with it."""
    test = tmp_path / "nothing_test.yml"
    firing = "count by (alertname) (ALERTS{alertstate='firing',escalation_level=''})"
    escalated = "count by (escalation_level, incident) (ALERTS{alertstate='firing',escalation_level=~'[234]'})"
    document = {
        "rule_files": [str(file) for file in sorted((written / "prometheus/rules").glob("*.yml"))],
        "evaluation_interval": "1m",
        "group_eval_order": [group.name for pack in packs.packs for group in pack.groups],
        "tests": [
            {
                "interval": "1m",
                "input_series": [],
                "promql_expr_test": [
                    _samples(firing, [f'{{alertname="{name}"}}' for name in sorted({*ABSENCE, "Watchdog"})]),
                    _samples(
                        escalated,
                        [
                            f'{{escalation_level="{level}",incident="{name}"}}'
                            for name in sorted(ABSENCE)
                            if not name.endswith("BackupMissing")
                            for level in (2, 3)
                        ],
                    ),
                ],
            }
        ],
    }
    test.write_text(yaml.safe_dump(document))

    verdict = run_promtool(promtool, "test", "rules", test)

    assert verdict.is_good, verdict.text


def _samples(expression: str, labels: list[str]) -> dict[str, Any]:
    return {"expr": expression, "eval_time": "90m", "exp_samples": [{"labels": one, "value": 1} for one in labels]}


def test_scrape_configuration_is_valid(promtool: Path) -> None:
    verdict = run_promtool(promtool, "check", "config", Path("prometheus/prometheus.yml").resolve())

    assert verdict.is_good, verdict.text


@pytest.mark.parametrize("file", ["prometheus/prometheus.yml", "deploy/compose/prometheus.yml"])
def test_a_jackpot_site_loads_no_rule_of_another_system(file: str) -> None:
    """Of a system that is not there, everything is missing."""
    patterns = yaml.safe_load(Path(file).read_text())["rule_files"]
    rules = sorted(Path("prometheus/rules").glob("*.yml"))
    loaded = [path for path in rules if any(path.match(pattern) for pattern in patterns)]

    assert [path for path in rules if path.name.startswith(tuple(shipped_systems()))] != []
    assert loaded == [path for path in rules if not path.name.startswith(tuple(shipped_systems()))]


def test_warning_and_critical_share_an_incident(packs: PackSet) -> None:
    """So that one inhibits the other and one silence acknowledges both."""
    names = {alert.name: alert.rules[0].labels.get("incident") for alert in packs.alerts}

    assert names["JackpotErrorRatioHigh"] == names["JackpotErrorRatioCritical"] == "JackpotErrorRatio"
    assert names["JackpotDatabasePoolExhausted"] == names["JackpotDatabasePoolHigh"] == "JackpotDatabasePool"
    assert names["TlsCertificateExpirySoon"] == names["TlsCertificateExpiryImminent"] == "TlsCertificateExpiry"


def test_alerts_that_page_escalate(packs: PackSet) -> None:
    silent = [
        alert.name
        for alert in packs.alerts
        for rule in alert.rules
        if "/pagerduty/" in rule.labels["channels"] and rule.labels["escalate"] == "none"
    ]

    assert silent == []


def test_operator_has_the_same_groups(artifacts: list[Artifact]) -> None:
    plain: dict[str, Any] = {}
    operator: dict[str, Any] = {}
    for artifact in artifacts:
        if artifact.path.startswith("prometheus/rules/"):
            plain |= {group["name"]: group for group in yaml.safe_load(artifact.content)["groups"]}
        if artifact.path.startswith("prometheus/operator/"):
            document = yaml.safe_load(artifact.content)
            assert document["kind"] == "PrometheusRule"
            operator |= {group["name"]: group for group in document["spec"]["groups"]}

    assert operator == plain
