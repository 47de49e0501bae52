"""The settings of the server that explain its behaviour, and the connections each role is granted.

A setting's value is the one new sessions get (`reset_val`), as our own session has timeouts of its own. Units become
seconds and bytes, as in postgres_exporter; what stands for "off" (-1) stays.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..model import Item, MetricSpec, gauge
from ._base import CollectorType
from ._postgres import SLOW, Part, PartsCollector, access
from ._postgres_views import View, plain

if TYPE_CHECKING:
    from ..clients.postgres import Reader

_SETTINGS = {
    "seconds": (
        "archive_timeout", "autovacuum_naptime", "autovacuum_vacuum_cost_delay", "checkpoint_timeout",
        "deadlock_timeout", "idle_in_transaction_session_timeout", "idle_session_timeout", "lock_timeout",
        "log_min_duration_statement", "statement_timeout", "transaction_timeout", "wal_receiver_timeout",
        "wal_sender_timeout",
    ),
    "bytes": (
        "autovacuum_work_mem", "effective_cache_size", "maintenance_work_mem", "max_slot_wal_keep_size",
        "max_wal_size", "min_wal_size", "shared_buffers", "temp_buffers", "temp_file_limit",
        "track_activity_query_size", "wal_buffers", "wal_keep_size", "wal_segment_size", "work_mem",
    ),
    "": (
        "autovacuum", "autovacuum_analyze_scale_factor", "autovacuum_analyze_threshold",
        "autovacuum_freeze_max_age", "autovacuum_max_workers", "autovacuum_multixact_freeze_max_age",
        "autovacuum_vacuum_cost_limit", "autovacuum_vacuum_scale_factor", "autovacuum_vacuum_threshold",
        "checkpoint_completion_target", "data_checksums", "effective_io_concurrency", "fsync", "full_page_writes",
        "hash_mem_multiplier", "hot_standby_feedback", "jit", "max_connections", "max_locks_per_transaction",
        "max_parallel_workers", "max_prepared_transactions", "max_replication_slots", "max_wal_senders",
        "max_worker_processes", "random_page_cost", "reserved_connections", "superuser_reserved_connections",
        "track_activities", "track_counts", "track_io_timing", "track_wal_io_timing", "vacuum_failsafe_age",
    ),
}  # fmt: skip
_NAMED = ("default_transaction_isolation", "synchronous_commit", "wal_level")
_UNIT = re.compile(r"(\d*)(ms|s|min|h|d|B|kB|MB|GB|TB)\Z")
_FACTORS = {
    "ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400,
    "B": 1, "kB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4,
}  # fmt: skip


def _spec(name: str, unit: str) -> MetricSpec:
    help_text = f"The setting {name}" + (f" in {unit}." if unit else ".")
    return gauge("_".join(filter(None, ("pg_settings", name, unit))), help_text, "server")


SPECS = {name: _spec(name, unit) for unit, names in _SETTINGS.items() for name in names}
NAMED = gauge("pg_setting_info", "Settings that are words; always 1.", "name", "setting")
PENDING = gauge("pg_settings_pending_restart", "Settings whose new value waits for a restart.", "server")
ROLES = View(
    "pg_catalog.pg_roles",
    ("rolname",),
    (
        plain(
            gauge("pg_roles_connection_limit", "Connections the role is granted; -1: no limit.", "rolname"),
            "rolconnlimit",
        ),
    ),
    tail="order by rolname limit 500",
)

_VALUES = """
select
    name,
    reset_val,
    unit,
    vartype
from pg_catalog.pg_settings
where name = any(%s)
"""
_PENDING = """
select count(*)
from pg_catalog.pg_settings
where pending_restart
"""


class ServerSettings(Schedule):
    """The settings of the server that explain its behaviour."""

    interval: Seconds | None = Field(60.0, description="time between two collections")


async def _settings(reader: Reader) -> list[Item]:
    items: list[Item] = []
    for name, value, unit, kind in await reader.rows(_VALUES, ([*SPECS, *_NAMED],)):
        if name in _NAMED:
            items.append(NAMED.sample(1, name, value))
        else:
            items.append(SPECS[name].sample(_number(value, unit, kind), reader.server))
    [(pending,)] = await reader.rows(_PENDING)
    return [*items, PENDING.sample(pending, reader.server)]


def _number(value: str, unit: str | None, kind: str) -> float:
    if kind == "bool":
        return int(value == "on")
    number = float(value) if kind == "real" else int(value)
    if unit is None or number < 0:
        return number
    match = _UNIT.match(unit)
    if match is None:
        return number
    return number * int(match[1] or 1) * _FACTORS[match[2]]


def _build(_: ServerSettings, timeout_seconds: float, clients: Clients) -> PartsCollector | None:
    server = access(clients, SLOW, timeout_seconds)
    if server is None:
        return None
    return PartsCollector(server.session, Part("settings", _settings), Part("roles", ROLES.read))


TYPE = CollectorType(
    name="postgres_settings",
    help="settings of the server, connection limits of roles",
    section=CollectorSection(("postgres", "settings"), ServerSettings),
    metrics=(*SPECS.values(), NAMED, PENDING, *ROLES.metrics),
    build=_build,
)
