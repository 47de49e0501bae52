"""What the fault suite runs on: one exporter, its real sources, and between each two of them something to break.

    exporter -- name in its own /etc/hosts -- cable -- proxy -- server

The watched service has a database and a cache of its own, or a fault of ours would be one of its as well. A second
target reads the same servers through TLS.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from harness.cable import Cable
from harness.certificates import Authority
from harness.enclosure import EnclosedExporter
from harness.monitor import ROLE, run_script
from harness.proxy import FaultProxy, Loopback, Place
from harness.readings import Reading
from harness.tls_front import TlsFront
from harness.waiting import eventually
from jackpot_exporter.collectors import discover
from jackpot_exporter.demo.process import ServerProcess
from jackpot_exporter.demo.programs import ServiceProcess
from jackpot_exporter.demo.servers import PgBouncerServer, PostgresServer, RedisServer

_CROWD: Final = os.getloadavg()[0] / (os.cpu_count() or 1)
INTERVAL: Final = float(os.environ.get("FAULTS_INTERVAL", 0.5 * min(6.0, max(1.0, _CROWD / 2))))
"""Seconds. On a crowded machine everything takes longer: the faults are the same, in intervals."""
CONNECT_TIMEOUT: Final = INTERVAL / 2
POSTGRES_CONNECTIONS: Final = 20
TLS: Final = "tls"
"""The name of the target that reads through TLS."""

SOURCES: Final = ("postgres", "pgbouncer", "redis", "service", "probe")
WITNESSES: Final = {
    "postgres": "pg_up", "pgbouncer": "pgbouncer_up", "redis": "redis_up", "service": "jackpot_up",
    "probe": "probe_success",
}  # fmt: skip
"""What says, beside the collectors, whether the source answers."""

_CONNECTIONS: Final = {"postgres": 3, "pgbouncer": 1, "redis": 1, "service": 1, "probe": 1}
"""Most that the main target may have at a time."""
_KEPT: Final = {"postgres": 3 + 1, "pgbouncer": 1 + 1, "redis": 1 + 1}
"""Those that both targets keep open."""
_POOLED_THREADS: Final = min(32, (os.cpu_count() or 1) + 4) + 2 * 8
"""Threads that look names up, asyncio's and our own of both targets: they come with the need and stay."""

_SCHEMA = files("jackpot_exporter.demo").joinpath("schema.sql").read_text()
_TLS_HOST = "localhost"
_BACKENDS = "select count(*) from pg_stat_activity where usename = %s"


