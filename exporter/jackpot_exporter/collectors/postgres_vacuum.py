"""What keeps old rows alive, how far transaction ids are from wrapping around, and what vacuum is doing about it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Item, gauge
from ._base import CollectorType
from ._postgres import STATS, Part, PartsCollector, access
from ._postgres_views import CHOSEN, View, computed, frames, plain

if TYPE_CHECKING:
    from ..clients.postgres import Reader

HORIZON = gauge(
    "pg_xmin_horizon_age", "Transactions since the oldest whose rows this kind of holder keeps alive.", "holder"
)
HOLDERS = gauge("pg_xmin_horizon_holders", "How many of this kind hold rows.", "holder")
PREPARED_OLDEST = gauge("pg_prepared_transactions_oldest_seconds", "Age of the oldest prepared transaction; 0: none.")
PHASE = gauge("pg_stat_progress_vacuum_phase", "1 for the phase the vacuum is in.", "datname", "relname", "phase")

_PHASES = (
    "initializing",
    "scanning heap",
    "vacuuming indexes",
    "vacuuming heap",
    "cleaning up indexes",
    "truncating heap",
    "performing final cleanup",
)
_BY_TABLE = ("datname", "relname")
_TABLE = "case when datname = pg_catalog.current_database() then relid::regclass::text else relid::text end"

WRAPAROUND = View(
    "pg_catalog.pg_database",
    ("datname",),
    (
        computed(
            gauge(
                "pg_database_wraparound_age_datfrozenxid_seconds",
                "Transactions (not seconds, whatever the name says) since the oldest id that is not frozen.",
                "datname",
            ),
            "age(datfrozenxid)",
            "datfrozenxid",
        ),
        computed(
            gauge(
                "pg_database_wraparound_age_datminmxid_seconds",
                "Multixacts (not seconds, whatever the name says) since the oldest one still in use.",
                "datname",
            ),
            "mxid_age(datminmxid)",
            "datminmxid",
        ),
    ),
    tail=f"where datallowconn and {CHOSEN}",
)


_DEAD = gauge("pg_stat_progress_vacuum_num_dead_tuples", "Dead rows found so far.", *_BY_TABLE)
PROGRESS = View(
    "pg_catalog.pg_stat_progress_vacuum",
    ("datname", _TABLE),
    (
        *(
            plain(gauge(f"pg_stat_progress_vacuum_{name}", help_text, *_BY_TABLE), column)
            for name, column, help_text in (
                ("heap_blks", "heap_blks_total", "Blocks of the table."),
                ("heap_blks_scanned", "heap_blks_scanned", "Blocks scanned so far."),
                ("heap_blks_vacuumed", "heap_blks_vacuumed", "Blocks vacuumed so far."),
                ("index_vacuums", "index_vacuum_count", "Passes over the indexes so far."),
                ("max_dead_tuples", "max_dead_tuples", "Dead rows that fit into memory; until PostgreSQL 16."),
                ("max_dead_tuple_bytes", "max_dead_tuple_bytes", "Memory for dead rows; since PostgreSQL 17."),
            )
        ),
        plain(_DEAD, "num_dead_tuples"),
        plain(_DEAD, "num_dead_item_ids"),
    ),
)

_CURRENT_PHASES = f"""
select
    datname,
    {_TABLE},
    phase
from pg_catalog.pg_stat_progress_vacuum
"""  # noqa: S608 - constants
_HORIZON = """
select
    'session',
    count(*),
    coalesce(max(greatest(age(backend_xmin), age(backend_xid))), 0)
from pg_catalog.pg_stat_activity
where (backend_xmin is not null or backend_xid is not null)
    and backend_type <> 'walsender'
    and pid <> pg_catalog.pg_backend_pid()
union all
select
    'standby',
    count(*),
    coalesce(max(age(backend_xmin)), 0)
from pg_catalog.pg_stat_replication
where backend_xmin is not null
union all
select
    'replication_slot',
    count(*),
    coalesce(max(greatest(age(xmin), age(catalog_xmin))), 0)
from pg_catalog.pg_replication_slots
where xmin is not null or catalog_xmin is not null
union all
select
    'prepared_transaction',
    count(*),
    coalesce(max(age(transaction)), 0)
from pg_catalog.pg_prepared_xacts
"""
_PREPARED = """
select coalesce(max(extract(epoch from pg_catalog.clock_timestamp() - prepared)), 0)::float8
from pg_catalog.pg_prepared_xacts
"""


class VacuumSettings(Schedule):
    """Vacuum, what keeps it from its work, and transaction ids."""


async def _horizon(reader: Reader) -> list[Item]:
    [(oldest,)] = await reader.rows(_PREPARED)
    return [*frames(await reader.rows(_HORIZON), [HOLDERS, HORIZON], 1), PREPARED_OLDEST.sample(oldest)]


async def _phases(reader: Reader) -> list[Item]:
    return [
        PHASE.sample(int(phase == current), database, table, phase)
        for database, table, current in await reader.rows(_CURRENT_PHASES)
        for phase in _PHASES
    ]


def _build(_: VacuumSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    return PartsCollector(
        server.session,
        Part("horizon", _horizon),
        Part("wraparound", partial(WRAPAROUND.read, parameters=server.chosen)),
        Part("progress", PROGRESS.read),
        Part("phases", _phases),
    )


TYPE = CollectorType(
    name="postgres_vacuum",
    help="vacuum, what keeps old rows alive, and transaction ids",
    section=CollectorSection(("postgres", "vacuum"), VacuumSettings),
    metrics=(HORIZON, HOLDERS, PREPARED_OLDEST, *WRAPAROUND.metrics, *PROGRESS.metrics, PHASE),
    build=_build,
)
