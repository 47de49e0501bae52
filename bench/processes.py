"""What a process has used: CPU and memory, as the kernel counts them.

CPU comes from the kernel's clock of a process, which counts nanoseconds where /proc/PID/stat counts hundredths of a
second, and threads that have ended are in it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

_CPU_CLOCK = 2  # CPUCLOCK_SCHED: user and system time of a process, see clock_getcpuclockid(3)


def cpu_seconds(pid: int) -> float:
    """User and system time of a running process since its start. OSError when it is gone."""
    return time.clock_gettime((~pid << 3) | _CPU_CLOCK)


def resident_bytes(pid: int) -> int:
    """Memory that the process occupies now."""
    rss: int = psutil.Process(pid).memory_info().rss
    return rss


@dataclass(slots=True)
class Spent:
    """What a stretch of work cost; known when it is over."""

    cpu: float = 0.0
    wall: float = 0.0


@contextmanager
def spending(pid: int) -> Iterator[Spent]:
    """Measures what a process uses while the block runs."""
    spent = Spent()
    cpu, wall = cpu_seconds(pid), time.perf_counter()
    yield spent
    spent.cpu, spent.wall = cpu_seconds(pid) - cpu, time.perf_counter() - wall


def ended_children_seconds(pid: int) -> float:
    """CPU of the children that ended, to a hundredth of a second."""
    times = psutil.Process(pid).cpu_times()
    return float(times.children_user + times.children_system)


def children_seconds(pid: int) -> dict[int, float]:
    """CPU of every running child."""
    used = {}
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(OSError):  # it ended meanwhile
            used[child.pid] = cpu_seconds(child.pid)
    return used
