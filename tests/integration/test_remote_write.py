"""Past one Prometheus: agents send to another store, whose evaluator of the same rules tells the same Alertmanager."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.exporter import ExporterProcess
from harness.victoria import PrometheusAgent, VictoriaMetrics, VmAgent, VmAlert
from harness.waiting import eventually
from jackpot_exporter.demo.servers import AlertmanagerServer, RedisServer, free_port
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
RULES = ROOT / "prometheus" / "rules"
AGENT = ROOT / "deploy" / "remote-write" / "prometheus-agent.yml"
NOBODY: dict[str, Any] = {"route": {"receiver": "nobody", "group_wait": "1s"}, "receivers": [{"name": "nobody"}]}


def shorten(folder: Path) -> Path:
    """The shipped rules with their times shortened, and nothing else."""
    for file in RULES.glob("*.yml"):
        document = yaml.safe_load(file.read_text())
        for group in document["groups"]:
            group["interval"] = "1s"
            for rule in group["rules"]:
                rule.update({key: "1s" for key in ("for", "keep_firing_for") if key in rule})
        (folder / file.name).write_text(yaml.safe_dump(document))
    return folder


def address(file: Path, exporter: ExporterProcess, store: VictoriaMetrics) -> str:
    """The shipped configuration with these addresses."""
    text = file.read_text().replace("localhost:7777", f"127.0.0.1:{exporter.port}")
    text = text.replace("http://localhost:8428/api/v1/write", store.write_url)
    return text.replace("scrape_interval: 15s\n  scrape_timeout: 10s", "scrape_interval: 1s\n  scrape_timeout: 1s")


def names(alertmanager: AlertmanagerServer) -> set[str]:
    return {one["labels"]["alertname"] for one in alertmanager.alerts()}


@pytest.fixture(scope="module")
def exporter() -> Iterator[ExporterProcess]:
    """Two deployments: the first's Redis is down, the second's is well."""
    with RedisServer() as redis:
        down = {"redis": {"url": f"redis://127.0.0.1:{free_port()}"}}
        well = {"redis": {"url": redis.url}}
        with ExporterProcess({"interval": "1s", **down, "targets": {"brand-b": well}}) as running:
            yield running


@pytest.fixture(scope="module", params=["prometheus", "vmagent"])
def store(
    request: pytest.FixtureRequest, exporter: ExporterProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[VictoriaMetrics]:
    """A VictoriaMetrics that one kind of agent fills."""
    config = tmp_path_factory.mktemp("agent") / "agent.yml"
    with ExitStack() as stack:
        store = stack.enter_context(VictoriaMetrics())
        config.write_text(address(AGENT, exporter, store))
        agent = PrometheusAgent(config) if request.param == "prometheus" else VmAgent(config, store.write_url)
        stack.enter_context(agent)
        yield store


def test_it_receives_every_deployment_under_its_name(store: VictoriaMetrics) -> None:
    def redis_up() -> set[tuple[str, str, str, str]]:
        labels = ("service", "job", "agent")
        return {(*(one["metric"][name] for name in labels), one["value"][1]) for one in store.query("redis_up")}

    expected = {("jackpot", "jackpot-exporter", "agent-1", "0"), ("brand-b", "jackpot-exporter", "agent-1", "1")}

    eventually(lambda: redis_up() == expected, within=90)


def test_its_alerts_reach_alertmanager(store: VictoriaMetrics, tmp_path: Path) -> None:
    """The same labels as from Prometheus, so the same routes."""
    expected = {"service": "jackpot", "pack": "redis", "incident": "RedisDown", "severity": "warning"}
    with ExitStack() as stack:
        alertmanager = stack.enter_context(AlertmanagerServer(NOBODY, version="current"))
        stack.enter_context(VmAlert(shorten(tmp_path), store, alertmanager.url))
        eventually(lambda: names(alertmanager) >= {"RedisDown", "Watchdog"}, within=90)
        told = [one for one in alertmanager.alerts() if one["labels"]["alertname"] == "RedisDown"]

    (labels,) = [one["labels"] for one in told]
    assert labels.items() >= expected.items()
    assert told[0]["annotations"]["description"] == "Redis of jackpot does not answer."


def test_vmalert_takes_the_rules_as_they_are() -> None:
    command = [str(find("vmalert", "current")), "-dryRun", f"-rule={RULES}/*.yml", "-loggerLevel=WARN"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_rulers_with_limits_can_take_the_rules() -> None:
    """Mimir's and Cortex' as docs/scaling.md sets it, and the fields that Prometheus' own format has."""
    groups = [group for file in RULES.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    (limit,) = re.findall(r"ruler_max_rules_per_rule_group: (\d+)", (ROOT / "docs" / "scaling.md").read_text())
    fields = {key for group in groups for rule in group["rules"] for key in rule}

    assert max(len(group["rules"]) for group in groups) <= int(limit)
    assert len({group["name"] for group in groups}) == len(groups)
    assert {key for group in groups for key in group} <= {"name", "interval", "rules"}
    assert fields <= {"alert", "record", "expr", "for", "keep_firing_for", "labels", "annotations"}


@pytest.mark.parametrize("name", ["postgres_2m_test", "postgres_30m_test", "host_5m_test"])
def test_the_rules_cases_hold_in_metricsql(name: str) -> None:
    """The unit tests of rules that differ in nothing; docs/scaling.md tells of the others."""
    file = ROOT / "prometheus" / "tests" / f"{name}.yml"
    command = [str(find("vmalert-tool", "current")), "unittest", "-disableAlertgroupLabel", f"--files={file}"]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_takes_the_agents_configuration() -> None:
    command = [str(find("promtool", 3)), "check", "config", "--agent", str(AGENT)]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
