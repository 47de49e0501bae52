"""What a simulated system is, besides the jackpot service: its schema, its life, its faults, what is watched of it.

A system is a package in `systems/`, found by being there, that has one `SYSTEM`. Its simulation lives in a process of
its own (`system_service`) and knows nothing of the exporter.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from psycopg import AsyncConnection
from redis.asyncio import Redis

from .systemlog import SystemLog

if TYPE_CHECKING:
    from .system_stack import RunningSystem


@dataclass(frozen=True, slots=True)
class SystemFault:
    """What it is for a person, and the alert that it must bring.

    `outside` happens to the servers, files and processes around the system; without it the simulation looks for the
    fault's name among its active ones.
    """

    what: str
    alert: str
    outside: Callable[[RunningSystem], AbstractContextManager[None]] | None = None


@dataclass(slots=True)
class World:
    """What a simulation lives with."""

    registry: CollectorRegistry
    """What the system itself exposes at /metrics."""
    log: SystemLog
    cache: Redis
    active: set[str] = field(default_factory=set)
    """Names of the faults that are on."""
    random: random.Random = field(default_factory=lambda: random.Random(7))
    """Seeded: every demo of a system is the same."""


class Simulation(ABC):
    """The life of a system; subclasses say what happens in it."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def begin(self, connection: AsyncConnection[Any]) -> None:  # noqa: B027 - not every system has a past
        """Once, when the schema is there: what the system has kept from its past."""

    @abstractmethod
    async def tick(self, connection: AsyncConnection[Any], seconds: float) -> None:
        """What happened in the last `seconds`, several times a second; autocommit."""

    async def undo(self, connection: AsyncConnection[Any], fault: str) -> None:  # noqa: B027 - few faults leave something
        """Take back what a fault that has just ended left in the database."""

    def health(self) -> Mapping[str, bool]:
        """Whether each thing that the system depends on works, by name."""
        return {"database": True, "cache": True}

    def service_health(self) -> Mapping[str, bool]:
        """Whether each service of a platform works, by name; each answers at /services/NAME/health."""
        return {}

    def is_healthy(self) -> bool:
        """What the system says of itself."""
        return all(self.health().values())

    def is_up(self) -> bool:
        """Whether its health endpoint answers at all."""
        return True

    def particulars(self) -> Mapping[str, Any]:
        """What else its health endpoint says, in the monitoring guide's words: `metrics`, `connectionPool`."""
        return {}


@dataclass(frozen=True, slots=True)
class System:
    """One system: the pack of its name watches it."""

    name: str
    title: str
    folder: Path
    """Where schema.sql is."""
    simulation: Callable[[World], Simulation]
    faults: Mapping[str, SystemFault]
    settings: Callable[[RunningSystem], dict[str, Any]] = lambda _running: {}
    """What a site adds to the exporter's settings, besides its sources: backups, services, logs."""
    ready: str = ""
    """PromQL that has an answer as soon as nothing is missing any more."""
    history: Callable[[float], str] | None = None
    """What Prometheus is to remember of the time before now, in the text of OpenMetrics."""

    @property
    def schema(self) -> str:
        return (self.folder / "schema.sql").read_text()


@cache
def systems() -> Mapping[str, System]:
    """Every system by its name."""
    from . import systems as package  # noqa: PLC0415 - systems are written in this module's words

    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return {name: importlib.import_module(f"{package.__name__}.{name}").SYSTEM for name in names}
