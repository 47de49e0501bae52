"""The read-only role of `deploy/sql/`, made as an operator makes it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.tools import find

SCRIPTS = Path(__file__).parents[2] / "deploy" / "sql"
ROLE = "jackpot_exporter"
PASSWORD = "only-for-tests"


def run_script(server: PostgresServer, name: str, database: str = "postgres", **variables: str) -> None:
    """Run a script of `deploy/sql/` with psql as the superuser; fail with what psql said."""
    options = [f"--set={key}={value}" for key, value in {"ON_ERROR_STOP": "1", **variables}.items()]
    command = [str(find("psql")), "-X", "-q", *options, "-f", str(SCRIPTS / name), server.dsn_of(database)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert not ended.returncode, ended.stderr


def make_role(server: PostgresServer) -> None:
    """Make the role unless the server has it."""
    if not server.execute("select 1 from pg_roles where rolname = %s", (ROLE,)):
        run_script(server, "exporter-role.sql", password=PASSWORD)


def monitor_dsn(server: PostgresServer, database: str = "postgres") -> str:
    """How the role reaches a database."""
    make_role(server)
    return server.dsn_of(database, ROLE, PASSWORD)


def errors_in_log(server: PostgresServer) -> list[str]:
    """What the server complained about."""
    words = ("ERROR:", "FATAL:", "PANIC:")
    return [line for line in server.log_path.read_text().splitlines() if any(word in line for word in words)]
