"""Ends the servers of a process that is gone, however it went, and removes their folders.

Runs as a process of its own (`python -m jackpot_exporter.demo.reaper`) and reads orders, one JSON object
a line, from a pipe whose other end only the starting process holds. When that end closes, be it by
`kill -9`, everything still on the list is ended. It must never need anything from the process it watches.
"""

from __future__ import annotations

import ctypes
import json
import shutil
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

GRACE_SECONDS = 5.0
_IPC_RMID = 0


def main() -> None:
    """Follow orders until the pipe closes, then clean up."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    servers: dict[int, tuple[psutil.Process, int]] = {}
    folders: dict[str, None] = {}
    for line in sys.stdin:
        match json.loads(line):
            case {"watch": int(pid), "signal": int(number)}:
                with suppress(psutil.NoSuchProcess):
                    servers[pid] = (psutil.Process(pid), number)
            case {"release": int(pid)}:
                servers.pop(pid, None)
            case {"keep": str(folder)}:
                folders[folder] = None
            case {"forget": str(folder)}:
                folders.pop(folder, None)
    end([*servers.values()][::-1])
    for folder in folders:
        remove(Path(folder))


def end(servers: Iterable[tuple[psutil.Process, int]], grace_seconds: float = GRACE_SECONDS) -> None:
    """End each server by its signal, and what is left of it and its children after the grace by SIGKILL."""
    everything: list[psutil.Process] = []
    for server, number in servers:
        with suppress(psutil.NoSuchProcess):
            family = [server, *server.children(recursive=True)]
            everything += family
            server.send_signal(number)
            # A stopped process would take no notice of the signal.
            for process in reversed(family):
                with suppress(psutil.NoSuchProcess):
                    process.resume()
    for process in _wait(everything, grace_seconds):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    _wait(everything, grace_seconds)


def _wait(processes: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for their end and return those that are left."""
    deadline = time.monotonic() + seconds
    while (alive := [process for process in processes if _is_alive(process)]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    """A zombie, whose parent has not asked for it yet, has ended; psutil's own wait would go on."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def remove(folder: Path) -> None:
    """Remove a folder, and the shared memory of a PostgreSQL that had no time to do so itself."""
    for pid_file in folder.glob("**/postmaster.pid"):
        with suppress(OSError, ValueError, IndexError):
            segment = int(pid_file.read_text().splitlines()[6].split()[1])
            ctypes.CDLL(None).shmctl(segment, _IPC_RMID, None)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
