"""What the platform does in the background: its tasks, and what they find and leave in the database."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from .faults import BREACH, DATA_CORRUPT, TASK_STALLED

_TASKS = ("insights", "integrity", "retention", "rollup", "snapshot")
_STALLED = "snapshot"
_EVERY_SECONDS = 4.0
_PROMISED = "1 minute"
"""They keep it easily: their last success is seen late, by a query every thirty seconds and a scrape every fifteen."""

Connection = AsyncConnection[Any]

_BEGIN = f"""
insert into poker.tasks (task, every)
select task, interval '{_PROMISED}' from unnest(array[{", ".join(f"'{task}'" for task in _TASKS)}]) as task
on conflict do nothing;
update poker.tasks set last_success_at = now(), succeeded = succeeded + 1;
insert into poker.retention values ('hands', '90 days'), ('insights', '30 days'), ('sessions', '30 days')
on conflict do nothing;
insert into poker.integrity_checks ("check", last_run_at) values ('balances', now()), ('hand_chips', now())
on conflict do nothing;
insert into poker.insights (state) select 'generated' where not exists (select from poker.insights);
"""  # noqa: S608 - constants of this file

_STALL = """
update poker.tasks set last_success_at = now() - 4 * every
where task = %s and last_success_at > now() - 2 * every
"""


class Work:
    """Lives by the tick."""

    def __init__(self) -> None:
        self._pace = Pace()

    async def begin(self, connection: Connection) -> None:
        await connection.execute(_BEGIN)

    async def live(self, connection: Connection, seconds: float, active: AbstractSet[str]) -> None:
        if self._pace.due("tasks", 1 / _EVERY_SECONDS, seconds):
            await self._run(connection, active)
        if TASK_STALLED in active:
            await connection.execute(_STALL, [_STALLED])
        if BREACH in active and self._pace.due("breach", 1, seconds):
            await connection.execute("insert into poker.security_events (kind) values ('breach')")
        if DATA_CORRUPT in active and self._pace.due("corrupt", 1, seconds):
            await connection.execute(
                "update poker.integrity_checks set failures = failures + 1 where \"check\" = 'hand_chips'"
            )

    async def _run(self, connection: Connection, active: AbstractSet[str]) -> None:
        stalled = _STALLED if TASK_STALLED in active else ""
        await connection.execute(
            "update poker.tasks set last_success_at = now(), succeeded = succeeded + 1 where task <> %s", [stalled]
        )
        await connection.execute("update poker.integrity_checks set last_run_at = now()")
        await connection.execute("insert into poker.insights (state) values ('generated')")
        await connection.execute("insert into poker.security_events (kind) values ('rate_limit')")
        await connection.execute("update poker.sessions set last_seen_at = now() where ended_at is null")
