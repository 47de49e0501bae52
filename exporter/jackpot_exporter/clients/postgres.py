"""One guarded PostgreSQL connection: read-only, bounded on the server and on the client, reopened when in doubt.

Guards are `SET LOCAL` inside a read-only transaction, because PgBouncer ignores start-up options and, in
transaction mode, would leak a session's settings to others. The server gives up first (`lock_timeout`, then
`statement_timeout`); a server that says nothing at all is left by shutting the socket down at the deadline.
Cancelling the task instead would make psycopg wait for the mute server up to ten seconds more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import conninfo, sql
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from ..config import PostgresSource, read_secret
from ..errors import (
    AuthError,
    BadDataError,
    MissingError,
    PermissionDeniedError,
    RefusedError,
    SourceError,
    SourceTimeoutError,
)
from ..redaction import redact

Statement = LiteralString | sql.Composed
"""Fixed text of ours, or text composed with quoted names; values are always bound."""
Row = tuple[Any, ...]


class _LenientText(Loader):
    """A SQL_ASCII database may hold any bytes; psycopg's own loader raises on them."""

    def load(self, data: Buffer) -> str:
        return bytes(data).decode("utf-8", "replace")


class PostgresSession:
    """A connection that collectors take turns on."""

    def __init__(self, source: PostgresSource, name: str, timeout_seconds: float) -> None:
        self._source = source
        self._name = name
        self._timeout = timeout_seconds
        self._turn = asyncio.Lock()
        self._connection: psycopg.AsyncConnection[Row] | None = None
        self._failure: _Failure | None = None
        self._catalogue = Catalogue()
        statement_ms = max(1, int(timeout_seconds * 700))
        lock_ms = max(1, int(source.lock_timeout * 1000))
        self._guard = sql.SQL(
            "begin read only; set local statement_timeout = {}; set local lock_timeout = {};"
            " set local idle_in_transaction_session_timeout = {}"
        ).format(sql.Literal(statement_ms), sql.Literal(lock_ms), sql.Literal(int(timeout_seconds * 1000)))

    @property
    def server_version(self) -> int:
        """As PostgreSQL counts it (150018 is 15.18). Known inside `read`."""
        return self._connection.info.server_version if self._connection else 0

    @property
    def database(self) -> str:
        """The name of the connected database. Known inside `read`."""
        return self._connection.info.dbname if self._connection else ""

    @property
    def user(self) -> str:
        """The role that is connected as. Known inside `read`."""
        return self._connection.info.user if self._connection else ""

    @property
    def server(self) -> str:
        """Host and port, as postgres_exporter's label `server` has them. Known inside `read`."""
        return f"{self._connection.info.host}:{self._connection.info.port}" if self._connection else ""

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[Reader]:
        """A read-only transaction under the guards. SourceError says which way it failed.

        The connection is kept when the server ended the statement, and closed in every other doubt. Who waited for
        the turn while the server was lost fails with the same error, rather than each for its own timeout.
        """
        asked = _now()
        async with self._turn:
            connection = await self._connect(asked)
            severed = asyncio.get_running_loop().call_later(self._timeout * 0.9, _sever, connection)
            try:
                await connection.execute(self._guard, prepare=False)
                yield Reader(connection, self._catalogue)
                await connection.execute(_COMMIT, prepare=False)
            except psycopg.Error as error:
                await self._recover(connection, error)
                failure = _translate(error, connection.closed and severed.when() <= _now())
                if connection.closed:
                    self._failure = _Failure(failure, _now())
                raise failure from None
            except BaseException:
                # The body failed by itself, or was cancelled: nothing is known of the transaction.
                await self.close()
                raise
            finally:
                severed.cancel()

    async def close(self) -> None:
        """Close the connection; the next `read` opens a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _connect(self, asked: float) -> psycopg.AsyncConnection[Row]:
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

    async def _open(self) -> psycopg.AsyncConnection[Row]:
        try:
            async with asyncio.timeout(self._source.connect_timeout):
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo(),
                    autocommit=True,
                    prepare_threshold=None,
                    client_encoding="utf-8",
                    application_name=f"jackpot-exporter/{self._name}",
                )
                if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
                    # The server would refuse to send bytes that are no UTF-8; raw, they can be replaced here.
                    await connection.execute(_RAW_BYTES, prepare=False)
                await self._inspect(connection)
        except TimeoutError:
            raise SourceTimeoutError(f"no connection within {self._source.connect_timeout:g}s") from None
        except psycopg.Error as error:
            raise _translate_connect(error) from None
        for name in ("text", "varchar", "name", "bpchar"):
            connection.adapters.register_loader(name, _LenientText)
        return connection

    async def _inspect(self, connection: psycopg.AsyncConnection[Row]) -> None:
        """Prepare statements where that is safe, and forget columns that another server version may lack.

        A pooler gives its clients process ids of its own; behind one, a statement may not find what an earlier one
        prepared. Without a pooler, planning the statistics views anew each round is most of what a round costs.
        """
        cursor = await connection.execute(_BACKEND_PID, prepare=False)
        row = await cursor.fetchone()
        if row is not None and row[0] == connection.info.backend_pid:
            connection.prepare_threshold = 0
        self._catalogue.meet(connection.info.server_version)

    def _conninfo(self) -> str:
        """Built anew at each connect: a rotated password file needs no restart."""
        try:
            dsn = read_secret(self._source.dsn_file) if self._source.dsn_file else self._source.dsn or ""
            password = read_secret(self._source.password_file) if self._source.password_file else None
        except OSError as error:
            raise AuthError(f"cannot read {error.filename}: {error.strerror}") from None
        try:
            parts = conninfo.conninfo_to_dict(dsn, **({"password": password} if password is not None else {}))
        except psycopg.Error:
            raise AuthError("the DSN is not one that libpq understands") from None
        if secret := parts.get("password") or os.environ.get("PGPASSWORD"):
            redact.add(str(secret))
        return conninfo.make_conninfo("", **parts)

    async def _recover(self, connection: psycopg.AsyncConnection[Row], error: psycopg.Error) -> None:
        """Roll back what the server refused; close what cannot be rolled back."""
        if (error.sqlstate or "") in _CHANGED_SHAPE:
            self._catalogue.forget()
            await self.close()  # with the plans that were prepared for the old shape
            return
        try:
            async with asyncio.timeout(1):
                await connection.execute(_ROLLBACK, prepare=False)
        except (psycopg.Error, TimeoutError):
            await self.close()


class Catalogue:
    """The columns of the relations that were asked for; what was learnt stays until the server proves it wrong."""

    def __init__(self) -> None:
        self._version = 0
        self._columns: dict[str, frozenset[str]] = {}

    def meet(self, server_version: int) -> None:
        """Forget everything when the server is not the one that was asked."""
        if server_version != self._version:
            self._version = server_version
            self._columns.clear()

    def forget(self) -> None:
        """Ask again: a statement met a column or relation that is gone or new."""
        self._columns.clear()

    def get(self, relation: str) -> frozenset[str] | None:
        return self._columns.get(relation)

    def learn(self, relation: str, columns: frozenset[str]) -> None:
        """What is missing is remembered for PostgreSQL's own views only: an extension may come at any time."""
        if columns or relation.startswith("pg_catalog."):
            self._columns[relation] = columns


