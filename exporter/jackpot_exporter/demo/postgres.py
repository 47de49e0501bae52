"""A real PostgreSQL of our own: quick to start, safe to lock, stop and kill.

Durability is off; nothing here may be used for data that anyone wants to keep.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from ..tools import find
from .process import ServerProcess, hand_over, make_folder, run_as, unprivileged_account

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "40",
    "shared_buffers": "16MB",
    # Files in the data directory rather than in /dev/shm, which nobody would clear after a SIGKILL.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%u@%d ",
}

_HBA = """\
local  all          postgres                trust
host   all          postgres  127.0.0.1/32  trust
local  replication  postgres                trust
host   replication  postgres  127.0.0.1/32  trust
local  all          all                     scram-sha-256
host   all          all       127.0.0.1/32  scram-sha-256
"""

_STOP_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class PostgresServer(ServerProcess):
    """PostgreSQL with pg_stat_statements. The superuser `postgres` needs no password, all others do."""

    end_signal = signal.SIGQUIT

    def __init__(
        self,
        *,
        version: str | int | None = None,
        settings: Mapping[str, str | int] | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(port=port)
        self.account = unprivileged_account()
        self.version = version
        self.settings = dict(settings or {})
        self.data_folder = self.folder / "data"

    @property
    def socket_dir(self) -> Path:
        return self.folder

    @property
    def dsn(self) -> str:
        """How the superuser reaches the database `postgres`."""
        return self.dsn_of()

    def dsn_of(self, database: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """The address of a database for a user."""
        login = quote(user, safe="") + (f":{quote(password, safe='')}" if password is not None else "")
        return f"postgresql://{login}@127.0.0.1:{self.port}/{quote(database, safe='')}"

    def command(self) -> list[str]:
        return [str(find("postgres", self.version)), "-D", str(self.data_folder)]

    def prepare(self) -> None:
        if self.data_folder.exists():
            return
        template = _template(find("initdb", self.version), self.account)
        subprocess.run(["/bin/cp", "-a", template, self.data_folder], check=True)
        fixed = {"port": self.port, "unix_socket_directories": str(self.folder)}
        preload = {"shared_preload_libraries": "pg_stat_statements"} if self._has_statements() else {}
        with (self.data_folder / "postgresql.conf").open("a") as file:
            for name, value in {**_SETTINGS, **preload, **self.settings, **fixed}.items():
                file.write(f"{name} = '{value}'\n")
        (self.data_folder / "pg_hba.conf").write_text(_HBA)

    def is_ready(self) -> bool:
        """The postmaster writes its state into the last line of its pid file."""
        try:
            lines = (self.data_folder / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def shut_down(self, mode: str = "fast") -> None:
        """Stop as `pg_ctl stop -m MODE` does: smart, fast or immediate."""
        self.stop(_STOP_SIGNALS[mode])

    def connect(self, database: str = "postgres") -> psycopg.Connection[Any]:
        """A connection of the superuser, in autocommit mode."""
        return psycopg.connect(self.dsn_of(database), autocommit=True)

    def execute(
        self, statement: str, parameters: Sequence[object] | None = None, *, database: str = "postgres"
    ) -> list[Any]:
        """Run SQL as the superuser on a connection of its own and return the rows, if there are any."""
        with self.connect(database) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def create_role(self, name: str, password: str) -> str:
        """Make a role that logs in with a password and return its address of the database `postgres`."""
        names = (sql.Identifier(name), sql.Literal(password))
        with self.connect() as connection:
            connection.execute(sql.SQL("create role {} login password {}").format(*names))
        return self.dsn_of(user=name, password=password)

    def create_database(self, name: str, template: str = "template1") -> str:
        """Make a database and return the superuser's address of it."""
        names = (sql.Identifier(name), sql.Identifier(template))
        with self.connect() as connection:
            connection.execute(sql.SQL("create database {} template {}").format(*names))
        return self.dsn_of(name)

    def drop_database(self, name: str) -> None:
        """Remove a database and end the sessions in it."""
        with self.connect() as connection:
            connection.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _has_statements(self) -> bool:
        root = find("postgres", self.version).resolve().parent.parent
        return any(path.suffix in {".so", ".dylib"} for path in root.glob("**/pg_stat_statements.*"))


@cache
def _template(initdb: Path, account: str | None) -> Path:
    """A fresh data directory that each new server copies, as initdb itself takes seconds."""
    folder = make_folder()
    hand_over(folder, account)
    options = ("-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions")
    run_as(account, folder, str(initdb), *options, "-D", str(folder / "data"))
    return folder / "data"
