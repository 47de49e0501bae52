"""What is shipped: locked by hash, listed in full, built the same twice."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
NAME = "jackpot-exporter"
LOCKS = sorted(str(path.relative_to(ROOT)) for path in (*ROOT.glob("*.lock"), *ROOT.glob("deploy/**/*.lock")))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def normal(requirement: str) -> str:
    """The name of what is required, as registries compare names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0]).lower()


def sbom(lock: Path | str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "release", str(lock)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    said = sbom("requirements.lock")
    assert said.returncode == 0, said.stderr
    found: dict[str, Any] = json.loads(said.stdout)
    return found


@pytest.mark.parametrize("path", LOCKS)
def test_everything_in_a_lock_is_pinned_to_hashes(path: str) -> None:
    said = sbom(path)

    assert (said.returncode, said.stderr) == (0, "")
    assert len(json.loads(said.stdout)["components"]) >= 3


@pytest.mark.parametrize(
    "entry",
    ["aiohttp==3.0 \\\n    # via us\n", "aiohttp>=3 \\\n    --hash=sha256:" + "0" * 64, "aiohttp @ https://x/y.whl"],
)
def test_what_is_not_pinned_is_refused(tmp_path: Path, entry: str) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text(entry)

    said = sbom(lock)

    assert said.returncode == 1
    assert said.stderr.startswith("sbom: not pinned")


def test_environments_are_set_up_by_hash_alone() -> None:
    installs = re.findall(r"install (.*-r \S+\.lock)", (ROOT / "run").read_text())

    assert len(installs) >= 2
    assert all("--require-hashes --no-deps" in line for line in installs)


def test_the_bill_lists_what_is_locked_and_nothing_else(bill: dict[str, Any]) -> None:
    lock = (ROOT / "requirements.lock").read_text()

    listed = {(one["name"], one["version"]) for one in bill["components"]}
    hashes = [found["content"] for one in bill["components"] for found in one["hashes"]]
    assert listed == set(re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE))
    assert hashes == re.findall(r"sha256:(\w+)", lock)
    assert all(one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}" for one in bill["components"])


def test_the_bill_says_who_needs_what(bill: dict[str, Any]) -> None:
    needs = {one["ref"]: set(one["dependsOn"]) for one in bill["dependencies"]}
    root = bill["metadata"]["component"]["bom-ref"]

    reached, further = {root}, needs[root]
    while further:
        reached |= further
        further = {purl for one in further for purl in needs[one]} - reached

    assert reached == {root, *(one["bom-ref"] for one in bill["components"])}
    assert {re.split("[/@]", purl)[1] for purl in needs[root]} >= {normal(name) for name in PROJECT["dependencies"]}


def test_the_bill_is_what_runs_here(bill: dict[str, Any]) -> None:
    """What pip knows of this environment, for what the markers let in."""
    here = {normal(found.metadata["Name"]): found.version for found in metadata.distributions()}
    locked = {one["name"]: one["version"] for one in bill["components"] if "properties" not in one}

    assert {name: here.get(name) for name in locked} == locked
    assert NAME in here


def test_the_bill_is_the_same_twice(bill: dict[str, Any]) -> None:
    assert json.loads(sbom("requirements.lock").stdout) == bill
    assert json.loads(sbom("deploy/audit.lock").stdout)["serialNumber"] != bill["serialNumber"]


def test_the_wheel_is_the_same_bytes_twice(tmp_path: Path) -> None:
    wheels = [
        build(tmp_path / name, umask, seconds) for name, umask, seconds in (("a", 0o022, 0), ("b", 0o077, 86_400))
    ]

    assert wheels[0] == wheels[1]


def build(folder: Path, umask: int, older_seconds: int) -> str:
    """The hash of a wheel made in a copy of the tree of this age, by a user with this umask."""
    before = os.umask(umask)
    try:
        shutil.copytree(ROOT / "exporter", folder / "exporter", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copyfile(ROOT / name, folder / name)
        for path in folder.rglob("*"):
            stamp = path.stat().st_mtime - older_seconds
            os.utime(path, (stamp, stamp))
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "dist")]
        environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120, env=environment)
    finally:
        os.umask(before)
    (wheel,) = (folder / "dist").iterdir()
    return hashlib.sha256(wheel.read_bytes()).hexdigest()
