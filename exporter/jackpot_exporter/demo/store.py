"""The jackpot pools in PostgreSQL: contributions, wins and settings under optimistic locking by `version`.

Must not log, measure or know HTTP. Pools are always written in the order of `GROUPS`: a conflicting update
locks the newer row before it sees the version differ, so two orders could deadlock.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from typing import Any, TypeVar

import psycopg
from psycopg.rows import class_row, tuple_row

from .connections import Connections

Row = TypeVar("Row")

GROUPS = ("minor", "major", "mega")
_ATTEMPTS = 60
_WRITERS = 3  # each commit makes all other attempts vain: with twenty, 150 contributions a second end in retries

# The statements' first words tell them apart in pg_stat_statements.
_POOLS = """
select "group", current_amount, total_contributions, total_wins, last_won_amount, last_won_at, version, updated_at
from jackpots
where "group" in ('minor', 'major', 'mega')
order by array_position(array['minor', 'major', 'mega'], "group")
"""
_SHARES = """
select pool."group", pool.version, setting.share_basis_points, setting.seed_amount
from jackpots as pool
join jackpot_settings as setting using ("group")
"""
_CONTRIBUTE = """update jackpots set current_amount = current_amount + %(amount)s,
    total_contributions = total_contributions + %(amount)s, version = version + 1, updated_at = now()
where "group" = %(group)s and version = %(version)s"""
_WIN = """update jackpots set last_won_amount = current_amount, last_won_at = now(), current_amount = %(seed)s,
    total_wins = total_wins + 1, version = version + 1, updated_at = now()
where "group" = %(group)s and version = %(version)s and current_amount > 0
returning last_won_amount, total_wins, total_contributions"""
_RECORD_WIN = """
insert into jackpot_wins
    ("group", number, paid_amount, reset_amount, contributions_before, game_id, user_id, correlation_id)
values
    (%(group)s, %(number)s, %(paid)s, %(seed)s, %(contributions)s, %(game_id)s, %(user_id)s, %(correlation_id)s)
"""
_STATISTICS = """
select
    sum(pool.current_amount)::bigint as total_amount,
    sum(pool.total_contributions)::bigint as total_contributions,
    sum(pool.total_wins)::bigint as total_wins,
    max(pool.last_won_at) as last_won_at
from jackpots as pool
"""
_CONDITION = """
select
    (select count(*) from jackpot_balance
     where current_amount < 0 or current_amount <> expected_amount or total_wins <> recorded_wins),
    (select coalesce(blks_hit::float8 / nullif(blks_hit + blks_read, 0), 1)
     from pg_stat_database where datname = current_database())
"""


class ConflictError(Exception):
    """Other writers were faster at every attempt."""


class EmptyPoolError(Exception):
    """The pool holds nothing to pay out."""


@dataclass(frozen=True, slots=True)
class Pool:
    """One row of `jackpots`; amounts in cents."""

    group: str
    current_amount: int
    total_contributions: int
    total_wins: int
    last_won_amount: int | None
    last_won_at: datetime | None
    version: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Win:
    """What a win paid and what the pool was reset to, in cents."""

    paid_amount: int
    reset_amount: int


@dataclass(frozen=True, slots=True)
class Winner:
    """Who won where; `correlation_id` ties the row to the log."""

    game_id: str
    user_id: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class Statistics:
    """Totals over all pools, in cents; `total_wins` counts wins."""

    total_amount: int
    total_contributions: int
    total_wins: int
    last_won_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Share:
    group: str
    version: int
    share_basis_points: int
    seed_amount: int


@dataclass(frozen=True, slots=True)
class Condition:
    """The pools that break an invariant, and PostgreSQL's buffer hit ratio."""

    violations: int
    buffer_hit_ratio: float


