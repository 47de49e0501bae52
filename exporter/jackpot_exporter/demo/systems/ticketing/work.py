"""What happens in the background: jobs in queues, and workers that run at an interval."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from .faults import QUEUE_BACKUP, WORKER_STALLED

_QUEUES = ("email", "mint", "payout", "search-index")
_BACKED_UP = "email"
_BACKLOG = 1500
_JOBS_PER_SECOND = 2.0
_WORKERS = {
    "alert-evaluation": (60, 0.4),
    "metric-aggregation": (300, 6.0),
    "ml-analysis": (600, 21.0),
    "cleanup": (86400, 48.0),
    "report-generation": (86400, 15.0),
}
_STALLED = "ml-analysis"

_BEGIN_WORKER = """
    insert into ticketing.workers (name, interval_seconds, last_success_at, last_seconds)
    values (%s, %s, now(), %s)
    on conflict (name) do update set last_success_at = now()
"""
_RUN_WORKERS = """
    update ticketing.workers
    set last_success_at = now()
    where last_success_at < now() - make_interval(secs => interval_seconds) and name <> %s
"""
_STALL = """
    update ticketing.workers
    set last_success_at = now() - make_interval(secs => 4 * interval_seconds), failures = failures + 3
    where name = %s and last_success_at > now() - make_interval(secs => 2 * interval_seconds)
"""
_WORK = """
    update ticketing.jobs set finished_at = now()
    where finished_at is null and created_at < now() - interval '500 ms' and queue <> %s
"""
_PILE_UP = """
    insert into ticketing.jobs (queue)
    select %s from generate_series(1, %s - (
        select count(*)::int from ticketing.jobs where finished_at is null and queue = %s))
"""

Connection = AsyncConnection[Any]


class Work:
    """Writes what queues and workers do."""

    def __init__(self) -> None:
        self._pace = Pace()

    async def begin(self, connection: Connection) -> None:
        for queue in _QUEUES:
            await connection.execute("insert into ticketing.queues values (%s) on conflict do nothing", [queue])
        for name, (every, seconds) in _WORKERS.items():
            await connection.execute(_BEGIN_WORKER, [name, every, seconds])

    async def work(self, connection: Connection, seconds: float, active: Collection[str]) -> None:
        for queue in _QUEUES:
            jobs = self._pace.due(queue, _JOBS_PER_SECOND, seconds)
            await connection.execute(
                "insert into ticketing.jobs (queue) select %s from generate_series(1, %s)", [queue, jobs]
            )
        await connection.execute(_WORK, [_BACKED_UP if QUEUE_BACKUP in active else ""])
        if QUEUE_BACKUP in active:
            await connection.execute(_PILE_UP, [_BACKED_UP, _BACKLOG, _BACKED_UP])
        await connection.execute(_RUN_WORKERS, [_STALLED if WORKER_STALLED in active else ""])
        if WORKER_STALLED in active:
            await connection.execute(_STALL, [_STALLED])

    async def undo(self, connection: Connection, fault: str) -> None:
        if fault == WORKER_STALLED:
            await connection.execute("update ticketing.workers set last_success_at = now() where name = %s", [_STALLED])
