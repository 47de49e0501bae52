"""Outside programs are found in a fixed order, in the version asked for, or a message says what brings them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jackpot_exporter import tools
from jackpot_exporter.errors import ToolError
from jackpot_exporter.tools import launchers, packages


@pytest.fixture
def path_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH; the cache is empty."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("JACKPOT_EXPORTER_CACHE", str(tmp_path / "cache"))
    return folder


def _program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return path


def test_path_comes_before_the_cache(path_folder: Path) -> None:
    expected = _program(path_folder / "prometheus", "prometheus, version 2.42.0")
    _program(packages.cache_folder() / "prometheus@3" / "bin" / "prometheus", "prometheus, version 3.5.0")

    assert tools.find("prometheus") == expected


def test_a_version_is_found_behind_another(path_folder: Path) -> None:
    _program(path_folder / "prometheus", "prometheus, version 2.42.0")
    expected = _program(packages.cache_folder() / "prometheus@3" / "bin" / "prometheus", "prometheus, version 3.5.0")

    assert tools.find("prometheus", 3) == expected
    assert tools.version("prometheus", 3) == "3.5.0"


def test_a_major_version_is_no_prefix_of_a_longer_one(path_folder: Path) -> None:
    _program(path_folder / "prometheus", "prometheus, version 30.1.0")

    with pytest.raises(ToolError):
        tools.find("prometheus", 3)


def test_debians_name_of_a_program_is_known(path_folder: Path) -> None:
    expected = _program(path_folder / "prometheus-alertmanager", "alertmanager, version 0.25.0")

    assert tools.find("alertmanager") == expected


@pytest.mark.parametrize(
    ("program", "version", "brings"),
    [
        ("promtool", None, "tools fetch prometheus`"),
        ("amtool", "current", "tools fetch alertmanager@current`"),
        ("redis-server", 8, "tools fetch redis@8`"),
        ("redis-server", 9, "no known tool brings it"),
        ("nonsense", None, "no known tool brings it"),
    ],
)
def test_a_missing_program_says_what_brings_it(
    path_folder: Path, program: str, version: str | int | None, brings: str
) -> None:
    with pytest.raises(ToolError, match=brings):
        tools.find(program, version)


def test_an_unknown_tool_is_named_with_the_known_ones() -> None:
    with pytest.raises(ToolError, match="'promethius' is not a known tool; known are postgres"):
        tools.fetch(["promethius"])


def test_without_apt_the_message_names_another_way(path_folder: Path) -> None:
    with pytest.raises(ToolError, match=r"prometheus-sql-exporter: not installed.*(brew install|docker run)"):
        tools.fetch(["prometheus-sql-exporter"])


def test_fetching_what_is_there_needs_no_package_manager(path_folder: Path) -> None:
    _program(path_folder / "pgbouncer", "PgBouncer 1.18.0")

    (found,) = tools.fetch(["pgbouncer"])

    assert found.version == "1.18.0"


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)", "15.18"),
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0", "7.0.15"),
        ("sql_exporter, version  (branch: )\n  go version:  go1.26.4", "unknown"),
    ],
)
def test_versions_are_read(tmp_path: Path, says: str, version: str) -> None:
    assert tools.version_of(_program(tmp_path / "program", says)) == version


def test_a_launcher_gives_its_program_the_libraries_beside_it(tmp_path: Path) -> None:
    folder, final = tmp_path / "made", tmp_path / "final name"
    program = _program(folder / "root" / "usr" / "bin" / "tool", "")
    program.write_text('#!/bin/sh\necho "$LD_LIBRARY_PATH" "$1"\n')
    (folder / "root" / "usr" / "lib" / "x86_64-linux-gnu").mkdir(parents=True)

    launchers.write(folder, final, ["tool"], through_loader=False)
    folder.rename(final)

    said = subprocess.run([final / "bin" / "tool", "argument"], capture_output=True, text=True, check=True).stdout
    assert said == f"{final}/root/usr/lib/x86_64-linux-gnu argument\n"


def test_a_package_without_the_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="holds no program tool"):
        launchers.write(tmp_path, tmp_path, ["tool"], through_loader=False)
