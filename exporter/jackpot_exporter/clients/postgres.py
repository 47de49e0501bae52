"""Guarded reading of PostgreSQL: every read is a read-only transaction that the server itself bounds.

Behind a pooler the guards are `SET LOCAL` inside the transaction, because PgBouncer ignores start-up options and, in
transaction mode, would leak a session's settings to others; otherwise they are set once for the connection. The server
gives up first (`lock_timeout`, then `statement_timeout`), then the connection's own deadline comes.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.abc import PQGen
from psycopg.generators import copy_from
from psycopg.pq.abc import PGconn

from ..config import PostgresSource
from ._postgres_link import Connection, Link, Row

__all__ = ["Answer", "Catalogue", "PostgresSession", "Reader", "Row", "Statement"]

Statement = LiteralString | sql.Composed
"""Fixed text of ours, or text composed with quoted names; values are always bound."""

_BACKEND_PID = "select pg_catalog.pg_backend_pid()"
_RAW_BYTES = "set client_encoding to sql_ascii"
_COLUMNS = """
select attname
from pg_catalog.pg_attribute
where attrelid = pg_catalog.to_regclass(%s) and attnum > 0 and not attisdropped
"""
_SHAPE_CHANGED = ("42703", "42P01", "42883", "0A000")  # undefined column, table, function; cached plan out of date


class PostgresSession:
    """A connection that collectors take turns on."""

    def __init__(self, source: PostgresSource, name: str, timeout_seconds: float) -> None:
        self._catalogue = Catalogue()
        self._link = Link(source, f"jackpot-exporter/{name}", timeout_seconds, self._inspect)
        limits = {
            "statement_timeout": max(1, int(timeout_seconds * 700)),
            "lock_timeout": max(1, int(source.lock_timeout * 1000)),
            "idle_in_transaction_session_timeout": int(timeout_seconds * 1000),
        }
        self._limit_session = _set("set", limits)
        self._begin_limited = sql.SQL("begin read only; {}").format(_set("set local", limits))
        self._begin: sql.SQL | sql.Composed = self._begin_limited

    @property
    def server_version(self) -> int:
        """As PostgreSQL counts it (150018 is 15.18). Known inside `read`."""
        return self._link.info.server_version if self._link.info else 0

    @property
    def database(self) -> str:
        """The name of the connected database. Known inside `read`."""
        return self._link.info.dbname if self._link.info else ""

    @property
    def user(self) -> str:
        """The role that is connected as. Known inside `read`."""
        return self._link.info.user if self._link.info else ""

    @contextlib.asynccontextmanager
    async def read(self, limit_seconds: float | None = None) -> AsyncIterator[Reader]:
        """A read-only transaction under the guards; `limit_seconds` for one statement instead of the session's own.

        SourceError says which way it failed.
        """
        async with self._link.turn() as connection:
            try:
                await connection.execute(self._begin_within(limit_seconds), prepare=False)
                yield Reader(connection, self._catalogue)
                await connection.execute("commit", prepare=False)
            except psycopg.Error as error:
                if error.sqlstate in _SHAPE_CHANGED:
                    self._catalogue.forget()  # psycopg forgets what it prepared when the transaction is rolled back
                raise

    def _begin_within(self, limit_seconds: float | None) -> sql.SQL | sql.Composed:
        """All that opens the transaction, in one message to the server."""
        if limit_seconds is None:
            return self._begin
        limit = {"statement_timeout": max(1, int(limit_seconds * 1000))}
        return sql.SQL("{}; {}").format(self._begin, _set("set local", limit))

    async def close(self) -> None:
        """Close the connection; the next `read` opens a new one."""
        await self._link.close()

    async def _inspect(self, connection: Connection) -> None:
        """Prepare statements and set limits where that is safe; forget columns that another server version may lack.

        A pooler gives its clients process ids of its own; behind one, a statement may not find what an earlier one
        prepared. Without a pooler, planning the statistics views anew each round is most of what a round costs.
        """
        if connection.info.parameter_status("server_encoding") == "SQL_ASCII":
            # The server would refuse to send bytes that are no UTF-8; raw, they can be replaced here.
            await connection.execute(_RAW_BYTES, prepare=False)
        cursor = await connection.execute(_BACKEND_PID, prepare=False)
        row = await cursor.fetchone()
        self._begin = self._begin_limited
        if row is not None and row[0] == connection.info.backend_pid:
            connection.prepare_threshold = 0
            await connection.execute(self._limit_session, prepare=False)
            self._begin = sql.SQL("begin read only")
        self._catalogue.meet(connection.info.server_version)


def _trusted(query: str) -> sql.SQL:
    """Text of whoever wrote the settings, braces and all as it stands."""
    return sql.SQL(query.replace("{", "{{").replace("}", "}}"))


def _set(command: LiteralString, limits: Mapping[str, int]) -> sql.Composed:
    template = sql.SQL(f"{command} {{}} = {{}}")
    return sql.SQL("; ").join(template.format(sql.Identifier(name), sql.Literal(ms)) for name, ms in limits.items())


@dataclass(frozen=True, slots=True)
class Answer:
    """The names of the columns, and the rows."""

    columns: list[str]
    rows: list[Row]


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

    def __init__(self, connection: Connection, catalogue: Catalogue) -> None:
        self._connection = connection
        self._catalogue = catalogue

    @property
    def server(self) -> str:
        """Host and port, as postgres_exporter's label `server` has them."""
        return f"{self._connection.info.host}:{self._connection.info.port}"

    @property
    def server_version(self) -> int:
        """As PostgreSQL counts it: 150018 is 15.18."""
        return self._connection.info.server_version

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

    async def answer(self, query: str, limit: int) -> Answer:
        """The first `limit` rows of a query of a pack's or a site's own.

        Inside a subquery nothing but a query can stand, and with a bound parameter nothing but one statement can be
        sent, prepared or not: there is no way out of the read-only transaction.
        """
        inner = query.strip().rstrip(";").replace("%", "%%")
        statement = f"select * from (\n{inner}\n) as answer limit %s"  # noqa: S608 - the text is the query's whole point
        cursor = await self._connection.execute(_trusted(statement), (limit,))
        return Answer([column.name for column in cursor.description or ()], await cursor.fetchall())

    async def copy(self, query: Statement) -> bytes:
        """The rows of a wide query in COPY's text format: no object is made for each value."""
        wrapped = sql.SQL("copy ({}) to stdout").format(sql.SQL(query) if isinstance(query, str) else query)
        rows = BytesIO()
        async with self._connection.cursor().copy(wrapped):
            await self._connection.wait(_take_rows(self._connection.pgconn, rows))
        return rows.getvalue()


def _take_rows(connection: PGconn, rows: BytesIO) -> PQGen[None]:
    """Everything that a COPY sends. The loop over psycopg's own stream begins to wait anew for every row."""
    while isinstance(row := (yield from copy_from(connection)), memoryview):
        rows.write(row)
