"""Simulated systems on real servers, each with an exporter that watches it by the pack of its name."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from ..packsettings import PACKS, pack_settings
from .insisting import insist
from .postgres import PostgresServer
from .programs import ExporterProcess, SystemProcess, fetch
from .redis import RedisServer
from .simulation import System, SystemFault
from .timing import Timing


@dataclass(slots=True)
class RunningSystem:
    """One system with everything of its own."""

    system: System
    folder: Path
    """For what is watched besides the service: backups, pid files."""
    postgres: PostgresServer
    database: str
    redis: RedisServer
    service: SystemProcess
    exporter: ExporterProcess | None = None

    @property
    def name(self) -> str:
        return self.system.name

    def targets(self) -> dict[str, int]:
        """Job and port of everything that Prometheus scrapes."""
        assert self.exporter is not None  # noqa: S101 - only while it is being started
        return {"jackpot-exporter": self.exporter.port, self.name: self.service.port}

    def addresses(self) -> dict[str, str]:
        """Name and address of everything that a person may want to open."""
        assert self.exporter is not None  # noqa: S101 - only while it is being started
        return {
            f"{self.name} exporter": f"{self.exporter.url}/metrics",
            f"{self.name} service": f"{self.service.url}/metrics",
        }

    def begin(self, name: str, fault: SystemFault) -> AbstractContextManager[None]:
        """The fault, for as long as the block lasts."""
        return fault.outside(self) if fault.outside else self._inside(name)

    @contextmanager
    def _inside(self, name: str) -> Iterator[None]:
        self._order(name, on=True)
        try:
            yield
        finally:
            insist(lambda: self._order(name, on=False))

    def _order(self, name: str, *, on: bool) -> None:
        body = json.dumps({"name": name, "on": on}).encode()
        fetch(f"{self.service.url}/demo/fault", {"Content-Type": "application/json"}, body)


@contextmanager
def running_system(
    system: System, folder: Path, postgres: PostgresServer, redis: RedisServer, timing: Timing
) -> Iterator[RunningSystem]:
    """A system and its exporter; stopped at the end of the block."""
    own = folder / system.name
    own.mkdir()
    with ExitStack() as stack:
        dsn = postgres.create_database(system.name)
        service = SystemProcess(system.name, dsn, redis.url)
        running = RunningSystem(system, own, postgres, system.name, redis, service)
        stack.enter_context(service)
        running.exporter = stack.enter_context(ExporterProcess(_settings(running, timing)))
        yield running


def _settings(running: RunningSystem, timing: Timing) -> dict[str, Any]:
    """What a site of this system writes: its pack and its sources."""
    state = running.folder / "state"
    state.mkdir()
    settings: dict[str, Any] = {
        "packs": [running.name],
        "interval": timing.collect,
        "state_dir": str(state),
        "postgres": {"dsn": _role(running)},
        "redis": {"url": running.redis.url},
        "service": {"health_url": f"{running.service.url}/health"},
        **running.system.settings(running),
    }
    pack = pack_settings(PACKS / running.name)
    return timing.hasten_system(settings, pack.data.get("queries", {}) if pack else {})


def _role(running: RunningSystem) -> str:
    """A role that may read the statistics and the tables of this database, those to come included."""
    name = f"{running.name}_exporter"
    running.postgres.create_role(name, word := secrets.token_urlsafe(16))
    role = sql.Identifier(name)
    with running.postgres.connect() as connection:
        connection.execute(sql.SQL("grant pg_monitor, pg_read_all_data to {}").format(role))
    return running.postgres.dsn_of(running.database, name, word)
