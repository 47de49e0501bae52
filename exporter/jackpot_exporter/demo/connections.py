"""The service's PostgreSQL connections: at most `size`, made when needed, counted as the health JSON reports them.

Not psycopg_pool: its workers reconnect with a growing backoff and make every request wait in the meantime,
while the demo must show a stopped database at once and its return with the first request. This file must
know nothing of jackpots.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

import psycopg
from psycopg.pq import TransactionStatus

from .measurements import RecentCount

APPLICATION_NAME = "jackpot-service"
_IDLE_SECONDS = 30.0
_KEPT = 2
SLOW_SECONDS = 0.1


class PoolTimeoutError(Exception):
    """Every connection stayed in use for as long as the caller would wait."""


@dataclass(frozen=True, slots=True)
class PoolStats:
    """Connections by state, the requests that wait for one, and the limit."""

    active: int
    idle: int
    waiting: int
    max: int

    @property
    def total(self) -> int:
        return self.active + self.idle


class Connections:
    """Lends autocommit connections, first come first served; one in doubt is closed, never lent again."""

    def __init__(self, dsn: str, *, size: int = 20, wait_seconds: float = 2.0) -> None:
        self._dsn = dsn
        self._size = size
        self._wait_seconds = wait_seconds
        self.slow_loans = RecentCount(300)
        self._slots = asyncio.Semaphore(size)
        self._idle: list[tuple[float, psycopg.AsyncConnection]] = []
        self._active = 0
        self._waiting = 0

    def stats(self) -> PoolStats:
        return PoolStats(self._active, len(self._idle), self._waiting, self._size)

    @asynccontextmanager
    async def lend(self, *, wait_seconds: float | None = None) -> AsyncIterator[psycopg.AsyncConnection]:
        """A connection for the length of the block. PoolTimeoutError when none is free, psycopg.Error when none
        can be made."""
        await self._take_slot(self._wait_seconds if wait_seconds is None else wait_seconds)
        try:
            connection = self._idle.pop()[1] if self._idle else await self._connect()
            self._active += 1
            lent_at = monotonic()
            try:
                yield connection
            except asyncio.CancelledError:
                await connection.close()
                raise
            finally:
                self._active -= 1
                if monotonic() - lent_at > SLOW_SECONDS:
                    self.slow_loans.add()
                await self._take_back(connection)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """Closes what is idle; what is lent closes as it comes back."""
        self._size = 0
        await self._close_idle()

    async def _take_slot(self, wait_seconds: float) -> None:
        self._waiting += 1
        try:
            async with asyncio.timeout(wait_seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise PoolTimeoutError(f"no free connection of {self._size} in {wait_seconds:g} s") from None
        finally:
            self._waiting -= 1

    async def _connect(self) -> psycopg.AsyncConnection:
        connection = await psycopg.AsyncConnection.connect(
            self._dsn, autocommit=True, application_name=APPLICATION_NAME, connect_timeout=2
        )
        try:
            await connection.execute(
                "select set_config('statement_timeout', '5s', false), set_config('lock_timeout', '2s', false)"
            )
        except BaseException:
            await connection.close()
            raise
        return connection

    async def _take_back(self, connection: psycopg.AsyncConnection) -> None:
        if connection.broken:
            # The server went away: its other connections are as dead, and each would cost a request.
            await self._close_idle()
        if connection.closed or connection.info.transaction_status != TransactionStatus.IDLE or not self._size:
            await connection.close()
            return
        now = monotonic()
        self._idle.append((now, connection))
        while len(self._idle) > _KEPT and now - self._idle[0][0] > _IDLE_SECONDS:
            await self._idle.pop(0)[1].close()

    async def _close_idle(self) -> None:
        while self._idle:
            await self._idle.pop()[1].close()
