"""One connection that speaks PostgreSQL's protocol, which callers take turns on; reopened when in doubt.

A server that says nothing is left by shutting the socket down at the deadline: cancelling the task instead would
make psycopg wait for the mute server up to ten seconds more. Knows nothing of transactions or of what is asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import conninfo
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from ..config import read_secret
from ..errors import AuthError, SourceError, SourceTimeoutError
from ..redaction import redact
from ._postgres_errors import translate, translate_connect

_SECRETS = ("password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret")

Row = tuple[Any, ...]
Connection = psycopg.AsyncConnection[Row]


class Address(Protocol):
    """Where to connect to, as the settings have it."""

    @property
    def dsn(self) -> str | None: ...
    @property
    def dsn_file(self) -> Path | None: ...
    @property
    def password_file(self) -> Path | None: ...
    @property
    def connect_timeout(self) -> float: ...


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the server was lost, and when, in the event loop's time."""

    error: SourceError
    at: float


class _LenientText(Loader):
    """A SQL_ASCII database may hold any bytes; psycopg's own loader raises on them."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


class Link:
    """The connection. `on_open` sees each new one before anybody uses it."""

    def __init__(
        self,
        address: Address,
        application_name: str,
        timeout_seconds: float,
        on_open: Callable[[Connection], Awaitable[None]] | None = None,
    ) -> None:
        self._address = address
        self._application_name = application_name
        self._timeout = timeout_seconds
        self._on_open = on_open
        self._turn = asyncio.Lock()
        self._connection: Connection | None = None
        self._failure: _Failure | None = None

    @property
    def info(self) -> psycopg.ConnectionInfo | None:
        """What is known of the open connection."""
        return self._connection.info if self._connection else None

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[Connection]:
        """The connection for one caller. SourceError says which way it failed.

        It is kept when the server ended the statement, and closed in every other doubt. Who waited for the turn
        while the server was lost fails with the same error, rather than each for its own timeout.
        """
        asked = _now()
        async with self._turn:
            connection = await self._connect(asked)
            ends = _now() + self._timeout * 0.9
            try:
                with _severed_at(connection, ends):
                    yield connection
            except psycopg.Error as error:
                await self._recover(connection, ends)
                failure = translate(error, timed_out=connection.closed and ends <= _now())
                if connection.broken:
                    self._failure = _Failure(failure, _now())
                raise failure from None
            except SourceError:
                await self._recover(connection, ends)  # the caller did not like an answer; the connection is well
                raise
            except BaseException:
                # The body has a bug, or was cancelled: nothing is known of the transaction.
                await self.close()
                raise

    async def close(self) -> None:
        """Close the connection; the next turn opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self, asked: float) -> Connection:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        if self._failure is not None and asked < self._failure.at:
            raise type(self._failure.error)(str(self._failure.error))
        try:
            self._connection = await self._open()
        except SourceError as error:
            self._failure = _Failure(error, _now())
            raise
        self._failure = None
        return self._connection

    async def _open(self) -> Connection:
        connection: Connection | None = None
        ends = _now() + self._address.connect_timeout
        try:
            async with asyncio.timeout_at(ends):
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo(),
                    autocommit=True,
                    prepare_threshold=None,
                    client_encoding="utf-8",
                    application_name=self._application_name,
                )
            redact.add(connection.info.password)  # libpq may have it from a password file
            if self._on_open is not None:
                with _severed_at(connection, ends):
                    await self._on_open(connection)
        except TimeoutError:
            raise self._late() from None
        except psycopg.Error as error:
            await _discard(connection)
            raise self._late() if ends <= _now() else translate_connect(error) from None
        except BaseException:
            await _discard(connection)
            raise
        for name in ("text", "varchar", "name", "bpchar"):
            connection.adapters.register_loader(name, _LenientText)
        return connection

    def _late(self) -> SourceTimeoutError:
        return SourceTimeoutError(f"no connection within {self._address.connect_timeout:g}s")

    def _conninfo(self) -> str:
        """Built anew at each connect: a rotated password file needs no restart."""
        address = self._address
        try:
            dsn = read_secret(address.dsn_file) if address.dsn_file else address.dsn or ""
            password = read_secret(address.password_file) if address.password_file else None
        except OSError as error:
            raise AuthError(f"cannot read {error.filename}: {error.strerror}") from None
        try:
            parts = conninfo.conninfo_to_dict(dsn, **({"password": password} if password is not None else {}))
        except psycopg.Error:
            raise AuthError("the DSN is not one that libpq understands") from None
        redact.add(*(str(parts[name]) for name in _SECRETS if parts.get(name)), os.environ.get("PGPASSWORD", ""))
        return conninfo.make_conninfo("", **parts)

    async def _recover(self, connection: Connection, ends: float) -> None:
        """Roll back what the server refused; close what cannot be rolled back."""
        status = connection.info.transaction_status
        if status is TransactionStatus.IDLE:
            return
        try:
            with _severed_at(connection, min(ends, _now() + 1)):
                await connection.execute("rollback", prepare=False)
        except psycopg.Error:
            await self.close()


async def _discard(connection: Connection | None) -> None:
    if connection is not None:
        await connection.close()


def _now() -> float:
    return asyncio.get_running_loop().time()


@contextlib.contextmanager
def _severed_at(connection: Connection, at: float) -> Iterator[None]:
    """The block ends by then, in the event loop's time: with psycopg.Error when the server says nothing."""
    severed = asyncio.get_running_loop().call_at(at, _sever, connection)
    try:
        yield
    finally:
        severed.cancel()


def _sever(connection: Connection) -> None:
    """Shut the socket down: libpq then reports a lost connection at once, whatever the server does."""
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)
