"""The write-ahead log: how much is written, how far it has come, and whether it is archived."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Item, counter, gauge
from ._base import CollectorType
from ._postgres import STATS, Part, PartsCollector, access
from ._postgres_views import View, computed, epoch, epoch_of, plain, seconds, whole

if TYPE_CHECKING:
    from ..clients.postgres import Reader

POSITION = counter("pg_wal_position_bytes_total", "Bytes of write-ahead log written (on a standby: received) so far.")

WAL = View(
    "pg_catalog.pg_stat_wal",
    (),
    (
        plain(counter("pg_stat_wal_records_total", "Records generated."), "wal_records"),
        plain(counter("pg_stat_wal_fpi_total", "Full page images generated."), "wal_fpi"),
        whole(counter("pg_stat_wal_bytes_total", "Bytes generated."), "wal_bytes"),
        plain(counter("pg_stat_wal_buffers_full_total", "Writes because the buffers were full."), "wal_buffers_full"),
        plain(counter("pg_stat_wal_write_total", "Writes to disk; in pg_stat_io since PostgreSQL 18."), "wal_write"),
        plain(counter("pg_stat_wal_sync_total", "Syncs to disk; in pg_stat_io since PostgreSQL 18."), "wal_sync"),
        seconds(
            counter("pg_stat_wal_write_seconds_total", "Time in writes; 0 without track_wal_io_timing."),
            "wal_write_time",
        ),
        seconds(
            counter("pg_stat_wal_sync_seconds_total", "Time in syncs; 0 without track_wal_io_timing."), "wal_sync_time"
        ),
    ),
)

ARCHIVER = View(
    "pg_catalog.pg_stat_archiver",
    (),
    (
        plain(counter("pg_stat_archiver_archived_count", "Segments archived.", "server"), "archived_count"),
        plain(counter("pg_stat_archiver_failed_count", "Failed attempts to archive.", "server"), "failed_count"),
        computed(
            gauge("pg_stat_archiver_last_archive_age", "Seconds since a segment was archived.", "server"),
            epoch_of("pg_catalog.clock_timestamp() - last_archived_time"),
            "last_archived_time",
        ),
        epoch(
            gauge("pg_stat_archiver_last_failed_timestamp_seconds", "When an attempt last failed.", "server"),
            "last_failed_time",
        ),
    ),
    by_server=True,
)

_POSITION = """
select case when pg_catalog.pg_is_in_recovery()
    then pg_catalog.pg_last_wal_receive_lsn() - '0/0'
    else pg_catalog.pg_current_wal_lsn() - '0/0'
end::bigint
"""


class WalSettings(Schedule):
    """The write-ahead log and its archiver."""


async def _position(reader: Reader) -> list[Item]:
    [(position,)] = await reader.rows(_POSITION)
    return [] if position is None else [POSITION.sample(position)]


def _build(_: WalSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    return PartsCollector(
        server.session, Part("wal", WAL.read), Part("archiver", ARCHIVER.read), Part("position", _position)
    )


TYPE = CollectorType(
    name="postgres_wal",
    help="the write-ahead log and its archiver",
    section=CollectorSection(("postgres", "wal"), WalSettings),
    metrics=(*WAL.metrics, *ARCHIVER.metrics, POSITION),
    build=_build,
)
