"""The profiles of docker-compose.yml: each brings a further system and what watches it, and nothing without it."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.composition import ROOT, Composition, compose_config, load_composition
from harness.waiting import eventually
from jackpot_exporter.demo.systems.ticketing.services import CRITICAL, SERVICES
from jackpot_exporter.packsettings import PACKS, pack_settings, shipped_systems

SYSTEMS = shipped_systems()
PLAIN: dict[str, Any] = load_composition()["services"]
FOLDER = ROOT / "deploy" / "compose" / "systems"
each_system = pytest.mark.parametrize("system", SYSTEMS)


def added(system: str) -> dict[str, Any]:
    """The services that a profile adds."""
    return {name: one for name, one in load_composition(system)["services"].items() if name not in PLAIN}


def settings(system: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{system}.yaml").read_text())
    return found


# --- what Compose and the eye can tell ------------------------------------------------------------------------


def test_every_system_is_a_profile() -> None:
    assert compose_config("--profiles", profile="*").stdout.split() == SYSTEMS


@pytest.mark.parametrize("profile", [*SYSTEMS, "*"])
def test_compose_accepts_the_profile_without_a_word(profile: str) -> None:
    done = compose_config("--quiet", profile=profile)

    assert (done.returncode, done.stderr) == (0, "")


@each_system
def test_a_profile_adds_a_system_and_changes_nothing(system: str) -> None:
    services = load_composition(system)["services"]

    assert {name: services[name] for name in PLAIN} == PLAIN
    assert {name.partition("-")[0] for name in added(system)} == {system}
    assert added(system).keys() >= {system, f"{system}-exporter", f"{system}-rules"}


def test_the_profiles_are_alike() -> None:
    """But for their names and the port that is published."""
    first, *others = [
        json.loads(re.sub(r'"published": "\d+"', '"published": ""', json.dumps(services)).replace(system, "SYSTEM"))
        for system in SYSTEMS
        for services in [{name: one for name, one in added(system).items() if not name.endswith("-backup")}]
    ]

    assert others == [first] * 2


@each_system
def test_its_exporter_reads_what_the_system_writes(system: str) -> None:
    """Names that no program checks: database, role, log, addresses."""
    own = settings(system)

    assert own["packs"] == [system]
    assert own["postgres"]["dsn"] == f"postgresql://{system}_exporter@postgres/{system}"
    assert own["service"]["health_url"] == f"http://{system}:8000/health"
    assert [one["path"] for one in own.get("logs", ())] in ([], [f"/var/log/jackpot/{system}.log"])
    assert own["web"] == yaml.safe_load((FOLDER.parent / "exporter.yaml").read_text())["web"]


def test_all_services_of_the_ticketing_platform_are_visited() -> None:
    own = settings("ticketing")["services"]

    assert [one["name"] for one in own] == list(SERVICES)
    assert {one["name"] for one in own if one.get("critical")} == CRITICAL
    assert all(one["health_url"] == f"http://ticketing:8000/services/{one['name']}/health" for one in own)


# --- what only running it can tell ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    with Composition(tmp_path_factory.mktemp("stack"), "*") as running:
        yield running


def ask(stack: Composition, service: str, port: int, path: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{stack.address(service, port)}{path}", timeout=20) as answer:
        text: str = answer.read().decode()
        return text


def families(page: str) -> set[str]:
    return set(re.findall(r"^# TYPE (\w+)", page, re.MULTILINE))


def jobs(stack: Composition) -> dict[tuple[str, str], str]:
    """How each target is, by its labels `service` and `job`."""
    found = json.loads(ask(stack, "prometheus", 9090, "/api/v1/targets"))["data"]["activeTargets"]
    return {(one["labels"].get("service", ""), one["labels"]["job"]): one["health"] for one in found}


def rule_files(stack: Composition) -> set[str]:
    groups = json.loads(ask(stack, "prometheus", 9090, "/api/v1/rules"))["data"]["groups"]
    return {Path(group["file"]).name for group in groups}


def rules_of(system: str) -> set[str]:
    return {path.name for path in (ROOT / "prometheus" / "rules").glob(f"{system}*.yml")}


@each_system
def test_its_health_check_knows_well_from_ill(system: str, stack: Composition, tmp_path: Path) -> None:
    assert stack.health_check(system).returncode == 0

    nobody_there = Composition(tmp_path, system)

    assert nobody_there.health_check(system).returncode != 0


@each_system
def test_every_collector_of_its_exporter_succeeds(system: str, stack: Composition) -> None:
    """With the role that the database's scripts make, and every query of the pack."""
    pack = pack_settings(PACKS / system)
    assert pack
    queries = {f"query_{name}" for name in pack.data["queries"]}

    def failing() -> set[str]:
        """Those that failed, or have not had their first round yet."""
        page = ask(stack, f"{system}-exporter", 7777, "/metrics")
        found = re.findall(r'^jackpot_exporter_collector_up\{collector="(\w+)"\} (\d)', page, re.MULTILINE)
        return {name for name, up in found if up == "0"} | ({*queries, "health", "redis"} - {name for name, _ in found})

    eventually(lambda: failing() == set(), within=90)


