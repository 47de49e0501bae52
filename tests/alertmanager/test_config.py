"""The compiled configuration: accepted without a warning, started by both versions, with no secret in it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from jackpot_exporter import tools
from jackpot_exporter.bundle.command import run
from jackpot_exporter.demo.programs import SinkProcess
from jackpot_exporter.demo.site import SiteAlertmanager, write_site

VERSIONS = {"0.25": None, "0.33": "current"}
versions = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture(scope="module", params=VERSIONS)
def generated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """A version, and what `generate --alertmanager-version` writes for it."""
    root = tmp_path_factory.mktemp("generated")
    assert run(root, alertmanager_version=request.param) == 0
    return request.param, root / "alertmanager" / "alertmanager.yml"


def test_amtool_accepts_it_without_a_warning(generated: tuple[str, Path]) -> None:
    version, file = generated

    accepted = check(version, file)

    assert accepted.returncode == 0, accepted.stderr
    assert "warn" not in (accepted.stdout + accepted.stderr).lower()
    assert "1 templates" in accepted.stdout


def test_the_strict_matchers_of_newer_versions_accept_it(generated: tuple[str, Path]) -> None:
    """The strict mode warns only of being in force."""
    accepted = check("0.33", generated[1], "--enable-feature=utf8-strict-mode")

    assert accepted.returncode == 0, accepted.stderr
    warnings = [line for line in accepted.stderr.splitlines() if "warn" in line.lower()]
    assert [line for line in warnings if "UTF-8 strict mode enabled" not in line] == []


def check(version: str, file: Path, *options: str) -> subprocess.CompletedProcess[str]:
    amtool = str(tools.find("amtool", VERSIONS[version]))
    command = [amtool, *options, "check-config", str(file)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@versions
def test_it_starts_and_warns_of_nothing(version: str, tmp_path: Path) -> None:
    values = {"routing": {"alertmanager_version": version}}
    with SinkProcess() as sink:
        site = write_site(tmp_path, sink, values)
        with SiteAlertmanager(site, version=VERSIONS[version]) as server:
            found = yaml.safe_load(server.api("/api/v2/status")["config"]["original"])
            log = server.log_text()

    assert {receiver["name"] for receiver in found["receivers"]} >= {"watchdog", "log", "slack", "email-critical"}
    assert log == ""


def test_the_newer_keys_stand_only_in_the_newer_file(generated: tuple[str, Path]) -> None:
    version, file = generated
    config = yaml.safe_load(file.read_text())

    telegram = next(one for one in config["receivers"] if one["name"] == "telegram")["telegram_configs"][0]
    names = [rule.get("name") for rule in config["inhibit_rules"]]

    if version == "0.33":
        assert telegram["bot_token_file"] == "/etc/alertmanager/secrets/telegram-token"
        assert "maintenance" in names
    else:
        assert (telegram["bot_token"], telegram["api_url"]) == ("gateway", "http://localhost:8081")
        assert set(names) == {None}


def test_secrets_are_files(generated: tuple[str, Path]) -> None:
    _, file = generated
    secret = re.compile(r"(key|token|password|credentials|api_url)$")

    found = {
        (key, value)
        for key, value in leaves(yaml.safe_load(file.read_text()))
        if secret.search(key) and (key, value) not in {("bot_token", "gateway"), ("api_url", "http://localhost:8081")}
    }

    assert found == set()


def leaves(value: Any, key: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, name)]
    if isinstance(value, list):
        return [leaf for inner in value for leaf in leaves(inner, key)]
    return [(key, value)]


def test_a_version_that_is_no_version_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, alertmanager_version="0.24") == 2
    assert run(tmp_path, alertmanager_version="new") == 2

    said = capsys.readouterr().err
    assert '"0.24" is too old' in said
    assert '"new" is not a version; write it like 0.33' in said
    assert list(tmp_path.iterdir()) == []
