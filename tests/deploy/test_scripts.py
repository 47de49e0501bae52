"""The shell scripts among the deployment files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPTS = [path for path in sorted((ROOT / "deploy").rglob("*")) if path.is_file() and path.read_bytes()[:2] == b"#!"]


def shellcheck(path: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "shellcheck"), str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_shellcheck_has_nothing_to_say(script: Path) -> None:
    assert shellcheck(script).stdout == ""


def test_shellcheck_would_complain(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\nrm -rf $1/x\n")

    assert "SC2086" in shellcheck(script).stdout
    assert len(SCRIPTS) >= 2