@each_system
def test_its_families_are_there(system: str, stack: Composition) -> None:
    """From the exporter those of its queries, of its health and of what else is watched; from the system its own."""
    watched = {f"{system}_up"}
    watched |= {f"{system}_log_messages_total"} if "logs" in settings(system) else set()
    watched |= {f"{system}_backup_files"} if "backups" in settings(system) else set()
    watched |= {f"{system}_service_up"} if "services" in settings(system) else set()
    pack = pack_settings(PACKS / system)
    assert pack
    asked = {name for query in pack.data["queries"].values() for name in query.get("metrics", ())}

    def shown() -> set[str]:
        return families(ask(stack, f"{system}-exporter", 7777, "/metrics"))

    eventually(lambda: watched <= shown(), within=60)
    eventually(lambda: len(asked & shown()) > len(asked) / 2, within=60)
    assert f"{system}_http_requests_total" in ask(stack, system, 8000, "/metrics")


@pytest.mark.parametrize(("system", "exporter"), [("jackpot", "exporter"), ("poker", "poker-exporter")])
def test_backups_are_made_and_good(system: str, exporter: str, stack: Composition, tmp_path: Path) -> None:
    """Judged at once, where the stack's own exporter waits for two minutes: it could be unfinished."""
    file = "settings.yaml" if system == "jackpot" else f"{system}.yaml"
    hastened = f"sed 's/pattern:/settle: 1ms, pattern:/' /etc/jackpot-exporter/{file} > {tmp_path}/settings.yaml"
    asked = f"jackpot-exporter once --config.file {tmp_path}/settings.yaml --collector backups"

    done = stack.run_in(exporter, f"{hastened} && {asked}")

    assert f'{system}_backup_verified{{backup="nightly"}} 1' in done.stdout.splitlines(), done.stdout + done.stderr


def test_prometheus_scrapes_and_judges_every_system(stack: Composition) -> None:
    wanted = {(system, job) for system in SYSTEMS for job in ("jackpot-exporter", system)}

    eventually(lambda: {way for way, health in jobs(stack).items() if health == "up"} >= wanted, within=90)
    eventually(lambda: rule_files(stack) >= set().union(*map(rules_of, SYSTEMS)), within=90)
    checked = stack.run_in("prometheus", "promtool check config /etc/prometheus/prometheus.yml")

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "poker-objectives.yml" in checked.stdout


def test_rules_and_targets_come_and_go_with_the_profile(stack: Composition) -> None:
    """Nobody tells Prometheus."""

    def is_known() -> bool:
        return rule_files(stack) >= rules_of("backoffice") and ("backoffice", "backoffice") in jobs(stack)

    def is_unknown() -> bool:
        return not rule_files(stack) & rules_of("backoffice") and not [
            way for way in jobs(stack) if "backoffice" in way
        ]

    eventually(is_known, within=90)
    stack.stop("backoffice-rules")
    eventually(is_unknown, within=90)
    stack.start("backoffice-rules")
    eventually(is_known, within=90)
