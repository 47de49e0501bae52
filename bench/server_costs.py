"""What each role costs the PostgreSQL server: CPU of its backends, statements, temporary blocks, connections.

CPU is that of the backends' processes and not pg_stat_statements' execution time: connecting, planning and loading the
catalogue into a new backend are what a new connection for each scrape costs, and pg_stat_statements sees none of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg

from .processes import children_seconds, cpu_seconds, ended_children_seconds


@dataclass(frozen=True, slots=True)
class Cost:
    """What a role used between two readings."""

    cpu: float = 0.0
    statements: int = 0
    temporary_blocks: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What the server's processes and statements have used so far."""

    backends: Mapping[tuple[str, int], float]
    rest: float
    statements: Mapping[str, tuple[int, int]]

    def since(self, before: Reading, role: str) -> Cost:
        """What `role` used since an earlier reading; of a backend that ended meanwhile, nothing."""
        cpu = sum(
            seconds - before.backends.get(backend, 0.0)
            for backend, seconds in self.backends.items()
            if backend[0] == role
        )
        (calls, blocks), (old_calls, old_blocks) = (r.statements.get(role, (0, 0)) for r in (self, before))
        return Cost(cpu, calls - old_calls, blocks - old_blocks)


class ServerCosts:
    """Reads what the server of this process id has used, over a connection that looks on."""

    def __init__(self, postmaster: int, watch: psycopg.Connection[Any]) -> None:
        self._postmaster = postmaster
        self._watch = watch

    def read(self) -> Reading:
        roles: dict[int, str] = dict(self._watch.execute(_BACKENDS).fetchall())
        used = children_seconds(self._postmaster).items()
        return Reading(
            {(roles[pid], pid): seconds for pid, seconds in used if pid in roles},
            cpu_seconds(self._postmaster) + ended_children_seconds(self._postmaster),
            {role: (calls, blocks) for role, calls, blocks in self._watch.execute(_STATEMENTS).fetchall()},
        )

    def reads_of_pools(self) -> int:
        """How often anybody has read the pools by COPY: our rounds."""
        [(count,)] = self._watch.execute(_COPIES).fetchall()
        return int(count)

    def connections(self) -> Mapping[str, int]:
        """Open connections by role."""
        return dict(self._watch.execute(_CONNECTIONS).fetchall())


_STATEMENTS = """
select
    r.rolname,
    sum(s.calls)::bigint,
    sum(s.temp_blks_read + s.temp_blks_written)::bigint
from pg_stat_statements as s
join pg_roles as r on r.oid = s.userid
group by r.rolname
"""
_COPIES = "select coalesce(sum(calls), 0) from pg_stat_statements where query ilike 'copy %'"
_BACKENDS = "select pid, usename from pg_stat_activity where usename is not null"
_CONNECTIONS = """
select
    usename,
    count(*)::int
from pg_stat_activity
where usename is not null
group by usename
"""
