"""Whom each alert of each pack reaches, asked of Alertmanager's own routing, and the table that people read."""

from __future__ import annotations

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from jackpot_exporter import tools
from jackpot_exporter.bundle import PackSet
from jackpot_exporter.bundle.model import Labels

INHERITED = {"pack": "jackpot", "incident": "JackpotServiceDown", "service": "demo"}
LOG = ["log"]


def expected(packs: PackSet, labels: Labels) -> list[str]:
    """From the labels alone: one receiver for each channel that is named, in order, and the log before them."""
    severity = labels["severity"]
    receivers = []
    for name in sorted(filter(None, labels["channels"].split("/"))):
        elsewhere = getattr(packs.routing.channels[name], severity, None) if severity != "none" else None
        receivers.append(f"{name}-{severity}" if elsewhere else name)
    return LOG + receivers


def labels_of(packs: PackSet) -> list[Labels]:
    """Those of every rule, as its alerts have them."""
    return [
        {**INHERITED, "alertname": alert.name, **rule.labels}
        for alert in packs.alerts
        for rule in alert.rules
        if alert.name != "Watchdog"
    ]


@pytest.mark.parametrize("version", [None, "current"], ids=["0.25", "0.33"])
def test_every_alert_of_every_pack_reaches_its_receivers(version: str | None, packs: PackSet, written: Path) -> None:
    amtool = tools.find("amtool", version)
    config = written / "alertmanager" / "alertmanager.yml"

    def ask(labels: Labels, receivers: list[str]) -> str:
        command = [str(amtool), "config", "routes", "test", f"--config.file={config}"]
        verify = f"--verify.receivers={','.join(receivers)}"
        pairs = [f"{name}={value}" for name, value in labels.items()]
        done = subprocess.run([*command, verify, *pairs], capture_output=True, text=True, timeout=60, check=False)
        return "" if done.returncode == 0 else f"{labels['alertname']}: {done.stdout}{done.stderr}"

    # Alerts of the same channels and severity take the same way; one of each way is enough for the second version.
    asked = {
        tuple(expected(packs, labels)) + ((labels["alertname"],) if version is None else ()): labels
        for labels in labels_of(packs)
    }
    cases = [(labels, expected(packs, labels)) for labels in asked.values()]
    cases += [
        ({"alertname": "Watchdog", "severity": "none", "pack": "alerting", "channels": "/"}, ["watchdog"]),
        ({"alertname": "Foreign", "severity": "critical"}, [*LOG, "email-critical"]),
        ({"alertname": "Foreign", "severity": "warning", "channels": "/nobody/"}, [*LOG, "email"]),
    ]
    with ThreadPoolExecutor(max_workers=4) as pool:
        refusals = list(filter(None, pool.map(lambda case: ask(*case), cases)))

    assert len(cases) > 10
    assert refusals == []


def test_a_wrong_expectation_is_refused(written: Path) -> None:
    """The check above can fail."""
    done = subprocess.run(
        [
            tools.find("amtool"),
            "config",
            "routes",
            "test",
            f"--config.file={written / 'alertmanager' / 'alertmanager.yml'}",
            "--verify.receivers=log,slack",
            "alertname=JackpotServiceDown",
            "channels=/email/",
            "severity=critical",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1


def test_the_table_for_people_says_the_same(packs: PackSet, written: Path) -> None:
    table = (written / "alertmanager" / "ROUTES.md").read_text()
    rows = re.findall(r"^\| (\w+) \| (critical|warning|info|none) \|.*\| ([\w, -]+) \|$", table, re.MULTILINE)

    listed = {(alert, severity): receivers.split(", ") for alert, severity, receivers in rows}

    wanted = {(labels["alertname"], labels["severity"]): expected(packs, labels) for labels in labels_of(packs)}
    assert listed == wanted | {("Watchdog", "none"): ["watchdog"]}


def test_foreign_alerts_with_the_same_gaps_do_not_mute_each_other(written: Path) -> None:
    """Labels that both lack count as equal, so both sides of each inhibition must ask for a label of ours."""
    rules = yaml.safe_load((written / "alertmanager" / "alertmanager.yml").read_text())["inhibit_rules"]

    assert len(rules) >= 3
    for rule in rules:
        assert 'pack!=""' in rule["source_matchers"], rule
        assert 'pack!=""' in rule["target_matchers"], rule


def test_reminders_come_when_they_should(written: Path) -> None:
    """A repeat interval is looked at once each group interval only, and one below it is warned of."""
    tree = yaml.safe_load((written / "alertmanager" / "alertmanager.yml").read_text())["route"]

    for route in walk(tree, tree):
        assert seconds(route["group_interval"]) <= seconds(route["repeat_interval"]), route


def walk(route: dict[str, object], parent: dict[str, object]) -> list[dict[str, object]]:
    inherited = {name: parent[name] for name in ("group_interval", "repeat_interval")}
    own = {**inherited, **route}
    children = route.get("routes", [])
    assert isinstance(children, list)
    return [own, *(found for child in children for found in walk(child, own))]


def seconds(span: object) -> int:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    return sum(int(amount) * units[unit] for amount, unit in re.findall(r"(\d+)([smhd])", str(span)))
