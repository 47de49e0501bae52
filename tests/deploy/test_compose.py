"""The stack of docker-compose.yml: accepted by Compose itself, and run here with the real programs of its images."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from harness.composition import FILE, NOT_RUN, ROOT, Composition, compose_config, load_composition, start_order
from harness.waiting import eventually
from jackpot_exporter import tools

SERVICES: dict[str, Any] = load_composition()["services"]
EVERY: dict[str, Any] = load_composition("*")["services"]
"""With those of the profiles, which test_compose_systems.py is about."""
CHECKED = sorted(name for name, one in SERVICES.items() if "healthcheck" in one and name not in NOT_RUN)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    with Composition(tmp_path_factory.mktemp("stack")) as running:
        yield running


def get(address: str, path: str) -> Any:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}{path}", timeout=20) as answer:
        return json.loads(answer.read())


# --- what Compose and the eye can tell ------------------------------------------------------------------------


def test_compose_accepts_the_file_without_a_word() -> None:
    done = compose_config("--quiet")

    assert (done.returncode, done.stderr) == (0, "")


def test_compose_would_complain() -> None:
    done = compose_config("--quiet", text=FILE.read_text().replace("healthcheck:", "healthchek:", 1))

    assert done.returncode != 0
    assert "healthchek" in done.stderr


@pytest.mark.parametrize(
    ("service", "program", "version", "parts"),
    [
        ("postgres", "postgres", 18, 1),
        ("redis", "redis-server", 8, 2),
        ("prometheus", "prometheus", 3, 2),
        ("alertmanager", "alertmanager", "current", 2),
    ],
)
def test_images_are_of_the_versions_that_are_tested(service: str, program: str, version: str | int, parts: int) -> None:
    tag = SERVICES[service]["image"].partition(":")[2].removeprefix("v")

    assert tag.split(".")[:parts] == tools.version(program, version).split(".")[:parts]


def test_no_image_moves_by_itself() -> None:
    images = {one["image"] for one in EVERY.values() if "build" not in one}

    assert [one for one in images if not re.search(r":v?\d+\.\d+(\.\d+)?$", one)] == []
    assert len(images) == len({one.partition(":")[0] for one in images})


@pytest.mark.parametrize("name", sorted(EVERY.keys() - {"postgres", "redis"}))
def test_containers_may_do_nothing_special(name: str) -> None:
    service = EVERY[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service


def test_ports_are_open_to_this_machine_alone() -> None:
    ports = {port["published"]: port["host_ip"] for one in EVERY.values() for port in one.get("ports", ())}

    numbers = ["3000", "7777", "7778", "7779", "7780", "8025", "9090", "9093"]
    assert ports == dict.fromkeys(numbers, "127.0.0.1")


def test_everything_mounted_is_there() -> None:
    sources = [v["source"] for one in EVERY.values() for v in one.get("volumes", ()) if v["type"] == "bind"]
    secrets = [Path(one["file"]) for one in load_composition()["secrets"].values()]

    assert [one for one in sources if not Path(one).exists()] == []
    assert [one.name for one in secrets if not one.read_text().strip()] == []


def test_nobody_waits_for_what_has_no_health_check() -> None:
    """Compose would wait for ever."""
    healthy = {
        target
        for service in EVERY.values()
        for target, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }

    checked = {name for name, one in EVERY.items() if "healthcheck" in one}
    assert {EVERY[name]["image"] for name in healthy - checked} == {"jackpot-exporter:local"}  # it has its own
    assert start_order(SERVICES)[-1] == "grafana"


def test_no_password_stands_in_the_file() -> None:
    shown = compose_config(profile="*").stdout
    secrets = [one.read_text().strip() for one in (ROOT / "deploy/compose/secrets").glob("*_password")]

    assert len(secrets) == 4
    assert [one for one in secrets if one in shown] == []


def test_its_prometheus_is_configured_as_shipped_but_for_addresses() -> None:
    shipped = (ROOT / "prometheus/prometheus.yml").read_text()
    own = (ROOT / "deploy/compose/prometheus.yml").read_text()
    for name, port in (("exporter", 7777), ("alertmanager", 9093)):
        own = own.replace(f"{name}:{port}", f"localhost:{port}")
    found = yaml.safe_load(own)

    profiles = (found["rule_files"].pop(), found["scrape_configs"].pop()["job_name"])

    assert profiles == ("/bundle/*.yml", "systems")
    assert found == yaml.safe_load(shipped)


def test_its_routing_changes_only_where_things_go() -> None:
    values = yaml.safe_load((ROOT / "deploy/compose/values.yaml").read_text())

    assert set(values) == {"routing"}
    assert set(values["routing"]) == {
        "alertmanager_version",
        "secrets",
        "smtp",
        "endpoints",
        "log",
        "watchdog",
        "channels",
    }


def test_grafana_finds_its_sources_and_dashboards() -> None:
    mounts = {v["target"]: Path(v["source"]) for v in SERVICES["grafana"]["volumes"] if v["type"] == "bind"}
    sources = yaml.safe_load((ROOT / "grafana/provisioning/datasources/jackpot.yaml").read_text())["datasources"]
    folders = yaml.safe_load((ROOT / "grafana/provisioning/dashboards/jackpot.yaml").read_text())["providers"]
    home = re.search(r"^default_home_dashboard_path = (\S+)$", (ROOT / "grafana/grafana.ini").read_text(), re.MULTILINE)
    assert home

    there = "/var/lib/grafana/dashboards"
    paths = [home[1], *(one["options"]["path"] for one in folders)]
    assert {one["url"] for one in sources} <= {"http://prometheus:9090", "http://alertmanager:9093"}
    assert [one for one in paths if not (mounts[there] / Path(one).relative_to(there)).exists()] == []


# --- what only running it can tell ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", CHECKED)
def test_health_checks_know_well_from_ill(name: str, stack: Composition, tmp_path: Path) -> None:
    assert stack.health_check(name).returncode == 0

    nobody_there = Composition(tmp_path)

    assert nobody_there.health_check(name).returncode != 0


def test_every_collector_succeeds(stack: Composition) -> None:
    wanted = {"pools", "postgres_statements", "redis", "health", "reported", "logs", "probes"}

    def failing() -> set[str]:
        """Those that failed, or have not had their first round yet."""
        page = get_text(stack.address("exporter", 7777), "/metrics")
        found = re.findall(r'^jackpot_exporter_collector_up\{collector="(\w+)"\} (\d)', page, re.MULTILINE)
        return {name for name, up in found if up == "0"} | (wanted - {name for name, _ in found})

    eventually(lambda: failing() == set(), within=60)


def get_text(address: str, path: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def test_the_exporter_may_read_and_not_write(stack: Composition) -> None:
    password = (ROOT / "deploy/compose/secrets/exporter_password").read_text().strip()
    dsn = f"postgresql://jackpot_exporter:{password}@{stack.address('postgres', 5432)}/jackpot"

    with psycopg.connect(dsn, autocommit=True) as connection:
        pools = connection.execute("select count(*) from jackpots").fetchone()
        with pytest.raises((psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction)):
            connection.execute("update jackpots set current_amount = 0")

    assert pools == (3,)


def test_prometheus_scrapes_all_of_it_and_knows_the_rules(stack: Composition) -> None:
    prometheus = stack.address("prometheus", 9090)

    def health() -> dict[str, str]:
        targets = get(prometheus, "/api/v1/targets")["data"]["activeTargets"]
        return {one["labels"]["job"]: one["health"] for one in targets}

    jobs = ("jackpot-exporter", "prometheus", "alertmanager")
    eventually(lambda: health() == dict.fromkeys(jobs, "up"), within=90)
    groups = get(prometheus, "/api/v1/rules")["data"]["groups"]
    managers = get(prometheus, "/api/v1/alertmanagers")["data"]["activeAlertmanagers"]

    files = {Path(group["file"]).name for group in groups}
    patterns = yaml.safe_load((ROOT / "prometheus/prometheus.yml").read_text())["rule_files"]
    assert files == {file.name for pattern in patterns for file in (ROOT / "prometheus").glob(pattern)}
    assert [one["url"] for one in managers] == [f"http://{stack.address('alertmanager', 9093)}/api/v2/alerts"]


def test_the_exporter_answers_for_its_servers(stack: Composition) -> None:
    """`/alerts` and `/dashboard` ask Alertmanager and Prometheus by the addresses of the stack."""
    for path in ("/alerts", "/dashboard"):
        assert eventually(lambda path=path: get(stack.address("exporter", 7777), path))  # type: ignore[misc]


def test_an_alert_arrives_on_every_channel(stack: Composition) -> None:
    channels = ["email", "pagerduty", "slack", "sms", "telegram", "webhook"]
    labels = {
        "alertname": "Trial",
        "incident": "Trial",
        "pack": "jackpot",
        "service": "jackpot",
        "severity": "critical",
        "priority": "P1",
        "channels": f"/{'/'.join(channels)}/",
    }
    request = urllib.request.Request(
        f"http://{stack.address('alertmanager', 9093)}/api/v2/alerts",
        data=json.dumps([{"labels": labels, "annotations": {"summary": "A trial."}}]).encode(),
        headers={"Content-Type": "application/json"},
    )

    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()

    def services() -> set[str]:
        return {one["service"] for one in get(stack.address("sink", 8025), "/notifications")}

    eventually(lambda: len(services()) >= len(channels) and services(), within=90)
