"""What the demo's exporter watches, and the things that are made for it to see: a role, a backup, a volume.

The exporter gets a role that may read the pools and the statistics, and nothing else.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from ..tools import find
from .link import SlowLink
from .postgres import PostgresServer
from .process import run_as
from .programs import ServiceProcess
from .redis import RedisServer
from .timing import Timing

_ROLE = "exporter"
_STATEMENTS = {"contribution": "update jackpots set current_amount%", "win": "insert into jackpot_wins%"}
"""By operation, how the text of its statements begins."""


@dataclass(frozen=True, slots=True)
class Watched:
    """Files that a fault may change."""

    backup: Path
    volume: Path
    """A link to the file system that is watched as the database's."""


def make_watched(folder: Path, postgres: PostgresServer) -> Watched:
    """A backup of the database, and the link to where it lies."""
    day = folder / "backups" / "today"
    day.mkdir(parents=True)
    backup = day / "jackpot.dump"
    run_as(None, folder, str(find("pg_dump")), "-Fc", f"--dbname={postgres.dsn}", f"--file={backup}")
    volume = folder / "volume"
    volume.symlink_to(postgres.folder)
    return Watched(backup, volume)


def exporter_settings(
    timing: Timing,
    folder: Path,
    watched: Watched,
    postgres: PostgresServer,
    link: SlowLink,
    redis: RedisServer,
    service: ServiceProcess,
) -> dict[str, Any]:
    """Settings with every source of the demo in them."""
    pid_file = folder / "service.pid"
    pid_file.write_text(str(service.pid))
    state = folder / "state"
    state.mkdir()
    settings: dict[str, Any] = {
        "interval": timing.collect,
        "state_dir": str(state),
        "postgres": {"dsn": link.lead(_role(postgres)), "statements": {"operations": _STATEMENTS}},
        "redis": {"url": redis.url},
        "service": {
            "health_url": f"{service.health_url}/health",
            "database_health_url": f"{service.health_url}/health/database",
            "metrics_url": f"{service.health_url}/metrics",
        },
        "logs": [{"path": str(service.log_file)}],
        "backups": [{"name": "nightly", "path": str(folder / "backups"), "pattern": "*/*.dump", "settle": "1s"}],
        "probes": [
            {"name": "jackpot-api", "url": f"{service.url}/api/jackpot/pools"},
            {"name": "database-port", "url": f"tcp://127.0.0.1:{postgres.port}"},
        ],
        "processes": [{"name": "jackpot", "pid_file": str(pid_file)}],
        "host": {"filesystems": {"database": str(watched.volume)}},
    }
    return timing.hasten(settings)


def _role(postgres: PostgresServer) -> str:
    dsn = postgres.create_role(_ROLE, secrets.token_urlsafe(16))
    role = sql.Identifier(_ROLE)
    with postgres.connect() as connection:
        connection.execute(sql.SQL("grant pg_monitor to {}").format(role))
        connection.execute(sql.SQL("grant select on jackpots to {}").format(role))
        connection.execute("create extension if not exists pg_stat_statements")
    return dsn
