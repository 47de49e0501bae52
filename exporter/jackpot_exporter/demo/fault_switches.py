"""Every fault of the demo by name: what it does to the running stack, undone when it is switched off.

Some are the service's own, asked of it over HTTP; the others happen to its servers and files.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import ToolError
from .insisting import insist
from .outages import lost, outdated, stopped
from .programs import fetch
from .simulation import systems
from .stack import Demo, Stack

_DELAY_SECONDS = 0.025
_FULL_BYTES = 1e9
_SMALL_FILE_SYSTEMS = ("/run/lock", "/dev", "/proc")


@dataclass(frozen=True, slots=True)
class Fault:
    """What it is for a person, the alert that it must bring, and how it begins."""

    what: str
    alert: str
    begin: Callable[[Stack], AbstractContextManager[None]]


@contextmanager
def _database_slow(stack: Stack) -> Iterator[None]:
    """Each answer of PostgreSQL takes as much longer as a network to another continent."""
    stack.link.delay_seconds = _DELAY_SECONDS
    try:
        yield
    finally:
        stack.link.delay_seconds = 0.0


@contextmanager
def _table_locked(stack: Stack) -> Iterator[None]:
    with stack.postgres.connect() as connection, connection.transaction():
        connection.execute("lock table jackpots in access exclusive mode")
        yield


@contextmanager
def _disk_full(stack: Stack) -> Iterator[None]:
    """The watched path leads to a file system with next to nothing free; the real one is not filled."""
    there = next((path for path in _SMALL_FILE_SYSTEMS if _free_bytes(path) < _FULL_BYTES), None)
    if there is None:
        raise ToolError(f"disk-full needs a small file system; none of {', '.join(_SMALL_FILE_SYSTEMS)} is one")
    _lead(stack.watched.volume, Path(there))
    try:
        yield
    finally:
        _lead(stack.watched.volume, stack.postgres.folder)


def _free_bytes(path: str) -> float:
    try:
        found = os.statvfs(path)
    except OSError:
        return float("inf")
    return found.f_bavail * found.f_frsize


def _lead(link: Path, there: Path) -> None:
    """In one step: the link is never missing."""
    new = link.with_suffix(".new")
    new.symlink_to(there)
    new.replace(link)


def _of_service(name: str) -> Callable[[Stack], AbstractContextManager[None]]:
    @contextmanager
    def begin(stack: Stack) -> Iterator[None]:
        _order(stack, name, on=True)
        try:
            yield
        finally:
            insist(lambda: _order(stack, name, on=False))

    return begin


def _order(stack: Stack, name: str, *, on: bool) -> None:
    body = json.dumps({"name": name, "on": on}).encode()
    fetch(f"{stack.service.health_url}/demo/fault", {"Content-Type": "application/json"}, body)


FAULTS: Mapping[str, Fault] = {
    "database-down": Fault("PostgreSQL is stopped", "JackpotDatabaseDown", lambda stack: lost(stack.postgres)),
    "database-slow": Fault("each answer of PostgreSQL takes longer", "JackpotDatabaseSlow", _database_slow),
    "table-locked": Fault("the table of pools is locked", "JackpotIntegrityViolation", _table_locked),
    "redis-down": Fault("Redis is stopped", "JackpotCacheDown", lambda stack: stopped(stack.redis)),
    "service-down": Fault("the service says that it is down", "JackpotServiceDown", _of_service("service-down")),
    "error-burst": Fault("contributions fail", "JackpotErrorRatioCritical", _of_service("error-burst")),
    "slow-contributions": Fault(
        "contributions take most of a second", "JackpotContributionLatencyCritical", _of_service("slow-contributions")
    ),
    "pool-exhausted": Fault(
        "every connection of the service is taken", "JackpotDatabasePoolExhausted", _of_service("pool-exhausted")
    ),
    "pool-negative": Fault("a pool is below zero", "JackpotPoolNegative", _of_service("pool-negative")),
    "disk-full": Fault("the database's volume is full", "JackpotDatabaseDiskCritical", _disk_full),
    "backup-missing": Fault(
        "the last backup is too old", "JackpotBackupMissing", lambda stack: outdated(stack.watched.backup)
    ),
    "config-churn": Fault(
        "the configuration changes all the time", "JackpotConfigChangesFrequent", _of_service("config-churn")
    ),
}


def known_faults() -> dict[str, tuple[str, str]]:
    """Every fault that some demo has: what it is, and its alert. Those of a system are named SYSTEM.FAULT."""
    found = {name: (fault.what, fault.alert) for name, fault in FAULTS.items()}
    for system in systems().values():
        found |= {f"{system.name}.{name}": (one.what, one.alert) for name, one in system.faults.items()}
    return found


def _beginnings(demo: Demo) -> Iterator[tuple[str, Callable[[], AbstractContextManager[None]]]]:
    if isinstance(demo, Stack):
        yield from ((name, partial(fault.begin, demo)) for name, fault in FAULTS.items())
    for running in demo.systems:
        for name, one in running.system.faults.items():
            yield f"{running.name}.{name}", partial(running.begin, name, one)


class Switches:
    """The faults of one demo; switching one to where it already is does nothing."""

    def __init__(self, demo: Demo) -> None:
        self._faults = dict(_beginnings(demo))
        self._active: dict[str, ExitStack] = {}
        self._lock = threading.Lock()

    @property
    def names(self) -> list[str]:
        return list(self._faults)

    @property
    def active(self) -> list[str]:
        return sorted(self._active)

    def switch(self, name: str, *, on: bool) -> None:
        """KeyError for an unknown name; ToolError or OSError when it cannot be done."""
        begin = self._faults[name]
        with self._lock:
            if on and name not in self._active:
                held = ExitStack()
                held.enter_context(begin())
                self._active[name] = held
            elif not on and name in self._active:
                self._active.pop(name).close()

    def close(self) -> None:
        """Undo the last one first; what cannot be undone ends with the stack."""
        for name in reversed(list(self._active)):
            with suppress(OSError, ToolError):
                self.switch(name, on=False)
