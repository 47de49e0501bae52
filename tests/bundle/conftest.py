"""The shipped packs compiled once, promtool of both supported versions, and a small folder of packs to break."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.promtool import PROMTOOLS, Verdict, run_promtool
from harness.small_packs import write_small
from jackpot_exporter import tools
from jackpot_exporter.bundle import Artifact, PackSet, compile_bundle, generate, load_packs


@pytest.fixture(scope="session")
def packs() -> PackSet:
    return load_packs()


@pytest.fixture(scope="session")
def artifacts(packs: PackSet) -> list[Artifact]:
    return compile_bundle(packs)


@pytest.fixture(scope="session")
def written(artifacts: list[Artifact], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped packs as files."""
    root = tmp_path_factory.mktemp("bundle")
    generate(artifacts, root, check=False)
    return root


@pytest.fixture(scope="session", params=PROMTOOLS, ids=lambda name: f"promtool-{name}")
def promtool(request: pytest.FixtureRequest) -> Path:
    path = tools.find("promtool", PROMTOOLS[request.param])
    assert tools.version_of(path).startswith(request.param)
    return path


@pytest.fixture(scope="session")
def verdicts(promtool: Path, written: Path) -> list[Verdict]:
    """Every rule test run, two files at a time; the longest first."""
    files = sorted((written / "prometheus" / "tests").glob("*.yml"), key=lambda file: -file.stat().st_size)
    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(lambda file: run_promtool(promtool, "test", "rules", file), files))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with one small pack that is right."""
    return write_small(tmp_path / "packs")
