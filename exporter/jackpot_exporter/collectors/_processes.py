"""Reads the processes of a watched service with psutil, and remembers what must not step back.

Counters cover all processes the service has had since this exporter began to watch, so they grow over restarts.
Where the processes are is for `_watch` to say.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import psutil

from ._cgroups import group_of
from ._host import Roots

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServiceReading:
    """All processes of a service together; None where there is none or where it may not be read."""

    instances: int
    restarts: int
    started_at: float | None = None
    cpu_seconds: float | None = None
    resident_bytes: int | None = None
    virtual_bytes: int | None = None
    threads: int | None = None
    open_fds: int | None = None
    max_fds: int | None = None
    read_bytes: float | None = None
    written_bytes: float | None = None
    memory_limit_bytes: float | None = None
    cpu_limit_cores: float | None = None
    denied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Reading:
    cpu_seconds: float
    resident_bytes: int
    virtual_bytes: int
    threads: int
    open_fds: int | None
    max_fds: int | None
    read_bytes: int | None
    written_bytes: int | None


class _Sum:
    """A counter over processes that come and go."""

    def __init__(self) -> None:
        self._last: dict[psutil.Process, float] = {}
        self._total: float = 0

    def add(self, values: Mapping[psutil.Process, float | None]) -> float | None:
        """The total with what each process has used since it was last seen; None when one cannot be read."""
        known = {process: value for process, value in values.items() if value is not None}
        self._total += sum(max(0, value - self._last.get(process, 0)) for process, value in known.items())
        self._last = known
        return self._total if len(known) == len(values) else None


class Service:
    """The processes of one service, from one reading to the next.

    psutil takes a process for the same as before by its start, so that a number given anew is another process.
    """

    def __init__(self, roots: Roots) -> None:
        if roots.proc != psutil.PROCFS_PATH:
            psutil.PROCFS_PATH = roots.proc  # one for the whole interpreter: the last one named counts
        self._roots = roots
        self._processes: dict[int, psutil.Process] = {}
        self._leader: psutil.Process | None = None
        self._restarts = 0
        self._cpu, self._read, self._written = _Sum(), _Sum(), _Sum()
        self._host_memory = 0

    def read(self, numbers: Sequence[int]) -> ServiceReading:
        """The processes with these numbers, as far as they still run."""
        self._processes = {number: process for number in numbers if (process := self._running(number))}
        readings = {process: reading for process in self._processes.values() if (reading := _read(process))}
        if not readings:
            return ServiceReading(0, self._restarts)
        leader = min(readings, key=psutil.Process.create_time)
        if self._leader is not None and leader != self._leader:
            self._restarts += 1
        self._leader = leader
        memory_limit, cpu_limit = self._limits(leader)
        each = list(readings.values())
        return ServiceReading(
            instances=len(each),
            restarts=self._restarts,
            started_at=leader.create_time(),
            cpu_seconds=self._cpu.add({process: reading.cpu_seconds for process, reading in readings.items()}),
            resident_bytes=sum(reading.resident_bytes for reading in each),
            virtual_bytes=sum(reading.virtual_bytes for reading in each),
            threads=sum(reading.threads for reading in each),
            open_fds=_total([reading.open_fds for reading in each]),
            max_fds=_total([reading.max_fds for reading in each]),
            read_bytes=self._read.add({process: reading.read_bytes for process, reading in readings.items()}),
            written_bytes=self._written.add({process: reading.written_bytes for process, reading in readings.items()}),
            memory_limit_bytes=memory_limit,
            cpu_limit_cores=cpu_limit,
            denied=_denied(each),
        )

    def _running(self, number: int) -> psutil.Process | None:
        """The process known by this number, or a new one; None when it has ended."""
        known = self._processes.get(number)
        try:
            process = known if known is not None and known.is_running() else psutil.Process(number)
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except psutil.NoSuchProcess:
            return None

    def _limits(self, process: psutil.Process) -> tuple[float, float | None]:
        """Of the control group, else of the host; processors also by what the process may run on."""
        try:
            group = group_of(self._roots, str(process.pid))
        except OSError:  # just ended
            group = None
        memory, cores = group.limits() if group else (None, None)
        self._host_memory = self._host_memory or psutil.virtual_memory().total
        allowed = _allowed(lambda: len(process.cpu_affinity() or ()))
        known = [float(limit) for limit in (cores, allowed) if limit]
        return min(memory or self._host_memory, self._host_memory), min(known, default=None)


def _read(process: psutil.Process) -> _Reading | None:
    """One process; None when it has ended meanwhile."""
    try:
        with process.oneshot():
            cpu, memory = process.cpu_times(), process.memory_info()
            io = _allowed(process.io_counters)
            return _Reading(
                cpu_seconds=cpu.user + cpu.system,
                resident_bytes=memory.rss,
                virtual_bytes=memory.vms,
                threads=process.num_threads(),
                open_fds=_allowed(process.num_fds),
                max_fds=_allowed(lambda: process.rlimit(psutil.RLIMIT_NOFILE)[0]),
                read_bytes=io.read_bytes if io else None,
                written_bytes=io.write_bytes if io else None,
            )
    except (psutil.NoSuchProcess, FileNotFoundError):  # psutil lets the second through while /proc is half gone
        return None


def _allowed(read: Callable[[], T]) -> T | None:
    """What is read, or None when it is not for this user to know."""
    try:
        return read()
    except psutil.AccessDenied:
        return None


def _total(numbers: Sequence[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if len(known) == len(numbers) else None


def _denied(readings: Sequence[_Reading]) -> tuple[str, ...]:
    names = ("open_fds", "max_fds", "read_bytes")
    return tuple(name for name in names if any(getattr(reading, name) is None for reading in readings))
