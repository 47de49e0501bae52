"""Whether PostgreSQL answers us, how quickly, and what it is. Reads nothing that could wait for a lock."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection
from ..errors import AuthError, PermissionDeniedError, SourceError
from ..model import Item, Note, Outcome, gauge, untyped
from ._base import CollectorType
from ._postgres import STATS, PostgresSettings, access, grant

if TYPE_CHECKING:
    from ..clients.postgres import PostgresSession, Reader

UP = gauge("pg_up", "Whether PostgreSQL answered.")
STATIC = untyped("pg_static", "The server's version; always 1.", "server", "short_version", "version")
START = gauge("pg_postmaster_start_time_seconds", "When the server was started, in Unix seconds.")
CONNECTIONS_MAX = gauge("pg_connections_limit", "Connections the server grants, less those kept for superusers.")
CONNECTIONS = gauge("pg_connections", "Connections of clients to the server, whatever their database.")
PING = gauge("database_ping_seconds", "Round trip of `select 1` on a connection that is kept open.", own=True)
DEPENDENCY_UP = gauge("dependency_up", "Whether what the service depends on answers.", "dependency", own=True)
DEPENDENCY_RESPONSE = gauge(
    "dependency_response_seconds", "How long what the service depends on took to answer.", "dependency", own=True
)
METRICS = (UP, STATIC, START, CONNECTIONS_MAX, CONNECTIONS, PING, DEPENDENCY_UP, DEPENDENCY_RESPONSE)

_DATABASE = "database"
_LATE_SECONDS = 5.0  # from here on the monitoring guide takes the database for down

_PING = "select 1"
_FACTS = """
select
    pg_catalog.version(),
    extract(epoch from pg_catalog.pg_postmaster_start_time())::float8,
    pg_catalog.current_setting('max_connections')::int
        - pg_catalog.current_setting('superuser_reserved_connections')::int,
    (select sum(numbackends)::int from pg_catalog.pg_stat_database),
    pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'usage')
"""


class PostgresCollector:
    """One round trip and the facts that never wait."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            async with self._session.read() as reader:
                seconds = await _ping(reader)
                [(version, start, limit, connections, sees_all)] = await reader.rows(_FACTS)
                labels = (reader.server, _short_version(reader.server_version), version)
        except SourceError as error:
            yield UP.sample(0)
            # A server that refuses our login answers; whether it serves the service, nobody knows.
            if not isinstance(error, AuthError | PermissionDeniedError):
                yield DEPENDENCY_UP.sample(0, _DATABASE)
            raise
        yield UP.sample(1)
        yield PING.sample(seconds)
        yield DEPENDENCY_UP.sample(int(seconds < _LATE_SECONDS), _DATABASE)
        yield DEPENDENCY_RESPONSE.sample(seconds, _DATABASE)
        yield STATIC.sample(1, *labels)
        yield START.sample(start)
        yield CONNECTIONS_MAX.sample(limit)
        yield CONNECTIONS.sample(connections)
        if not sees_all:
            message = f"other users' sessions and statements are hidden; run: {grant(self._session)}"
            yield Note("grants", message, Outcome.PERMISSION)


async def _ping(reader: Reader) -> float:
    start = time.perf_counter()
    await reader.rows(_PING)
    return time.perf_counter() - start


def _short_version(number: int) -> str:
    """150018 is 15.18; written with three parts, as postgres_exporter does."""
    return f"{number // 10000}.{number % 10000}.0"


def _build(_: PostgresSettings, timeout_seconds: float, clients: Clients) -> PostgresCollector | None:
    server = access(clients, STATS, timeout_seconds)
    return None if server is None else PostgresCollector(server.session)


TYPE = CollectorType(
    name="postgres",
    help="whether PostgreSQL answers, and how quickly",
    section=CollectorSection(("postgres",), PostgresSettings),
    metrics=METRICS,
    build=_build,
)
