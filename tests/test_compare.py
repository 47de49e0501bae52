"""Our families and values beside those of the real peers, on the same servers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parent.parent


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def comparison() -> str:
    """What `compare` prints."""
    ended = _run("bench.compare")
    assert ended.returncode in (0, 1), ended.stderr
    return ended.stdout


@pytest.mark.parametrize("peer", ["postgres_exporter", "redis_exporter", "node_exporter"])
def test_families_of_a_peer_are_had(comparison: str, peer: str) -> None:
    """At least 95 of a hundred are the same here, or differ for a reason that is written down."""
    [line] = [line for line in comparison.splitlines() if line.startswith(f"## {peer}:")]

    share = float(line.split("the same, ")[1].split("%")[0])

    assert share >= 95, comparison
