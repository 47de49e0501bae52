"""A real PgBouncer of our own in front of a PostgresServer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg

from ..tools import find
from .postgres import PostgresServer
from .process import ServerProcess, hand_over, unprivileged_account

_SETTINGS = {
    "listen_addr": "127.0.0.1",
    "pool_mode": "transaction",
    "auth_type": "plain",
    "admin_users": "postgres",
    "max_client_conn": "100",
    "default_pool_size": "5",
}


class PgBouncerServer(ServerProcess):
    """PgBouncer for every database of `postgres`. `users` maps names to passwords; `postgres` has none."""

    def __init__(
        self,
        postgres: PostgresServer,
        *,
        users: Mapping[str, str] | None = None,
        settings: Mapping[str, str | int] | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(port=port)
        self.account = unprivileged_account()
        self.postgres = postgres
        self.users = {"postgres": "postgres", **(users or {})}
        self.settings = dict(settings or {})

    @property
    def admin_dsn(self) -> str:
        """How the administrator reaches the console (`SHOW POOLS`)."""
        return self.dsn_of("pgbouncer")

    def dsn_of(self, database: str = "postgres", user: str = "postgres") -> str:
        """The address of a database through the pooler."""
        return f"postgresql://{user}:{self.users[user]}@127.0.0.1:{self.port}/{database}"

    def command(self) -> list[str]:
        return [str(find("pgbouncer")), str(self.folder / "pgbouncer.ini")]

    def prepare(self) -> None:
        users = self.folder / "users.txt"
        users.write_text("".join(f'"{name}" "{password}"\n' for name, password in self.users.items()))
        fixed = {"listen_port": self.port, "unix_socket_dir": self.folder, "auth_file": users}
        pooler = "".join(f"{name} = {value}\n" for name, value in {**_SETTINGS, **self.settings, **fixed}.items())
        ini = self.folder / "pgbouncer.ini"
        ini.write_text(f"[databases]\n* = host=127.0.0.1 port={self.postgres.port}\n[pgbouncer]\n{pooler}")
        for path in (users, ini):
            path.chmod(0o600)
            hand_over(path, self.account)

    def is_ready(self) -> bool:
        try:
            return bool(self.show("version"))
        except psycopg.OperationalError:
            return False

    def show(self, what: str) -> list[dict[str, Any]]:
        """The rows of `SHOW what`. The console speaks the simple protocol only."""
        with psycopg.connect(self.admin_dsn, autocommit=True) as connection:
            cursor = psycopg.ClientCursor(connection, row_factory=psycopg.rows.dict_row)
            return cursor.execute(f"show {what}".encode()).fetchall()
