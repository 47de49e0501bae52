"""What is released: one version, archives that hold what they must, and an install that can be taken away whole."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from harness.composition import ROOT
from jackpot_exporter import __version__
from jackpot_exporter.tools import packages


def build(source: Path, folder: Path) -> dict[str, Path]:
    """The archives by their endings."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(ROOT, tmp_path_factory.mktemp("dist"))


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


# --- one version ----------------------------------------------------------------------------------------------


def test_the_version_stands_in_one_place(archives: dict[str, Path]) -> None:
    """Everything else takes it from there, or is held to it."""
    chart = yaml.safe_load((ROOT / "deploy" / "helm" / "Chart.yaml").read_text())
    deployment = (ROOT / "deploy" / "kubernetes" / "deployment.yaml").read_text()

    assert {chart["version"], chart["appVersion"]} == {__version__}
    assert f"image: jackpot-exporter:{__version__}\n" in deployment
    assert archives[".whl"].name.startswith(f"jackpot_exporter-{__version__}-")
    assert archives[".gz"].name == f"jackpot_exporter-{__version__}.tar.gz"


def test_the_change_list_begins_with_what_comes_next() -> None:
    headings = re.findall(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert headings[0] == "Unreleased" or headings[0].startswith(f"{__version__} ")


# --- archives -------------------------------------------------------------------------------------------------


def test_the_wheel_holds_every_file_of_the_package(archives: dict[str, Path]) -> None:
    package = ROOT / "exporter" / "jackpot_exporter"
    files = {path for path in package.rglob("*") if path.is_file() and path.suffix != ".pyc"}
    expected = {f"jackpot_exporter/{path.relative_to(package)}" for path in files}

    found = {name for name in contents(archives[".whl"]) if ".dist-info/" not in name}

    assert found == expected


def test_the_wheel_can_be_made_of_the_source_archive(archives: dict[str, Path], tmp_path: Path) -> None:
    """Byte by byte the same, so the source archive lacks nothing."""
    with tarfile.open(archives[".gz"]) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()

    again = build(source, tmp_path / "again")

    assert contents(again[".whl"]) == contents(archives[".whl"])


def test_the_source_archive_can_be_tested_and_deployed(archives: dict[str, Path]) -> None:
    with tarfile.open(archives[".gz"]) as archive:
        tops = {name.split("/")[1] for name in archive.getnames() if "/" in name}

    needed = {"exporter", "tests", "bench", "docs", "deploy", "prometheus", "alertmanager", "grafana", "run"}
    files = {"README.md", "LICENSE", "CHANGELOG.md", "Dockerfile", "docker-compose.yml", "kustomization.yaml"}
    assert tops >= needed | files | {"requirements.lock", "requirements-dev.lock"}


def test_what_the_package_needs_is_locked() -> None:
    """Everything that `pip install` would bring stands in requirements.lock with its hash."""
    lock = (ROOT / "requirements.lock").read_text()
    needed = [entry for entry in requires("jackpot-exporter") or () if "extra ==" not in entry]
    names = {re.split(r"[\[<>=~! ;]", entry)[0].lower() for entry in needed}

    assert {name for name in names if not re.search(rf"^{name}==", lock, re.MULTILINE)} == set()


# --- an install -----------------------------------------------------------------------------------------------


def pip() -> str:
    """A pip that need not be installed, from where `./run` has it too."""
    places = [Path("/usr/share/python-wheels"), packages.cache_folder() / "pip" / "usr" / "share" / "python-wheels"]
    if (bundled := find_spec("ensurepip")) and bundled.origin:
        places.append(Path(bundled.origin).parent / "_bundled")
    return str(next(wheel for place in places for wheel in sorted(place.glob("pip-*.whl"))))


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """An environment of its own; what the package depends on is lent to it, so that nothing is fetched."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True)
    return tmp_path / "venv"


def in_fresh(fresh: Path, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [str(fresh / "bin" / arguments[0]), *arguments[1:]],
        env={"PATH": os.environ["PATH"], "HOME": str(fresh.parent), **environment},
        cwd=fresh.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_an_install_can_be_taken_away_whole(archives: dict[str, Path], fresh: Path) -> None:
    before = tree(fresh)
    lent = os.pathsep.join(path for path in sys.path if path.endswith("site-packages"))
    quiet = ("-m", "pip", "--quiet", "--disable-pip-version-check")

    in_fresh(fresh, "python", *quiet, "install", "--no-deps", "--no-index", str(archives[".whl"]), PYTHONPATH=pip())
    version = in_fresh(fresh, "jackpot-exporter", "--version", PYTHONPATH=lent)
    text = in_fresh(fresh, "jackpot-exporter", "once", "--collector", "host", PYTHONPATH=lent)
    place = in_fresh(fresh, "python", "-c", "import jackpot_exporter as j; print(j.__file__)", PYTHONPATH=lent)
    in_fresh(fresh, "python", *quiet, "uninstall", "--yes", "jackpot-exporter", PYTHONPATH=pip())

    assert version.strip().endswith(__version__)
    assert "node_load1 " in text
    assert place.startswith(str(fresh))
    assert tree(fresh) - before == set()
