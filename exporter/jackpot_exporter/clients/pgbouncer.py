"""PgBouncer's admin console: it answers SHOW, in the simple protocol, and knows neither transactions nor SQL."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg.rows import dict_row

from ._postgres_link import Address, Link


class PgBouncerConsole:
    """A connection to the console; it counts as one of PgBouncer's own, not as one of the database's."""

    def __init__(self, address: Address, timeout_seconds: float) -> None:
        self._link = Link(address, "jackpot-exporter", timeout_seconds)

    async def show(self, *what: LiteralString) -> list[list[dict[str, Any]]]:
        """The rows of each `SHOW`, by column. SourceError says which way it failed."""
        async with self._link.turn() as connection:
            answers = []
            for name in what:
                # Without parameters and without preparing, psycopg speaks the simple protocol.
                cursor = await connection.cursor(row_factory=dict_row).execute(f"show {name}", prepare=False)
                answers.append(await cursor.fetchall())
            return answers

    async def close(self) -> None:
        """Close the connection; the next `show` opens a new one."""
        await self._link.close()
