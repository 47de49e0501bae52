"""Connections to the monitored sources, opened and closed in one place, one set for each target.

A client library is imported when its source is configured and first used: what a configuration does not name
costs no memory. Collectors that ask for the same session share its connection and take turns on it, which
bounds the connections of a target by the number of session names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config import PostgresSource, RedisSource, TargetBase, section

if TYPE_CHECKING:
    from ._postgres_link import Address
    from .http import HttpClient
    from .pgbouncer import PgBouncerConsole
    from .postgres import PostgresSession
    from .redis import RedisSession


class Clients:
    """The open connections of one target."""

    def __init__(self, target: TargetBase) -> None:
        self.target = target
        self._postgres: dict[str, PostgresSession] = {}
        self._redis: dict[str, RedisSession] = {}
        self._http: HttpClient | None = None
        self._pgbouncer: PgBouncerConsole | None = None

    @property
    def postgres_source(self) -> PostgresSource | None:
        """The PostgreSQL of this target, or None when it has none."""
        source: PostgresSource | None = section(self.target, ("postgres",))
        return source

    @property
    def redis_source(self) -> RedisSource | None:
        """The Redis of this target, or None when it has none."""
        source: RedisSource | None = section(self.target, ("redis",))
        return source

    def postgres(self, name: str, timeout_seconds: float) -> PostgresSession:
        """The session of this name, made at first use; the timeout is that of the collector that asks first."""
        from .postgres import PostgresSession  # noqa: PLC0415 - psycopg costs 14 MB, only where it is used

        if self.postgres_source is None:
            raise LookupError("no PostgreSQL is configured")
        if name not in self._postgres:
            self._postgres[name] = PostgresSession(self.postgres_source, name, timeout_seconds)
        return self._postgres[name]

    def redis(self, name: str, timeout_seconds: float) -> RedisSession:
        """The session of this name, made at first use; the timeout is that of the collector that asks first."""
        from .redis import RedisSession  # noqa: PLC0415 - redis costs 6 MB, only where it is used

        if self.redis_source is None:
            raise LookupError("no Redis is configured")
        if name not in self._redis:
            self._redis[name] = RedisSession(self.redis_source, name, timeout_seconds)
        return self._redis[name]

    def pgbouncer(self, address: Address, timeout_seconds: float) -> PgBouncerConsole:
        """The console of this target's PgBouncer, made at first use."""
        from .pgbouncer import PgBouncerConsole  # noqa: PLC0415 - psycopg costs 14 MB, only where it is used

        if self._pgbouncer is None:
            self._pgbouncer = PgBouncerConsole(address, timeout_seconds)
        return self._pgbouncer

    @property
    def http(self) -> HttpClient:
        """What makes the HTTP requests of this target."""
        from .http import HttpClient  # noqa: PLC0415 - aiohttp costs 15 MB where it is not also the server

        if self._http is None:
            self._http = HttpClient()
        return self._http

    async def close(self) -> None:
        """Close every connection; never raises."""
        sessions: list[PostgresSession | RedisSession | PgBouncerConsole]
        sessions = [*self._postgres.values(), *self._redis.values()]
        if self._pgbouncer is not None:
            sessions.append(self._pgbouncer)
        for session in sessions:
            await session.close()
        if self._http is not None:
            await self._http.close()
