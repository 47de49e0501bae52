"""Sessions that do something in PostgreSQL while a test looks on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from harness.waiting import eventually

_STATE = "select state, wait_event_type from pg_stat_activity where pid = %s"


@contextmanager
def running(dsn: str, statement: str) -> Iterator[int]:
    """A session whose statement has been sent and not awaited; yields its process id, ends it at the end."""
    connection: psycopg.Connection[Any] = psycopg.connect(dsn, autocommit=True)
    try:
        connection.pgconn.send_query(statement.encode())
        yield connection.info.backend_pid
        connection.cancel_safe()
    finally:
        connection.close()


@contextmanager
def waiting(dsn: str, statement: str) -> Iterator[int]:
    """A session whose statement waits for a lock."""
    with running(dsn, statement) as pid, psycopg.connect(dsn, autocommit=True) as watch:
        eventually(lambda: watch.execute(_STATE, (pid,)).fetchall() == [("active", "Lock")])
        yield pid
