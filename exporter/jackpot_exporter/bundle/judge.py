"""promtool's verdict on generated rules; without promtool there is none, and the rules stand as they are."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .. import tools
from ..errors import ToolError

_DEADLINE_SECONDS = 60


def check_rules(folder: Path) -> str:
    """What promtool says against the rule files of `folder`; empty when it is content or not there."""
    try:
        promtool = tools.find("promtool")
    except ToolError:
        return ""
    files = sorted(folder.glob("*.yml"))
    ended = subprocess.run(
        [promtool, "check", "rules", *files],
        capture_output=True,
        text=True,
        timeout=_DEADLINE_SECONDS,
        check=False,
    )
    return "" if ended.returncode == 0 else f"promtool refuses the rules:\n{ended.stdout}{ended.stderr}".rstrip()
