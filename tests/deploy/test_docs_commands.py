"""Commands of the documents besides operations.md: run as they stand, or held by a test that is named here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.composition import ROOT
from jackpot_exporter.tools import find

NAMES = ("quickstart", "scaling", "upgrading", "faq", "reports")
PROGRAMS: dict[str, tuple[str, str | int]] = {"promtool": ("promtool", 3), "vmalert": ("vmalert", "current")}
SETTINGS = "/etc/jackpot-exporter/settings.yaml"

HELD = {
    "docker compose up --build": "tests/deploy/test_compose.py::test_every_collector_succeeds",
    "docker compose --profile poker up --build": (
        "tests/deploy/test_compose_systems.py::test_every_collector_of_its_exporter_succeeds"
    ),
    "docker compose --profile '*' down --volumes --rmi local": (
        "tests/deploy/test_compose_systems.py::test_compose_accepts_the_profile"
    ),
    "./run demo": "tests/test_readme.py::test_the_two_commands_of_the_first_screen",
    "./run demo fault": "tests/demo/test_faults_delivered.py::test_a_second_command_finds_the_demo",
    "./run demo fault redis-down on": "tests/demo/test_faults_delivered.py::test_a_second_command_finds_the_demo",
    "./run demo fault redis-down off": "tests/demo/test_faults_delivered.py::test_a_second_command_finds_the_demo",
    "pip install .": "tests/deploy/test_release.py::test_an_install_can_be_taken_away_whole",
    "export DATABASE_URL=postgresql://jackpot_exporter@db/jackpot": "tests/test_readme.py::test_check_and_once",
    "export REDIS_URL=redis://cache:6379/0": "tests/test_readme.py::test_check_and_once",
    "export JACKPOT_SERVICE_URL=http://jackpot:3001": "tests/test_readme.py::test_check_and_once",
    "jackpot-exporter check --connect": "tests/test_readme.py::test_check_and_once",
    "jackpot-exporter serve": "tests/test_readme.py::test_serve",
    **dict.fromkeys(
        (f"jackpot-exporter serve --config.file settings.yaml --shard {number}/3" for number in (1, 2, 3)),
        "tests/test_shards.py::test_exporters_with_one_file_find_disjoint_targets",
    ),
    "jackpot-exporter generate --values values.yaml --out new": "tests/test_readme.py::test_generate",
    "jackpot-exporter generate --values values.yaml --out site": "tests/test_readme.py::test_generate",
    "diff -r old new": "tests/bundle/test_generate.py::test_generate_brings_files_into_line",
    "jackpot-exporter report --kind health --since 24h --format html --output health.html": (
        "tests/report/test_command.py::test_the_page_is_the_default"
    ),
    "jackpot-exporter report --mail-to ops@example.com --smtp-host mail.example.com --smtp-user report"
    " --smtp-password-file /run/secrets/smtp": "tests/report/test_command.py::test_it_is_sent_and_not_printed",
    "jackpot-exporter report --webhook-file /run/secrets/chat-webhook": (
        "tests/report/test_command.py::test_it_is_sent_and_not_printed"
    ),
    "./run check": "tests/test_run.py::test_help_names_every_command",
    "./run test": "tests/test_readme.py::test_the_two_commands_of_the_first_screen",
    "./run build": "tests/deploy/test_release.py::test_the_wheel_can_be_made_of_the_source_archive",
}
"""They need Docker, the network, a person who looks, or two hours: what they do is tested there, piece by piece."""


def lines(kind: str) -> list[str]:
    texts = [(ROOT / "docs" / f"{name}.md").read_text() for name in NAMES]
    blocks = [block for text in texts for block in re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)]
    return list(dict.fromkeys(line for block in blocks for line in block.splitlines() if line))


@pytest.mark.parametrize("command", lines("sh"))
def test_the_command_runs(command: str, tmp_path: Path) -> None:
    program, *arguments = shlex.split(command)
    if program == "jackpot-exporter":
        if "--connect" in arguments:
            pytest.fail(f"{command}: it needs servers, and operations.md has them")
        settings = tmp_path / "settings.yaml"
        settings.write_text("redis: {url: redis://cache:6379/0}\n")
        whole = [sys.executable, "-m", "jackpot_exporter", *arguments]
        whole = [str(settings) if word == SETTINGS else word for word in whole]
    else:
        whole = [str(find(*PROGRAMS[program])), *arguments]

    done = subprocess.run(whole, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", lines("console"))
def test_the_command_is_held_by_a_test(command: str) -> None:
    file, _, name = HELD[command].partition("::")

    assert f"def {name}" in (ROOT / file).read_text()


def test_no_command_is_held_that_no_document_has() -> None:
    assert set(HELD) == set(lines("console"))


def test_no_document_is_forgotten() -> None:
    """Each one with commands is named by the tests that hold them."""
    texts = [path.read_text() for path in (ROOT / "tests").rglob("*.py")]
    documents = {
        path.stem for path in (ROOT / "docs").glob("*.md") if re.search(r"```(?:sh|console)\n", path.read_text())
    }

    assert {name for name in documents - {*NAMES} if not any(f"{name}.md" in text for text in texts)} == set()
