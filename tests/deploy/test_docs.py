"""The documents say what is so: references match the code, links lead somewhere, commands run."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import migration_reference, settings_reference
from harness.composition import ROOT, Composition
from harness.waiting import eventually

DOCUMENTS = sorted([*ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md"), ROOT / "README.md"])
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", OPERATIONS, re.DOTALL) for line in block.splitlines() if line
]
INSTALLATION = re.findall(r"```console\n(.*?)```", OPERATIONS, re.DOTALL)[0].splitlines()


# --- references -----------------------------------------------------------------------------------------------


def test_the_settings_are_described_as_they_are() -> None:
    refresh = "PYTHONPATH=tests python -m harness.settings_reference"

    assert settings_reference.FILE.read_text() == settings_reference.render(), refresh


def test_every_block_and_key_is_described() -> None:
    """Told apart from the text by being the first cell of a row."""
    text = settings_reference.FILE.read_text()

    assert len(re.findall(r"^## `", text, re.MULTILINE)) > 25
    assert len(re.findall(r"^\| `\w+` \|", text, re.MULTILINE)) > 150


def test_the_differences_are_those_that_tests_know() -> None:
    text = migration_reference.FILE.read_text()

    assert text == migration_reference.render(text), "PYTHONPATH=tests python -m harness.migration_reference"
    assert len(re.findall(r"^\| `(?:pg|redis|node)\w+` \|", text, re.MULTILINE)) > 25


# --- links ----------------------------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """As the usual hosts make them from headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken(document: Path) -> Iterator[str]:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        aim = (document.parent / path).resolve() if path else document
        if not aim.exists() or (anchor and anchor not in anchors(aim)):
            yield link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    assert list(broken(document)) == []


def test_a_broken_link_would_be_found(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text("# One\n[well](#one) [ill](#two) [gone](gone.md)\n")

    assert list(broken(document)) == ["#two", "gone.md"]


# --- commands -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    with Composition(tmp_path_factory.mktemp("stack")) as running:
        labels = {"alertname": "JackpotCacheDown", "incident": "JackpotCacheDown", "service": "jackpot"}
        more = {"pack": "jackpot", "severity": "critical", "priority": "P1", "channels": "/slack/"}
        fire(running.address("alertmanager", 9093), {**labels, **more})
        eventually(lambda: running.health_check("prometheus").returncode == 0, within=60)
        yield running


def fire(address: str, labels: dict[str, str]) -> None:
    request = urllib.request.Request(
        f"http://{address}/api/v2/alerts",
        data=json.dumps([{"labels": labels, "annotations": {"summary": "Redis is down."}}]).encode(),
        headers={"Content-Type": "application/json"},
    )
    urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20).close()


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_runs(command: str, stack: Composition) -> None:
    if "alerts unack" in command:
        # Commands run in any order here, and only what is taken can be given back.
        stack.run_in("exporter", COMMANDS[COMMANDS.index(command) - 1])

    done = stack.run_in("prometheus" if command.startswith("promtool") else "exporter", command)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [one for one in COMMANDS if one.startswith("promtool")])
def test_the_query_asks_for_what_there_is(command: str) -> None:
    known = set(re.findall(r"^\| `(\w+)`", (ROOT / "prometheus" / "METRICS.md").read_text(), re.MULTILINE))
    query = re.sub(r'\{[^}]*\}|"[^"]*"|\bby \([^)]*\)', "", shlex.split(command)[-1])
    named = {name.removesuffix("_bucket") for name in re.findall(r"\b[a-z]+_[a-z_]{6,}\b(?!\()", query)}
    process = {name for name in named if name.startswith("process_")}

    assert named - process <= known
    assert named


def test_the_installation_is_made_of_what_other_tests_run() -> None:
    """It needs root and the network: what it lays out, installs and tells the database is tested piece by piece."""
    named = {word for line in INSTALLATION for word in line.split() if word[0] not in "/." and (ROOT / word).exists()}

    assert named == {"requirements.lock", "deploy/systemd/install", "deploy/sql/exporter-role.sql"}
    assert subprocess.run(["sh", "-n"], input="\n".join(INSTALLATION), text=True, check=False).returncode == 0
