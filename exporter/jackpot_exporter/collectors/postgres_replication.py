"""Replication as both sides see it: how far standbys are behind, and what slots hold back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Item, gauge, untyped
from ._base import CollectorType
from ._postgres import STATS, Part, PartsCollector, access
from ._postgres_views import View, computed, epoch, epoch_of, plain

if TYPE_CHECKING:
    from ..clients.postgres import Reader

IS_REPLICA = gauge("pg_replication_is_replica", "Whether this server is a standby.")
LAG = gauge("pg_replication_lag_seconds", "How far this standby is behind its primary; 0 on a primary.")
LAST_REPLAY = gauge("pg_replication_last_replay_seconds", "Seconds since a transaction was last replayed.")

_POSITION = """
case when pg_catalog.pg_is_in_recovery()
    then pg_catalog.pg_last_wal_receive_lsn()
    else pg_catalog.pg_current_wal_lsn()
end
"""
_STANDBY = ("application_name", "client_addr", "slot_name", "state", "server")
_SLOT = ("slot_name", "slot_type")
_DATABASE_SLOT = ("slot_name", "database", "server")
_RECEIVER = ("upstream_host", "slot_name", "status")

STANDBYS = View(
    "pg_catalog.pg_stat_replication",
    ("application_name", "host(client_addr)", "slot_name", "state"),
    (
        computed(
            gauge("pg_stat_replication_pg_current_wal_lsn_bytes", "Position of this server's log.", *_STANDBY),
            f"({_POSITION} - '0/0')::bigint",
        ),
        computed(
            gauge("pg_stat_replication_pg_wal_lsn_diff", "Bytes of log the standby has not replayed.", *_STANDBY),
            f"({_POSITION} - replay_lsn)::bigint",
            "replay_lsn",
        ),
        epoch(untyped("pg_stat_replication_reply_time", "When the standby last answered.", *_STANDBY), "reply_time"),
        *(
            epoch(gauge(f"pg_stat_replication_{column}_seconds", help_text, *_STANDBY), column)
            for column, help_text in (
                ("write_lag", "Time until the standby has written what is committed here."),
                ("flush_lag", "Time until the standby has flushed what is committed here."),
                ("replay_lag", "Time until the standby shows what is committed here."),
            )
        ),
    ),
    source="""
        pg_catalog.pg_stat_replication as r
        left join (select slot_name, active_pid from pg_catalog.pg_replication_slots) as s on s.active_pid = r.pid
    """,
    by_server=True,
)

SLOTS = View(
    "pg_catalog.pg_replication_slots",
    ("slot_name", "slot_type"),
    (
        computed(
            gauge("pg_replication_slot_slot_current_wal_lsn", "Position of this server's log.", *_SLOT),
            f"({_POSITION} - '0/0')::bigint",
        ),
        computed(
            gauge("pg_replication_slot_slot_confirmed_flush_lsn", "Position an active slot has confirmed.", *_SLOT),
            "case when active then (coalesce(confirmed_flush_lsn, '0/0') - '0/0')::bigint end",
            "confirmed_flush_lsn",
        ),
        computed(
            gauge("pg_replication_slot_slot_is_active", "Whether somebody reads from the slot.", *_SLOT),
            "active::int",
            "active",
        ),
        plain(
            gauge("pg_replication_slot_safe_wal_size_bytes", "Bytes until the slot may be lost.", *_SLOT),
            "safe_wal_size",
        ),
    ),
)

SLOT_STATUS = View(
    "pg_catalog.pg_replication_slots",
    ("slot_name", "slot_type", "wal_status"),
    (
        computed(
            gauge("pg_replication_slot_wal_status", "Whether the log the slot needs is there.", *_SLOT, "wal_status"),
            "1",
            "wal_status",
        ),
    ),
    tail="where wal_status is not null",
)

DATABASE_SLOTS = View(
    "pg_catalog.pg_replication_slots",
    ("slot_name", "database"),
    (
        computed(
            gauge("pg_replication_slots_active", "Whether somebody reads from the slot.", *_DATABASE_SLOT),
            "active::int",
            "active",
        ),
        computed(
            gauge("pg_replication_slots_pg_wal_lsn_diff", "Bytes of log the slot holds back.", *_DATABASE_SLOT),
            f"({_POSITION} - restart_lsn)::bigint",
            "restart_lsn",
        ),
    ),
    by_server=True,
)

RECEIVER = View(
    "pg_catalog.pg_stat_wal_receiver",
    ("sender_host", "slot_name", "status"),
    (
        computed(
            gauge("pg_stat_wal_receiver_flushed_lsn", "Position received and flushed.", *_RECEIVER),
            "(flushed_lsn - '0/0')::bigint",
            "flushed_lsn",
        ),
        *(
            epoch(gauge(f"pg_stat_wal_receiver_{column}", help_text, *_RECEIVER), column)
            for column, help_text in (
                ("last_msg_send_time", "When the primary sent its last message."),
                ("last_msg_receipt_time", "When the last message arrived."),
                ("latest_end_time", "When the primary's last position was reported."),
            )
        ),
    ),
)

_RECOVERY = f"""
select
    pg_catalog.pg_is_in_recovery()::int,
    case
        when not pg_catalog.pg_is_in_recovery() then 0
        when pg_catalog.pg_last_wal_receive_lsn() = pg_catalog.pg_last_wal_replay_lsn() then 0
        else greatest(0, {epoch_of("pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()")})
    end::float8,
    coalesce({epoch_of("pg_catalog.clock_timestamp() - pg_catalog.pg_last_xact_replay_timestamp()")}, 0)
"""


class ReplicationSettings(Schedule):
    """Standbys, slots, and this server's own place in replication."""


async def _recovery(reader: Reader) -> list[Item]:
    [(is_replica, lag, last_replay)] = await reader.rows(_RECOVERY)
    return [IS_REPLICA.sample(is_replica), LAG.sample(lag), LAST_REPLAY.sample(last_replay)]


_VIEWS = {
    "standbys": STANDBYS,
    "slots": SLOTS,
    "slot_status": SLOT_STATUS,
    "database_slots": DATABASE_SLOTS,
    "receiver": RECEIVER,
}


def _build(_: ReplicationSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, STATS, timeout_seconds)
    if server is None:
        return None
    views = (Part(name, view.read) for name, view in _VIEWS.items())
    return PartsCollector(server.session, Part("recovery", _recovery), *views)


TYPE = CollectorType(
    name="postgres_replication",
    help="standbys, replication slots and this server's own lag",
    section=CollectorSection(("postgres", "replication"), ReplicationSettings),
    metrics=(IS_REPLICA, LAG, LAST_REPLAY, *(spec for view in _VIEWS.values() for spec in view.metrics)),
    build=_build,
)
