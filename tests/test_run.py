"""`./run` is the first thing a newcomer meets: it explains itself and never leaves a half-made environment."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from jackpot_exporter import tools

ROOT = Path(__file__).parent.parent
RUN = ROOT / "run"


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RUN, *arguments], capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("option", ["--help", "-h", "help"])
def test_help_names_every_command(option: str) -> None:
    ended = _run(option)

    assert ended.returncode == 0
    assert {"demo", "test", "check", "bench"} <= set(re.findall(r"^  (\w+)  ", ended.stdout, re.MULTILINE))


@pytest.mark.parametrize("arguments", [[], ["demoo"]], ids=["none", "unknown"])
def test_a_missing_or_unknown_command_is_a_usage_error(arguments: list[str]) -> None:
    ended = _run(*arguments)

    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("usage: ./run COMMAND")


def test_every_tool_that_a_command_needs_is_known() -> None:
    text = RUN.read_text()
    table = text[text.index("tools_for() {") : text.index("esac")]

    names = set(re.findall(r"(?:echo|\\\n)([^;\\]*)", table))
    words = {word for line in names for word in line.split()}

    assert "postgres@18" in words
    assert words <= set(tools.TOOLS)


@pytest.mark.parametrize("script", [RUN, ROOT / ".ci" / "run"], ids=["run", "ci"])
def test_scripts_parse_and_are_executable(script: Path) -> None:
    shell = script.read_text().splitlines()[0].removeprefix("#!").split()[-1]

    ended = subprocess.run([shell, "-n", script], capture_output=True, text=True, check=False)

    assert ended.returncode == 0, ended.stderr
    assert script.stat().st_mode & 0o111 == 0o111


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_every_locked_package_has_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()

    assert "://" not in text
    for entry in re.split(r"\n(?=\S)", text):
        assert "--hash=sha256:" in entry, entry
