"""promtool's verdict on generated rules: the judge of what the loader's parser lets through."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .. import tools
from ..errors import InvalidInputError, Problem, ToolError

OLDEST = "2.42"
"""`keep_firing_for` is known since then."""

_DEADLINE_SECONDS = 60


def check_rules(folder: Path) -> None:
    """InvalidInputError with what promtool has against the files; ToolError when it is not there or too old."""
    promtool = tools.find("promtool")
    version = tools.version_of(promtool)
    if _numbers(version) < _numbers(OLDEST):
        raise ToolError(f"{promtool} is {version}; the rules need {OLDEST} or later")
    ended = subprocess.run(
        [promtool, "check", "rules", *sorted(folder.glob("*.yml"))],
        capture_output=True,
        text=True,
        timeout=_DEADLINE_SECONDS,
        check=False,
    )
    if ended.returncode:
        said = f"{ended.stdout}{ended.stderr}".replace(str(folder), "rules").strip()
        raise InvalidInputError([Problem(f"promtool {version} refuses the rules:\n{said}")])


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))[:2]
