"""promtool run to its end on one file, and what it said."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROMTOOLS: dict[str, int | None] = {"2.42": None, "3.5": 3}
"""Supported versions by name, as `tools.find` takes them: the system's own, and a current one beside it."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What promtool said about one file."""

    file: str
    is_good: bool
    text: str


def run_promtool(promtool: Path, *arguments: str | Path) -> Verdict:
    """Run it to the end; the last argument is the file in question."""
    ended = subprocess.run(
        [promtool, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "GOGC": "400"},  # a storage for each case: collecting less often saves a third
    )
    return Verdict(Path(arguments[-1]).name, ended.returncode == 0, ended.stdout + ended.stderr)
