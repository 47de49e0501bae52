"""Debian's logrotate, in the ways it is configured, never makes a line count twice or get lost."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from harness.log_tail import LogTail, LogWriter, assert_exact
from harness.waiting import eventually
from jackpot_exporter.tools import find

_WAYS = {
    "rename": "",
    "compress": "compress",
    "delaycompress": "compress\n delaycompress",
    "dates": "dateext\n dateformat -%Y%m%d-%s",
    "extension": "extension .log\n compress",
    "copytruncate": "copytruncate",
    "copytruncate-compress": "copytruncate\n compress",
    "copytruncate-dates": "copytruncate\n dateext\n dateformat .%s\n compress\n delaycompress",
    "olddir": "olddir OLD\n compress",
    "xz": "compress\n compresscmd /usr/bin/xz\n uncompresscmd /usr/bin/unxz\n compressext .xz",
}

_LATE = ("rename", "delaycompress", "dates")
"""Where a line that is still written to the old file is not lost by compressing at once."""


class Logrotate:
    """Runs the real program on one log."""

    def __init__(self, log: Path, words: str) -> None:
        folder = log.parent.parent
        (folder / "old").mkdir()
        self._state = folder / "logrotate.state"
        self._config = folder / "logrotate.conf"
        self._is_dated = "dateext" in words
        self._next = 0.0
        words = words.replace("OLD", str(folder / "old"))
        self._config.write_text(f'"{log}" {{\n su root root\n rotate 20\n missingok\n create 0644\n {words}\n}}\n')
        self._config.chmod(0o644)

    def rotate(self) -> None:
        """Once a second at most: two rotations within one would want the same date."""
        eventually(lambda: time.time() > self._next)
        command = [str(find("logrotate")), "--force", "--verbose", "--state", str(self._state), str(self._config)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        # The kernel's coarse clock, which logrotate reads, is a tick behind.
        self._next = int(time.time()) + 1.1 if self._is_dated else 0


@pytest.mark.parametrize("is_away", [False, True], ids=["watching", "away"])
@pytest.mark.parametrize("way", _WAYS)
async def test_counts_every_line_once(tmp_path: Path, way: str, is_away: bool) -> None:
    log = tmp_path / "log" / "application.log"
    log.parent.mkdir()
    writer = LogWriter(log)
    logrotate = Logrotate(log, _WAYS[way])
    archives = [str(tmp_path / "old" / "application.log*")] if way == "olddir" else []
    follower = LogTail(log, tmp_path / "state", archives=archives)

    for turn in range(3):
        writer.write(100)
        assert_exact(await follower.collect(), writer)
        if is_away:
            follower.restart()
        for _ in range(turn):
            writer.write(50)
            logrotate.rotate()
            if way in _LATE:
                writer.write(5)  # not told yet that its log was renamed
            if "copytruncate" not in way:
                writer.reopen()
            writer.write(20)
        assert_exact(await follower.collect(), writer)
    writer.close()