class Reader:
    """What may be asked inside one guarded transaction."""

    def __init__(self, connection: psycopg.AsyncConnection[Row], catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue

    async def columns(self, relation: str) -> frozenset[str]:
        """The columns of a schema-qualified relation; empty when it does not exist."""
        known = self._catalogue.get(relation)
        if known is None:
            known = frozenset(name for (name,) in await self.rows(_COLUMNS, (relation,)))
            self._catalogue.learn(relation, known)
        return known

    async def rows(
        self, statement: Statement, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[Row]:
        """All rows of a statement that bounds its own result."""
        cursor = await self._connection.execute(statement, parameters)
        return await cursor.fetchall()

    async def copy(self, query: Statement) -> bytes:
        """The rows of a wide query in COPY's text format: no object is made for each value."""
        wrapped = sql.SQL("copy ({}) to stdout").format(sql.SQL(query) if isinstance(query, str) else query)
        async with self._connection.cursor().copy(wrapped) as stream:
            return b"".join([bytes(block) async for block in stream])


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why the server was lost, and when, in the event loop's time."""

    error: SourceError
    at: float


_RAW_BYTES = sql.SQL("set client_encoding to 'SQL_ASCII'")
_COMMIT = sql.SQL("commit")
_ROLLBACK = sql.SQL("rollback")
_BACKEND_PID = "select pg_catalog.pg_backend_pid()"
_COLUMNS = """
select attname
from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(%s) and attnum > 0 and not attisdropped
"""
_CHANGED_SHAPE = ("42703", "42P01", "42883", "0A000")  # undefined column, table, function; cached plan out of date


def _now() -> float:
    return asyncio.get_running_loop().time()


def _sever(connection: psycopg.AsyncConnection[Row]) -> None:
    """Shut the socket down: libpq then reports a lost connection at once, whatever the server does."""
    if connection.closed:
        return
    with contextlib.suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as twin:
        twin.shutdown(socket.SHUT_RDWR)


_CLASSES: tuple[tuple[str, type[SourceError]], ...] = (
    ("55P03", SourceTimeoutError),  # lock_not_available: lock_timeout
    ("57014", SourceTimeoutError),  # query_canceled: statement_timeout
    ("25P03", SourceTimeoutError),  # idle_in_transaction_session_timeout
    ("42501", PermissionDeniedError),
    ("42P01", MissingError),  # undefined_table
    ("42703", MissingError),  # undefined_column
    ("42883", MissingError),  # undefined_function
    ("42704", MissingError),  # undefined_object
    ("3D000", MissingError),  # invalid_catalog_name
    ("3F000", MissingError),  # invalid_schema_name
    ("55000", MissingError),  # object_not_in_prerequisite_state: an extension that is not preloaded
    ("0A000", MissingError),  # feature_not_supported
    ("28", AuthError),
    ("08", RefusedError),
    ("53", RefusedError),  # too many connections, out of memory, disk full
    ("57", RefusedError),  # shutting down, starting up, crashed
)


def _translate(error: psycopg.Error, timed_out: bool) -> SourceError:
    """By SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html."""
    if timed_out:
        return SourceTimeoutError("the server did not answer within the deadline; connection dropped")
    message = redact(_first_line(error))
    for prefix, kind in _CLASSES:
        if (error.sqlstate or "").startswith(prefix):
            return kind(message)
    if error.sqlstate is None:
        return RefusedError(message)
    return BadDataError(message)


def _translate_connect(error: psycopg.Error) -> SourceError:
    """libpq gives no SQLSTATE for a failed connection, only the server's text."""
    message = redact(_first_line(error))
    lowered = str(error).lower()
    if "timeout expired" in lowered:
        return SourceTimeoutError(message)
    if any(words in lowered for words in ("authentication failed", "pg_hba.conf", "no password supplied", "role ")):
        return AuthError(message)
    if "does not exist" in lowered:
        return MissingError(message)
    if "permission denied for database" in lowered:
        return PermissionDeniedError(message)
    return RefusedError(message)


def _first_line(error: psycopg.Error) -> str:
    primary = error.diag.message_primary
    return primary or str(error).strip().partition("\n")[0]
