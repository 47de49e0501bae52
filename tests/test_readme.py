"""Every command of the README runs, as it stands there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import Database
from harness.pool_table import TABLE
from harness.waiting import eventually
from jackpot_exporter.demo.programs import fetch
from jackpot_exporter.demo.servers import AlertmanagerServer, PrometheusServer, RedisServer, free_port
from jackpot_exporter.tools import find

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


COMMANDS = [line for block in blocks("sh") for line in block.splitlines() if line]


@pytest.fixture
def folder(tmp_path: Path, database: Database, shared_redis: RedisServer) -> Path:
    """A folder with the README's settings, its sources replaced by real ones."""
    database.execute(TABLE)
    database.execute("insert into jackpots values ('mega', 1, 1, 0, null, null, 1, now(), now())")
    (tmp_path / "password").write_text("any\n")
    text = blocks("yaml")[0]
    for there, here in {
        "postgresql://exporter@db.example/jackpot": database.dsn,
        "/run/secrets/postgres": str(tmp_path / "password"),
        "redis://cache.example:6379/0": shared_redis.url,
    }.items():
        assert there in text
        text = text.replace(there, here)
    (tmp_path / "settings.yaml").write_text(text)
    return tmp_path


def run(command: str, folder: Path, seconds: float = 300) -> subprocess.CompletedProcess[str]:
    places = (Path(sys.executable).parent, find("promtool").parent, os.environ["PATH"])
    path = os.pathsep.join(map(str, places))
    return subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        env={**os.environ, "PATH": path},
    )


def test_these_are_the_commands() -> None:
    """A new command in the README needs a test below."""
    assert COMMANDS == [
        "./run demo",
        "./run test",
        "python3 -m venv venv",
        "venv/bin/pip install .",
        "venv/bin/jackpot-exporter --version",
        "jackpot-exporter check --config.file settings.yaml",
        "jackpot-exporter once --config.file settings.yaml --collector pools",
        "jackpot-exporter serve --config.file settings.yaml --web.listen-address :7777",
        "jackpot-exporter generate --values values.yaml --out site",
        "jackpot-exporter alerts list",
        'jackpot-exporter alerts ack JackpotServiceDown --for 2h --comment "restarting it"',
        "jackpot-exporter report --kind health --since 24h --format html --output health.html",
        "jackpot-exporter once --config.file kiosk.yaml --collector query_orders",
        "jackpot-exporter generate --values kiosk-values.yaml --out lobby",
        "promtool test rules lobby/prometheus/tests/kiosk_test.yml",
    ]


def test_the_two_commands_of_the_first_screen() -> None:
    assert README.index("./run demo") < README.index("./run test") < 1800

    demo = run("./run demo --for 3s", ROOT)
    tests = run("./run test --collect-only -q tests/test_readme.py -p no:cacheprovider", ROOT)

    assert demo.returncode == 0, demo.stderr
    assert "collectors up" in demo.stdout
    assert tests.returncode == 0, tests.stdout
    assert re.search(r"\d+ tests collected", tests.stdout)


def test_the_package_installs_as_the_readme_says(tmp_path: Path) -> None:
    """From the sources alone, with the dependencies of this environment instead of a download of them."""
    sources = tmp_path / "sources"
    shutil.copytree(
        ROOT, sources, ignore=shutil.ignore_patterns(".venv", ".git", ".hypothesis", ".*_cache", "__pycache__")
    )
    python = sys.executable
    build = f"{python} -m hatchling build -t wheel -d wheels && {python} -m zipfile -e wheels/*.whl unpacked"
    for command in (f"{python} -m venv --without-pip --system-site-packages venv", build):
        made = run(command, sources)
        assert made.returncode == 0, made.stderr
    site = next(Path(sys.prefix).glob("lib/python*/site-packages"))

    done = run(f"PYTHONPATH=unpacked:{site} venv/bin/python -m jackpot_exporter --version", sources)

    assert done.stdout.startswith("jackpot-exporter, version "), done.stderr
    assert (sources / "unpacked" / "jackpot_exporter" / "demo" / "schema.sql").exists()
    assert (sources / "unpacked" / "jackpot_exporter" / "web" / "live" / "page" / "page.js").exists()


