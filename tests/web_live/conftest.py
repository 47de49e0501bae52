"""A database of many pools for all who watch."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.live import FILL
from harness.pool_table import TABLE
from jackpot_exporter.demo.servers import PostgresServer


@pytest.fixture(scope="package")
def thousand(postgres: PostgresServer) -> Iterator[str]:
    """The address of a database with 1,000 pools."""
    dsn = postgres.create_database("test_live")
    postgres.execute(TABLE, database="test_live")
    postgres.execute(FILL, database="test_live")
    yield dsn
    postgres.drop_database("test_live")
