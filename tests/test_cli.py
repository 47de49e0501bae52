"""The commands as a user types them: what they print, and the status they end with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import Database
from jackpot_exporter.demo.servers import PostgresServer, free_port

Run = Callable[..., "subprocess.CompletedProcess[str]"]
SOURCES = ("DATABASE_URL", "REDIS_URL", "JACKPOT_SERVICE_URL", "PGHOST", "PGDATABASE", "PGSERVICE", "PGPASSWORD")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if name not in SOURCES}
        return subprocess.run(
            [sys.executable, "-m", "jackpot_exporter", *arguments],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            cwd=tmp_path,
            env=clean | environment,
        )

    return run


@pytest.fixture
def settings(tmp_path: Path) -> Callable[[str], str]:
    def write(text: str) -> str:
        file = tmp_path / "settings.yaml"
        file.write_text(text)
        return "settings.yaml"

    return write


def test_help_lists_every_command(run: Run) -> None:
    done = run("--help")

    assert done.returncode == 0
    for command in ("serve", "check", "once", "demo", "tools"):
        assert f"\n  {command} " in done.stdout


def test_the_version_is_the_package_s(run: Run) -> None:
    assert run("--version").stdout.startswith("jackpot-exporter, version ")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["nonsense"], id="unknown command"),
        pytest.param(["serve", "--nonsense"], id="unknown option"),
        pytest.param(["serve", "--web.listen-address", "nonsense"], id="no port"),
        pytest.param(["serve", "--web.listen-address", ":99999"], id="port out of range"),
        pytest.param(["serve", "--log.level", "loud"], id="log level"),
        pytest.param(["check", "--config.file", "no-such-file.yaml"], id="no file"),
        pytest.param(["once", "--target", "nobody"], id="unknown target"),
        pytest.param(["once", "--collector", "nothing"], id="unknown collector"),
    ],
)
def test_a_mistake_of_the_user_is_status_2_without_a_traceback(run: Run, arguments: list[str]) -> None:
    done = run(*arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()


def test_check_shows_all_problems_at_once(run: Run, settings: Callable[[str], str]) -> None:
    done = run("check", "--config.file", settings("interval: x\npols: {}\n"))

    assert done.returncode == 2
    assert done.stderr == (
        "settings.yaml:1:11: interval: not a duration; write 15s, 500ms or 1m30s\n"
        "    1 | interval: x\n"
        "                  ^\n"
        "settings.yaml:2:1: pols: not a known setting\n"
        "    2 | pols: {}\n"
        "        ^^^^\n"
        '    did you mean "pools"?\n'
    )


def test_check_says_what_would_run(run: Run, settings: Callable[[str], str]) -> None:
    done = run("check", "--config.file", settings("redis: {url: 'redis://cache'}\n"))

    assert done.returncode == 0
    assert done.stdout.startswith("settings are valid\nmain target: ")
    assert "redis" in done.stdout
    assert "pools" not in done.stdout


def test_check_connect_tells_each_source_and_the_missing_grant(
    run: Run, postgres: PostgresServer, database: Database
) -> None:
    database.execute('create table jackpots ("group" text)')
    postgres.create_role("checker", "pw-of-checker")
    dsn = postgres.dsn_of(database.name, "checker", "pw-of-checker")
    dead = f"redis://127.0.0.1:{free_port()}/0"

    done = run("check", "--connect", DATABASE_URL=dsn, REDIS_URL=dead)

    lines = {line.partition(":")[0]: line for line in done.stdout.splitlines()}
    assert done.returncode == 1
    assert lines["redis"].startswith("redis: refused")
    assert lines["pools"].startswith(("pools: missing", "pools: permission"))
    assert lines["host"].startswith("host: ok")
    assert "pw-of-checker" not in done.stdout + done.stderr


def test_a_wrong_password_is_an_auth_failure_and_is_not_shown(
    run: Run, postgres: PostgresServer, database: Database
) -> None:
    postgres.create_role("locked_out", "right")

    done = run(
        "once", "--collector", "pools", DATABASE_URL=postgres.dsn_of(database.name, "locked_out", "wrong-secret")
    )

    assert done.returncode == 1
    assert "reason=auth" in done.stderr
    assert "wrong-secret" not in done.stdout + done.stderr


def test_once_writes_prometheus_text(run: Run) -> None:
    done = run("once", "--collector", "host")

    assert done.returncode == 0
    assert "# TYPE node_load1 gauge\nnode_load1 " in done.stdout
    assert 'jackpot_exporter_collector_up{collector="host"} 1' in done.stdout


def test_tools_lists_what_is_there(run: Run) -> None:
    done = run("tools", "list")

    assert done.returncode == 0
    assert "prometheus@3" in done.stdout
