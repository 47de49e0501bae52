"""The benchmarks run and say something. Only instructions are judged here: in times, machines differ."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from bench import gate

_ROOT = Path(__file__).parent.parent


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{_ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=_ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_benchmarks_print_tables_and_verdicts(tmp_path: Path) -> None:
    report = tmp_path / "report.md"

    ended = _run("bench", "--quick", "--markdown", str(report), "scrape", "render", "start")

    assert ended.returncode == 0, ended.stderr
    text = report.read_text()
    for exporter in ("jackpot_exporter", "postgres_exporter", "redis_exporter", "node_exporter", "sql_exporter"):
        assert f"\n| {exporter} |" in text
    assert "scrape, 3 pools: p50 at most 1/20 of the peers' sum: 1/" in text
    assert "nan" not in text


def test_hot_paths_take_no_more_instructions_than_before() -> None:
    ended = _run("bench.gate")

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_a_path_that_takes_more_is_named() -> None:
    before = gate.stored()

    assert gate.excess({path: ratio * 1.04 for path, ratio in before.items()}) == {}
    assert list(gate.excess({**before, "render": before["render"] * 1.06})) == ["render"]


def test_unknown_case_is_refused_before_anything_starts() -> None:
    ended = _run("bench", "frobnicate")

    assert ended.returncode == 2
    assert "frobnicate" in ended.stderr
