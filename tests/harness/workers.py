"""What each process of a test run over several has to itself: a folder for temporary files and a range of ports.

Alone, a run uses the system's folder and all ports.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest

from jackpot_exporter.demo.process import PORTS_VARIABLE

_FIRST_PORT, _PORTS, _MOST_WORKERS = 20_000, 12_000, 12


def settle_in(config: pytest.Config) -> None:
    """Give this process its own, until the end of the run; the programs that it starts inherit them."""
    worker = getattr(config, "workerinput", None)
    if worker is None:
        return
    number = int(worker["workerid"].removeprefix("gw"))
    first = _FIRST_PORT + number % _MOST_WORKERS * (_PORTS // _MOST_WORKERS)
    os.environ[PORTS_VARIABLE] = f"{first}-{first + _PORTS // _MOST_WORKERS - 1}"
    # Short, for unix sockets, and open, for servers that run as somebody else.
    folder = Path(tempfile.mkdtemp(prefix="tests-"))
    folder.chmod(0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
