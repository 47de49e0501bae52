"""Nothing that reads can write, even as a superuser."""

from __future__ import annotations

from typing import LiteralString

import pytest

from conftest import Database
from jackpot_exporter.clients.postgres import PostgresSession
from jackpot_exporter.config import PostgresSource
from jackpot_exporter.errors import SourceError


@pytest.mark.parametrize(
    "statement",
    [
        "create table u (id int)",
        "insert into t values (1)",
        "delete from t",
        "truncate t",
        "select nextval('s')",
        "vacuum t",
    ],
    ids=lambda statement: statement.split()[0],
)
async def test_a_read_cannot_write(database: Database, statement: LiteralString) -> None:
    database.execute("create table t (id int)")
    database.execute("create sequence s")
    session = PostgresSession(PostgresSource(dsn=database.dsn), "guard", 5.0)

    with pytest.raises(SourceError, match=r"read-only transaction|inside a transaction block"):
        async with session.read() as reader:
            await reader.rows(statement)

    async with session.read() as reader:
        assert await reader.rows("select count(*) from t") == [(0,)]
        assert await reader.rows("show transaction_read_only") == [("on",)]
    await session.close()
