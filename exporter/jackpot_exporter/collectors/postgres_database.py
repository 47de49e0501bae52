"""Traffic, cache hits, conflicts, deadlocks and temporary files of each database, as PostgreSQL counts them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Item, Note, counter, gauge
from ._base import CollectorType
from ._postgres import STATS, Part, PartsCollector, access
from ._postgres_views import CHOSEN, View, epoch, plain, seconds

if TYPE_CHECKING:
    from ..clients.postgres import Reader

_CHOSEN = f"where datname is not null and {CHOSEN}"
_BY_DATABASE = ("datid", "datname")


def _name(column: str) -> str:
    return f"pg_stat_database_{column}"


DATABASES = View(
    "pg_catalog.pg_stat_database",
    ("datid::text", "datname"),
    (
        plain(gauge(_name("numbackends"), "Sessions connected to this database.", *_BY_DATABASE), "numbackends"),
        *(
            plain(counter(_name(column), help_text, *_BY_DATABASE), column)
            for column, help_text in (
                ("xact_commit", "Transactions committed."),
                ("xact_rollback", "Transactions rolled back."),
                ("blks_read", "Blocks read from the operating system."),
                ("blks_hit", "Blocks found in PostgreSQL's own cache."),
                ("tup_returned", "Rows read from tables and index entries returned by scans."),
                ("tup_fetched", "Rows fetched by index scans."),
                ("tup_inserted", "Rows inserted."),
                ("tup_updated", "Rows updated."),
                ("tup_deleted", "Rows deleted."),
                ("conflicts", "Statements cancelled by recovery; on standbys only."),
                ("temp_files", "Temporary files created."),
                ("temp_bytes", "Bytes written to temporary files."),
                ("deadlocks", "Deadlocks found."),
                ("blk_read_time", "Milliseconds spent reading blocks; 0 without track_io_timing."),
                ("blk_write_time", "Milliseconds spent writing blocks; 0 without track_io_timing."),
            )
        ),
        seconds(counter(_name("active_time_seconds_total"), "Time in statements.", *_BY_DATABASE), "active_time"),
        seconds(counter(_name("session_time_seconds_total"), "Time in sessions.", *_BY_DATABASE), "session_time"),
        seconds(
            counter(_name("idle_in_transaction_time_seconds_total"), "Time idle in transactions.", *_BY_DATABASE),
            "idle_in_transaction_time",
        ),
        *(
            plain(counter(_name(f"{column}_total"), help_text, *_BY_DATABASE), column)
            for column, help_text in (
                ("sessions", "Sessions begun."),
                ("sessions_abandoned", "Sessions lost because the client went away."),
                ("sessions_fatal", "Sessions ended by fatal errors."),
                ("sessions_killed", "Sessions ended by an operator."),
                ("checksum_failures", "Damaged pages found; nothing where checksums are off."),
                ("parallel_workers_to_launch", "Parallel workers planned."),
                ("parallel_workers_launched", "Parallel workers begun."),
            )
        ),
        epoch(counter(_name("stats_reset"), "When these counters were last reset.", *_BY_DATABASE), "stats_reset"),
    ),
    tail=_CHOSEN,
)

CONFLICTS = View(
    "pg_catalog.pg_stat_database_conflicts",
    ("datid::text", "datname"),
    tuple(
        plain(counter(f"pg_stat_database_conflicts_{column}", help_text, *_BY_DATABASE, "server"), column)
        for column, help_text in (
            ("confl_tablespace", "Statements cancelled because a tablespace was dropped."),
            ("confl_lock", "Statements cancelled by lock timeouts in recovery."),
            ("confl_snapshot", "Statements cancelled because their snapshot was too old."),
            ("confl_bufferpin", "Statements cancelled because of pinned buffers."),
            ("confl_deadlock", "Statements cancelled by deadlocks with recovery."),
            ("confl_active_logicalslot", "Uses of logical slots ended by recovery."),
        )
    ),
    tail=_CHOSEN,
    by_server=True,
)


LIMITS = View(
    "pg_catalog.pg_database",
    ("datname",),
    (
        plain(
            gauge("pg_database_connection_limit", "Connections this database grants; -1: no limit.", "datname"),
            "datconnlimit",
        ),
    ),
    tail=_CHOSEN,
)


_COUNT = """
select count(*)
from pg_catalog.pg_database
"""


class DatabaseSettings(Schedule):
    """Counters of each database."""


def _build(_: DatabaseSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    views = {"databases": DATABASES, "limits": LIMITS, "conflicts": CONFLICTS}
    parts = [Part(name, partial(view.read, parameters=server.chosen)) for name, view in views.items()]
    return PartsCollector(server.session, *parts, Part("count", partial(_dropped, *server.chosen)))


async def _dropped(databases: list[str] | None, max_databases: int, reader: Reader) -> list[Item]:
    if databases is not None:
        return []
    [(count,)] = await reader.rows(_COUNT)
    over = count - max_databases
    return [Note("max_databases", f"{over} databases over max_databases", dropped=over)] if over > 0 else []


TYPE = CollectorType(
    name="postgres_database",
    help="traffic, cache hits, conflicts and temporary files of each database",
    section=CollectorSection(("postgres", "database"), DatabaseSettings),
    metrics=(*DATABASES.metrics, *CONFLICTS.metrics, *LIMITS.metrics),
    build=_build,
)