class Rig:
    """All of it, running while the block does. What a test breaks it mends."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory()))
        self._authority = Authority(self._folder)
        self.valid = self._authority.server("valid", host=_TLS_HOST)
        self.expired = self._authority.server("expired", days=-1, host=_TLS_HOST)
        self._secrets: dict[str, str] = {}
        for source in SOURCES:
            self.write_secret(source, self.rotate(source))
        self.server = PostgresServer(settings={"max_connections": POSTGRES_CONNECTIONS})
        self.bouncer = PgBouncerServer(
            self.server, users={ROLE: self._secrets["pgbouncer"]}, settings={"stats_users": ROLE}
        )
        self.redis = RedisServer(*self._redis_user())
        self.cables: dict[str, Cable] = {}
        self.lines: dict[str, FaultProxy] = {}
        self.fronts: dict[str, TlsFront] = {}

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- what a fault may touch ---------------------------------------------------------------------------------

    def process(self, source: str) -> ServerProcess:
        """The server behind a source."""
        return {"postgres": self.server, "pgbouncer": self.bouncer, "redis": self.redis}.get(source, self.service)

    def rotate(self, source: str) -> str:
        """A new secret, which the exporter does not know until it is written."""
        number = int(self._secrets.get(source, "secret-0").rpartition("-")[2]) + 1
        self._secrets[source] = f"secret-{number}"
        return self._secrets[source]

    def write_secret(self, source: str, secret: str) -> None:
        """Into the file that the exporter reads."""
        (self._folder / source).write_text(secret)

    def give_redis_its_user(self) -> None:
        """Also for the next start."""
        self.redis.arguments = self._redis_user()
        with self.redis.client() as client:
            client.execute_command("ACL", "SETUSER", ROLE, "reset", *self.redis.arguments[2:])

    def _redis_user(self) -> tuple[str, ...]:
        return ("--user", ROLE, "on", f">{self._secrets['redis']}", "~*", "+@all")

    # --- what a test looks at -----------------------------------------------------------------------------------

    def read(self, target: str = "") -> Reading:
        """What a scrape says now."""
        return Reading(self.exporter.get(f"/probe?target={target}" if target else "/metrics"))

    def is_well(self) -> bool:
        """Every collector of both targets works."""
        readings = (self.read(), self.read(TLS))
        return all(reading.collectors and all(map(reading.is_up, reading.collectors)) for reading in readings)

    def collectors(self, source: str) -> frozenset[str]:
        """Who reads this source and nothing else; a probe that fails is a result and no failure."""
        return self._collectors[source]

    def is_tidy(self) -> bool:
        """No more connections than each source is granted, no file beside them, no thread beside those of its pools."""
        held = self.exporter.resources()
        open_now = {source: line.open_connections for source, line in self.lines.items()}
        by_tls = {source: front.open_connections for source, front in self.fronts.items()}
        backends = self.server.execute(_BACKENDS, (ROLE,))[0][0]
        files = held["files"] - sum(open_now.values()) - sum(by_tls.values())
        assert all(count <= _CONNECTIONS[source] for source, count in open_now.items()), open_now
        assert all(count <= 1 for count in by_tls.values()), by_tls
        assert backends <= _CONNECTIONS["postgres"] + 1, backends
        assert files <= self._own_files, f"{files} files, {self._own_files} before"
        assert held["threads"] <= self._own_threads + _POOLED_THREADS, held
        return True

    # --- how it is made -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        enter = self._stack.enter_context
        enter(self.server)
        self._prepare_database()
        enter(self.bouncer)
        enter(self.redis)
        own_database, own_cache = enter(PostgresServer()), enter(RedisServer())
        self.service = enter(ServiceProcess(own_database.dsn, own_cache.url))
        self._lay_lines()
        self.exporter = enter(EnclosedExporter(self._settings(), self._names()))
        eventually(self.is_well, within=30)
        self._own_files = self._own_threads = 10**6
        eventually(self._is_counted)
        mine = self.read().collectors
        self._collectors = {
            "postgres": frozenset(name for name in mine if name.startswith("postgres")) | {"pools"},
            "pgbouncer": frozenset({"pgbouncer"}),
            "redis": frozenset({"redis"}),
            "service": frozenset({"health"}),
            "probe": frozenset(),
        }

    def _is_counted(self) -> bool:
        """Between two collections only the connections that are kept are open, and how many those are is known."""
        kept = sum(_KEPT.values())
        held = self.exporter.resources()
        lines = (*self.lines.values(), *self.fronts.values())
        self._own_files, self._own_threads = held["files"] - kept, held["threads"]
        return sum(line.open_connections for line in lines) == kept

    def _prepare_database(self) -> None:
        self.server.execute(_SCHEMA)
        run_script(self.server, "exporter-role.sql", password=self._secrets["postgres"])
        run_script(self.server, "exporter-pools.sql")
        run_script(self.server, "exporter-statements.sql")

    def _lay_lines(self) -> None:
        for source in SOURCES:
            process = self.process(source)
            port = self.service.health_port if source == "service" else process.port
            place: Place = Loopback()
            if os.geteuid() == 0:
                place = self.cables[source] = self._stack.enter_context(Cable())
            self.lines[source] = self._stack.enter_context(FaultProxy(port, place=place))
            front = TlsFront(port, self.valid, asks_first=source in ("postgres", "pgbouncer"))
            self.fronts[source] = self._stack.enter_context(front)

    def _names(self) -> dict[str, str]:
        return {name_of(source): line.place.host for source, line in self.lines.items()}

    def _settings(self) -> dict[str, Any]:
        log = {"path": str(self.service.log_file), "start": "beginning"}
        backup = self._folder / "backups"
        backup.mkdir()
        (backup / "one.sql").write_text("-- PostgreSQL database dump complete\n")
        lines = {source: (name_of(source), line.port) for source, line in self.lines.items()}
        fronts = {source: (_TLS_HOST, front.port) for source, front in self.fronts.items()}
        return {
            "interval": f"{INTERVAL}s",
            "logs": [{**_TIMES, **log}],
            "backups": [{**_TIMES, "name": "nightly", "path": str(backup), "verify": False, "settle": "1ms"}],
            "processes": [{**_TIMES, "name": "postgres", "command": f"postgres.*{self.server.folder}"}],
            **_with_details(self._sources(lines, is_tls=False), _DETAILS),
            "targets": {TLS: {**_TIMES, **_QUIET, **_with_details(self._sources(fronts, is_tls=True))}},
        }

    def _sources(self, at: dict[str, tuple[str, int]], *, is_tls: bool) -> dict[str, Any]:
        """Each source at its host and port."""
        place = {source: f"{host}:{port}" for source, (host, port) in at.items()}
        authority = {"ca_file": str(self._authority.file)} if is_tls else {}
        way = f"sslmode=verify-full&sslrootcert={self._authority.file}" if is_tls else "sslmode=disable"
        web = "https" if is_tls else "http"

        def secret(source: str, name: str = "password_file") -> dict[str, str]:
            return {name: str(self._folder / source), "connect_timeout": f"{CONNECT_TIMEOUT}s"}

        return {
            "postgres": {**secret("postgres"), "dsn": f"postgresql://{ROLE}@{place['postgres']}/postgres?{way}"},
            "pgbouncer": {**secret("pgbouncer"), "dsn": f"postgresql://{ROLE}@{place['pgbouncer']}/pgbouncer?{way}"},
            "redis": {
                **secret("redis"), **authority,
                "url": f"redis{'s' if is_tls else ''}://{place['redis']}", "username": ROLE,
            },
            "service": {
                **authority, "bearer_token_file": str(self._folder / "service"),
                "health_url": f"{web}://{place['service']}/health",
            },
            "probes": [{**authority, "name": "site", "url": f"{web}://{place['probe']}/api/jackpot/pools"}],
        }  # fmt: skip


_TIMES: dict[str, Any] = {"interval": f"{INTERVAL}s"}
_DETAILS = ("locks", "sizes")
_QUIET: dict[str, Any] = {name: {"enabled": False} for name in ("pools", "host", "cgroup")}


def _with_details(settings: dict[str, Any], chosen: tuple[str, ...] = ()) -> dict[str, Any]:
    """PostgreSQL has one collector for each of its connections; the further ones would fail as these do."""
    ways = [kind.section.way for kind in discover()]
    details = [way[1] for way in ways if len(way) == 2 and way[0] == "postgres"]
    schedules = {name: _TIMES if name in chosen else {"enabled": False} for name in details}
    return {**settings, "postgres": {**settings["postgres"], **schedules}}


def name_of(source: str) -> str:
    """How the exporter calls the host of a source."""
    return f"{source}.test"
