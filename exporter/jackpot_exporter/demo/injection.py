"""A pool below zero, past its constraint, and the way back: what the fault pool-negative does to the database.

What was taken out is kept in `jackpot_injections`, so that contributions meanwhile are not lost and a service
that was killed with the fault on repairs the pools when it starts again.
"""

from __future__ import annotations

from typing import Any

import psycopg

from .connections import Connections

_AMOUNT_AFTER = -250_000
_DROP_CONSTRAINT = "alter table jackpots drop constraint if exists jackpots_current_amount_not_negative"
_ADD_CONSTRAINT = "alter table jackpots add constraint jackpots_current_amount_not_negative check (current_amount >= 0)"
_HAS_CONSTRAINT = """
select exists (
    select from pg_constraint
    where conname = 'jackpots_current_amount_not_negative' and conrelid = 'jackpots'::regclass
)
"""
_REMEMBER = """
insert into jackpot_injections ("group", amount)
select "group", current_amount - %s from jackpots where "group" = %s
on conflict do nothing
returning amount
"""
_SHIFT = """
update jackpots
set current_amount = current_amount + %s, version = version + 1, updated_at = now()
where "group" = %s
"""


async def inject_negative(connections: Connections, group: str) -> None:
    """Takes so much out of the pool that it stands below zero. Once: a second call changes nothing."""
    async with connections.lend() as connection, connection.transaction():
        await connection.execute(_DROP_CONSTRAINT)
        cursor = await connection.execute(_REMEMBER, (_AMOUNT_AFTER, group))
        if row := await cursor.fetchone():
            await connection.execute(_SHIFT, (-row[0], group))


async def restore_negative(connections: Connections) -> None:
    """Puts back what was taken out and restores the constraint; nothing to put back is no error."""
    async with connections.lend() as connection, connection.transaction():
        cursor = await connection.execute('delete from jackpot_injections returning "group", amount')
        for group, amount in await cursor.fetchall():
            await connection.execute(_SHIFT, (amount, group))
        if not await _has_constraint(connection):
            await connection.execute(_ADD_CONSTRAINT)


async def _has_constraint(connection: psycopg.AsyncConnection[Any]) -> bool:
    row = await (await connection.execute(_HAS_CONSTRAINT)).fetchone()
    return row is not None and bool(row[0])