class Store:
    """The pools. Every method raises psycopg.Error or PoolTimeoutError when the database does not do its part."""

    def __init__(self, connections: Connections) -> None:
        self.connections = connections
        self.conflicts = 0
        self._writers = asyncio.Semaphore(_WRITERS)

    async def prepare(self) -> None:
        """Makes the tables where they are missing."""
        schema = files(__package__).joinpath("schema.sql").read_text("utf-8")
        async with self.connections.lend() as connection, connection.transaction():
            # `create ... if not exists` of two starting services can collide.
            await connection.execute("select pg_advisory_xact_lock(hashtext('jackpot-service schema'))")
            await connection.execute(schema.encode())

    async def ping(self, *, wait_seconds: float | None = None) -> None:
        async with self.connections.lend(wait_seconds=wait_seconds) as connection:
            await connection.execute("select 1")

    async def pools(self, *, wait_seconds: float | None = None) -> tuple[Pool, ...]:
        async with self.connections.lend(wait_seconds=wait_seconds) as connection:
            cursor = connection.cursor(row_factory=class_row(Pool))
            return tuple(await (await cursor.execute(_POOLS)).fetchall())

    async def contribute(self, wager_amount: int) -> dict[str, int]:
        """Gives every pool its share of the wager, all or none; returns cents by group."""
        for attempt in range(_ATTEMPTS):
            async with self._writers, self.connections.lend() as connection:
                shares = await self._shares(connection)
                given = {group: wager_amount * share.share_basis_points // 10_000 for group, share in shares.items()}
                try:
                    await _add(connection, shares, given)
                except ConflictError:
                    self.conflicts += 1
                else:
                    return given
            await _step_back(attempt)
        raise ConflictError(f"contribution: pools changed during each of {_ATTEMPTS} attempts")

    async def win(self, group: str, winner: Winner) -> Win:
        """Pays out the whole pool and resets it to its seed. EmptyPoolError when there is nothing to pay."""
        for attempt in range(_ATTEMPTS):
            async with self._writers, self.connections.lend() as connection:
                share = (await self._shares(connection))[group]
                try:
                    return await _pay(connection, share, winner)
                except ConflictError:
                    self.conflicts += 1
            await _step_back(attempt)
        raise ConflictError(f"win: pool {group} changed during each of {_ATTEMPTS} attempts")

    async def share(self, group: str) -> int:
        """The part of a wager that goes to the pool, in basis points."""
        async with self.connections.lend() as connection:
            return (await self._shares(connection))[group].share_basis_points

    async def set_share(self, group: str, share_basis_points: int) -> int:
        """Changes the share and returns the one before."""
        async with self.connections.lend() as connection, connection.transaction():
            cursor = connection.cursor(row_factory=tuple_row)
            await cursor.execute(
                'select share_basis_points from jackpot_settings where "group" = %s for update', (group,)
            )
            before = (await _only_row(cursor))[0]
            await cursor.execute(
                'update jackpot_settings set share_basis_points = %s, updated_at = now() where "group" = %s',
                (share_basis_points, group),
            )
            return int(before)

    async def statistics(self) -> Statistics:
        async with self.connections.lend() as connection:
            cursor = connection.cursor(row_factory=class_row(Statistics))
            return await _only_row(await cursor.execute(_STATISTICS))

    async def condition(self, *, wait_seconds: float | None = None) -> Condition:
        async with self.connections.lend(wait_seconds=wait_seconds) as connection:
            return Condition(*await _only_row(await connection.execute(_CONDITION)))

    async def _shares(self, connection: psycopg.AsyncConnection[Any]) -> Mapping[str, _Share]:
        cursor = connection.cursor(row_factory=class_row(_Share))
        rows = {share.group: share for share in await (await cursor.execute(_SHARES)).fetchall()}
        return {group: rows[group] for group in GROUPS}


async def _add(
    connection: psycopg.AsyncConnection[Any], shares: Mapping[str, _Share], given: Mapping[str, int]
) -> None:
    async with connection.transaction():
        cursor = connection.cursor()
        await cursor.executemany(  # one round trip for all pools
            _CONTRIBUTE,
            [{"group": group, "amount": amount, "version": shares[group].version} for group, amount in given.items()],
        )
        if cursor.rowcount != len(given):
            raise ConflictError


async def _pay(connection: psycopg.AsyncConnection[Any], share: _Share, winner: Winner) -> Win:
    async with connection.transaction():
        where = {"group": share.group, "version": share.version, "seed": share.seed_amount}
        row = await (await connection.execute(_WIN, where)).fetchone()
        if row is None:
            await _refuse_empty(connection, share.group)
            raise ConflictError
        paid, number, contributions = row
        await connection.execute(
            _RECORD_WIN,
            {
                "group": share.group,
                "number": number,
                "paid": paid,
                "seed": share.seed_amount,
                "contributions": contributions,
                "game_id": winner.game_id,
                "user_id": winner.user_id,
                "correlation_id": winner.correlation_id,
            },
        )
        return Win(paid, share.seed_amount)


async def _refuse_empty(connection: psycopg.AsyncConnection[Any], group: str) -> None:
    cursor = await connection.execute(
        'select current_amount from jackpots where "group" = %s and current_amount <= 0', (group,)
    )
    if row := await cursor.fetchone():
        raise EmptyPoolError(f"pool {group} stands at {row[0]} cents")


async def _only_row(cursor: psycopg.AsyncCursor[Row]) -> Row:
    row = await cursor.fetchone()
    if row is None:
        raise LookupError("no row where the schema promises one")
    return row


async def _step_back(attempt: int) -> None:
    await asyncio.sleep(random.uniform(0, min(0.001 * 2**attempt, 0.05)))
