"""What is released: one version, archives that hold what they must, and an install that can be taken away whole."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import requires
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from harness import helm
from harness.composition import ROOT
from jackpot_exporter import __version__
from jackpot_exporter.tools import packages


def build(source: Path, folder: Path) -> dict[str, Path]:
    """Wheel and source archive by their endings."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {path.suffix: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree, after `./run build`."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in listed():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name, follow_symlinks=False)
    lend_environment(folder)

    done = subprocess.run([folder / "run", "build"], cwd="/", capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def archives(checkout: Path) -> dict[str, Path]:
    """What it left in dist/, by their endings."""
    return {path.suffix: path for path in (checkout / "dist").iterdir()}


def listed() -> list[str]:
    """Every file that is or will be committed; of an unpacked source archive, every file."""
    if not (ROOT / ".git").exists():
        return [name for name in files_in(ROOT) if not name.startswith(UNLISTED)]
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).exists()]


UNLISTED = (".venv/", "dist/")


def files_in(folder: Path) -> Iterator[str]:
    """Through links to folders, too."""
    for place, _, names in os.walk(folder, followlinks=True):
        yield from (str((Path(place) / name).relative_to(folder)) for name in names)


def lend_environment(checkout: Path) -> None:
    """The one that runs here, with the stamp that says that it is complete: nothing is fetched."""
    (checkout / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (checkout / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    stamp = "cat requirements-dev.lock pyproject.toml | cksum >.venv/.stamp"
    subprocess.run(["sh", "-c", stamp], cwd=checkout, check=True)


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


def test_a_build_makes_three(archives: dict[str, Path]) -> None:
    assert {path.name for path in archives.values()} == {
        f"jackpot_exporter-{__version__}-py3-none-any.whl",
        f"jackpot_exporter-{__version__}.tar.gz",
        f"jackpot-exporter-{__version__}.tgz",
    }


def test_what_is_built_is_not_committed() -> None:
    assert "dist/" in (ROOT / ".gitignore").read_text().splitlines()


def test_the_chart_is_the_one_of_the_tree(archives: dict[str, Path]) -> None:
    """Its links lead out of its folder; the archive has what they lead to."""
    everything = {"systems": ["poker"], "shards": 2, "settings": {"targets": {"a": {}}}}

    assert helm.render(everything, archives[".tgz"]) == helm.render(everything)


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


def test_the_source_archive_holds_everything(checkout: Path, archives: dict[str, Path]) -> None:
    """What links lead to, too: in the chart as files, and where it really is."""
    with tarfile.open(archives[".gz"]) as archive:
        found = {name.partition("/")[2] for name in archive.getnames()}

    wanted = {name for name in files_in(checkout) if not name.startswith(UNLISTED)}

    assert wanted - found == set()
    assert found - wanted <= {"PKG-INFO"}


def test_what_the_package_needs_is_locked() -> None:
    """Everything that `pip install` would bring stands in requirements.lock with its hash."""
    lock = (ROOT / "requirements.lock").read_text()
    needed = [entry for entry in requires("jackpot-exporter") or () if "extra ==" not in entry]
    names = {re.split(r"[\[<>=~! ;]", entry)[0].lower() for entry in needed}

    assert {name for name in names if not re.search(rf"^{name}==", lock, re.MULTILINE)} == set()


# --- an install -----------------------------------------------------------------------------------------------


SETTINGS = sorted(str(path) for path in ROOT.glob("deploy/compose/systems/*.yaml") if "targets" not in path.name)
"""Those that name packs: a wheel that lacked one could not check them."""


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
    checked = [
        in_fresh(fresh, "jackpot-exporter", "check", "--config.file", file, PYTHONPATH=lent) for file in SETTINGS
    ]
    place = in_fresh(fresh, "python", "-c", "import jackpot_exporter as j; print(j.__file__)", PYTHONPATH=lent)
    in_fresh(fresh, "python", *quiet, "uninstall", "--yes", "jackpot-exporter", PYTHONPATH=pip())

    assert version.strip().endswith(__version__)
    assert "node_load1 " in text
    assert ["settings are valid" in one for one in checked] == [True] * 3
    assert place.startswith(str(fresh))
    assert tree(fresh) - before == set()
