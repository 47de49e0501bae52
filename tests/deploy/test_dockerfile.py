"""The images' recipe: linted by hadolint, everything by hash, and its commands are the program's."""

from __future__ import annotations

import fnmatch
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.exporter import ExporterProcess
from jackpot_exporter.demo.process import free_port

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text()
FINAL = TEXT.rpartition("\nFROM ")[2]


def hadolint(text: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "hadolint"), "--no-color", "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def instruction(name: str) -> list[str]:
    """The JSON form of an instruction of the final image."""
    found = re.search(rf"^{name} (?:--\S+ |\\\n|\s|CMD )*(\[.*\])$", FINAL, re.MULTILINE)
    assert found, name
    words: list[str] = json.loads(found[1])
    return words


def test_hadolint_has_nothing_to_say() -> None:
    done = hadolint(TEXT)

    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize(
    ("there", "instead", "rule"),
    [
        (r"^FROM python:\S+", "FROM python:latest", "DL3007"),
        (r"install --require-hashes --no-deps -r build.lock", "install hatchling", "DL3013"),
        (r"^WORKDIR /build", "WORKDIR build", "DL3000"),
    ],
    ids=["moving base", "unpinned package", "relative folder"],
)
def test_hadolint_would_complain(there: str, instead: str, rule: str) -> None:
    assert rule in hadolint(re.sub(there, instead, TEXT, flags=re.MULTILINE)).stdout


def test_the_base_is_named_by_its_digest() -> None:
    outside = [line for line in re.findall(r"^FROM (\S+)", TEXT, re.MULTILINE) if ":" in line]

    assert len(outside) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", outside[0])


def test_every_installation_is_by_hash_or_from_the_tree() -> None:
    installations = re.findall(r"pip (?:--python \S+ )?(?:install|wheel) ([^\\\n]*)", TEXT)

    assert len(installations) == 6
    assert [one for one in installations if not ("--require-hashes" in one or "--no-deps" in one)] == []
    assert sum("--require-hashes" in one for one in installations) == 4


@pytest.mark.parametrize("name", ["build", "demo", "report"])
def test_further_locks_agree_with_the_one_for_development(name: str) -> None:
    """`./run lock` renews requirements-dev.lock; these are parts of it."""
    lock = (ROOT / "deploy" / "docker" / f"{name}.lock").read_text()
    whole = (ROOT / "requirements-dev.lock").read_text()
    blocks = re.findall(r"^[a-z][^\n]*\n(?:    [^\n]*\n)*", lock, re.MULTILINE)

    assert len(blocks) >= 3
    assert [one.partition(" ")[0] for one in blocks if one.rstrip() not in whole] == []


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in re.findall(r"^COPY (?!--from)(.+)$", TEXT, re.MULTILINE) for word in line.split()[:-1]]

    assert [one for one in copied if not (ROOT / one).exists()] == []
    assert [one for one in copied if not any(fnmatch.fnmatch(one, a) or one.startswith(f"{a}/") for a in allowed)] == []
    assert [one for one in allowed if not (ROOT / one).exists()] == []


def test_it_runs_as_nobody() -> None:
    assert re.findall(r"^USER (.*)$", TEXT, re.MULTILINE) == ["65534:65534"]
    assert "FROM run AS exporter" in TEXT


def test_what_it_starts_is_a_command_of_ours() -> None:
    command = [*instruction("ENTRYPOINT"), *instruction("CMD")]
    command[0] = str(Path(sys.executable).parent / command[0])

    done = subprocess.run([*command, "--help"], capture_output=True, text=True, timeout=60, check=True)

    assert command[1:] == ["serve"]
    assert ":7777" in done.stdout


def test_its_health_check_knows_well_from_ill(exporter: Callable[..., ExporterProcess]) -> None:
    python, *rest = instruction("HEALTHCHECK")
    assert python == "python"
    well = exporter()

    def check(port: int) -> int:
        command = [sys.executable, *(word.replace(":7777/", f":{port}/") for word in rest)]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode

    assert check(well.port) == 0
    assert check(free_port()) != 0