def test_check_and_once(folder: Path) -> None:
    checked = run(COMMANDS[5], folder)
    connected = run(COMMANDS[5] + " --connect", folder)
    collected = run(COMMANDS[6], folder)

    assert checked.returncode == 0, checked.stderr
    assert connected.returncode == 0, connected.stdout
    assert 'jackpot_pool_amount_cents{pool="mega"} 1' in collected.stdout


def test_serve(folder: Path) -> None:
    port = free_port()
    command = COMMANDS[7].replace(":7777", f":{port}").split()
    command[0] = f"{Path(sys.executable).parent}/{command[0]}"

    with subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL) as serving:
        page = eventually(lambda: fetch(f"http://127.0.0.1:{port}/").decode(), within=60)
        eventually(lambda: fetch(f"http://127.0.0.1:{port}/-/ready"), within=60)
        serving.terminate()

    assert serving.returncode == 0
    assert "<h1>jackpot-exporter" in page


def test_generate(tmp_path: Path) -> None:
    (tmp_path / "values.yaml").write_text("retention: 30d\n")

    done = run(COMMANDS[8], tmp_path)

    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "prometheus" / "rules" / "jackpot.yml").exists()
    assert (tmp_path / "site" / "alertmanager" / "alertmanager.yml").exists()


def test_alerts_list_and_ack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {
        "alertname": "JackpotServiceDown",
        "incident": "JackpotServiceDown",
        "service": "demo",
        "severity": "critical",
    }
    receivers = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    with AlertmanagerServer(receivers) as alertmanager:
        monkeypatch.setenv("ALERTMANAGER_URL", alertmanager.url)
        alertmanager.post_alerts([{"labels": labels, "annotations": {"summary": "The service is down."}}])
        eventually(alertmanager.alerts)

        listed, taken = run(COMMANDS[9], tmp_path), run(COMMANDS[10], tmp_path)
        after = run(COMMANDS[9], tmp_path)

    assert "The service is down." in listed.stdout, listed.stderr
    assert taken.returncode == 0, taken.stderr
    assert "acknowledged" in after.stdout


def test_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first day nothing has been recorded yet, and the page says so."""
    receivers = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    with AlertmanagerServer(receivers) as alertmanager, PrometheusServer({"scrape_configs": []}) as prometheus:
        monkeypatch.setenv("ALERTMANAGER_URL", alertmanager.url)
        monkeypatch.setenv("PROMETHEUS_URL", prometheus.url)

        done = run(COMMANDS[11], tmp_path)

    page = (tmp_path / "health.html").read_text()
    assert done.returncode == 0, done.stderr
    assert "<h1>Health</h1>" in page
    assert "no data" in page


def test_a_pack_of_ones_own(tmp_path: Path, database: Database) -> None:
    """Written down from the README's blocks, and nothing else."""
    for block in blocks("yaml"):
        if named := re.match(r"# (kiosk\S*\.yaml)\n", block):
            file = tmp_path / named[1]
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.replace("postgresql://exporter@db.example/kiosk", database.dsn))
    database.execute(blocks("sql")[0])
    database.execute("insert into orders values (1, 'open'), (2, 'open'), (3, 'paid')")

    collected, compiled, tested = (run(command, tmp_path) for command in COMMANDS[12:])

    assert collected.returncode == 0, collected.stderr
    assert 'kiosk_orders{state="open"} 2' in collected.stdout
    assert compiled.returncode == 0, compiled.stderr
    assert tested.returncode == 0, tested.stdout
    assert "SUCCESS" in tested.stdout
    assert "KioskOrdersWaiting" in (tmp_path / "lobby/prometheus/rules/kiosk.yml").read_text()
    assert "KioskOrdersWaiting" in (tmp_path / "lobby/prometheus/RUNBOOK.md").read_text()
    assert (tmp_path / "lobby/grafana/dashboards/business/kiosk.json").exists()


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http)([^)#]+)", README)

    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
