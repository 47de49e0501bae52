"""What the platform's database holds of the game: players, sessions, tables, hands, money on its way."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from .faults import PLAYERS_MANY, REGISTRATIONS_BURST

_CAPACITY = 1000
_USUAL = 120
_MANY = 900
HANDS_A_SECOND = 5.0
REGISTRATIONS_A_SECOND = 1.0
_BURST = 6

Connection = AsyncConnection[Any]

_BEGIN = f"""
insert into poker.platform (players_capacity) values ({_CAPACITY}) on conflict do nothing;
insert into poker.closed_hours
select hour, 18000, 3600, 3600, 1800, 1800
from generate_series(date_trunc('hour', now()) - interval '24 hours', date_trunc('hour', now()) - interval '1 hour',
    interval '1 hour') as hour
where not exists (select from poker.closed_hours);
insert into poker.players (registered_at)
select now() - interval '1 day' from generate_series(1, {_USUAL}) where not exists (select from poker.players);
insert into poker.sessions (player_id, client)
select n, (array['api', 'bot', 'miniapp'])[1 + n % 3] from generate_series(1, {_USUAL}) as n
where not exists (select from poker.sessions);
insert into poker.game_tables (state)
select (array['running', 'running', 'waiting', 'paused'])[1 + n % 4] from generate_series(1, 20) as n
where not exists (select from poker.game_tables);
"""  # noqa: S608 - constants of this file

_CHANGE_TABLES = """
with ended as (
    update poker.game_tables set state = 'completed', completed_at = now()
    where table_id in (select min(table_id) from poker.game_tables where state = 'running')
    returning table_id
)
insert into poker.game_tables (state) select 'running' from ended
"""

_CHANGE_SESSIONS = """
with ended as (
    update poker.sessions set ended_at = now()
    where session_id in (select min(session_id) from poker.sessions where ended_at is null and client = %(client)s)
    returning player_id
)
insert into poker.sessions (player_id, client) select player_id, %(client)s from ended
"""


class Floor:
    """Lives by the tick."""

    def __init__(self) -> None:
        self._pace = Pace()
        self._turn = 0
        self._are_many = False

    async def begin(self, connection: Connection) -> None:
        await connection.execute(_BEGIN)

    async def live(self, connection: Connection, seconds: float, active: AbstractSet[str]) -> None:
        await self._play(connection, seconds)
        await self._register(connection, seconds, active)
        await self._move_money(connection, seconds)
        if self._pace.due("changes", 1, seconds):
            await self._change(connection)
        if PLAYERS_MANY in active and not self._are_many:
            self._are_many = True
            await connection.execute(
                "insert into poker.sessions (player_id, client) select 1000000 + n, 'miniapp'"
                " from generate_series(1, %s) as n",
                [_MANY],
            )

    async def undo(self, connection: Connection, fault: str) -> None:
        if fault == PLAYERS_MANY:
            self._are_many = False
            await connection.execute("update poker.sessions set ended_at = now() where player_id > 1000000")

    async def _play(self, connection: Connection, seconds: float) -> None:
        hands = self._pace.due("hands", HANDS_A_SECOND, seconds)
        await connection.execute(
            "insert into poker.hands (table_id, pot_cents) select n, 100 * n from generate_series(1, %s) as n", [hands]
        )

    async def _register(self, connection: Connection, seconds: float, active: AbstractSet[str]) -> None:
        times = _BURST if REGISTRATIONS_BURST in active else 1
        for _ in range(self._pace.due("registrations", REGISTRATIONS_A_SECOND * times, seconds)):
            await connection.execute("insert into poker.players default values")

    async def _move_money(self, connection: Connection, seconds: float) -> None:
        for _ in range(self._pace.due("money", 1, seconds)):
            await connection.execute(
                "update poker.transactions set state = 'completed'"
                " where state = 'pending' and created_at < now() - interval '3 seconds'"
            )
            await connection.execute(
                "insert into poker.transactions (kind, state, amount_cents)"
                " values ('buy_in', 'pending', 2000), ('withdrawal', 'pending', 5000)"
            )

    async def _change(self, connection: Connection) -> None:
        self._turn += 1
        client = ("api", "bot", "miniapp")[self._turn % 3]
        await connection.execute(_CHANGE_SESSIONS, {"client": client})
        if self._turn % 2:
            await connection.execute(_CHANGE_TABLES)
