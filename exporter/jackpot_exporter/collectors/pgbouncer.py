"""PgBouncer's pools, databases, traffic and limits, from its admin console, under pgbouncer_exporter's names."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds, Source
from ..errors import SourceError
from ..model import Column, Frame, Item, MetricSpec, Note, Sample, counter, gauge
from ._base import CollectorType

if TYPE_CHECKING:
    from ..clients.pgbouncer import PgBouncerConsole

Table = Sequence[Mapping[str, Any]]

UP = gauge("pgbouncer_up", "Whether PgBouncer answered.")
VERSION = gauge("pgbouncer_version_info", "PgBouncer's version; always 1.", "version")
POOL = gauge(
    "database_pool_connections", "Connections of the service, or its clients waiting for one.", "state", own=True
)
POOL_MAX = gauge("database_pool_connections_max", "Connections the service may have.", own=True)

_BY_DATABASE = ("name", "host", "port", "database", "force_user", "pool_mode")
_BY_POOL = ("database", "user")
_LABEL_COLUMNS = {"databases": _BY_DATABASE, "pools": _BY_POOL, "stats_totals": ("database",)}


def _database(column: str, help_text: str) -> tuple[str, MetricSpec, float]:
    return column, gauge(f"pgbouncer_databases_{column}", help_text, *_BY_DATABASE), 1


def _pool(column: str, name: str, help_text: str, factor: float = 1) -> tuple[str, MetricSpec, float]:
    return column, gauge(f"pgbouncer_pools_{name}", help_text, *_BY_POOL), factor


def _total(column: str, name: str, help_text: str, factor: float = 1) -> tuple[str, MetricSpec, float]:
    return column, counter(f"pgbouncer_stats_totals_{name}", help_text, "database"), factor


_MICROSECONDS = 1e-6
_COLUMNS: dict[str, tuple[tuple[str, MetricSpec, float], ...]] = {
    "databases": (
        _database("pool_size", "Connections to the server at most."),
        _database("reserve_pool", "Further connections in an emergency."),
        _database("max_connections", "Connections to the server at most, over all pools; 0: no limit."),
        _database("current_connections", "Connections to the server."),
        _database("paused", "Whether the database is paused."),
        _database("disabled", "Whether the database is disabled."),
    ),
    "pools": (
        _pool("cl_active", "client_active_connections", "Clients with a server connection, or idle."),
        _pool("cl_waiting", "client_waiting_connections", "Clients that wait for a server connection."),
        _pool("cl_active_cancel_req", "client_active_cancel_connections", "Clients whose cancel request is under way."),
        _pool("cl_waiting_cancel_req", "client_waiting_cancel_connections", "Clients whose cancel request waits."),
        _pool("sv_active", "server_active_connections", "Server connections in use."),
        _pool("sv_active_cancel", "server_active_cancel_connections", "Server connections that forward a cancel."),
        _pool("sv_being_canceled", "server_being_canceled_connections", "Server connections waiting for cancels."),
        _pool("sv_idle", "server_idle_connections", "Server connections ready for a client."),
        _pool("sv_used", "server_used_connections", "Server connections idle for long, to be checked first."),
        _pool("sv_tested", "server_testing_connections", "Server connections being reset or checked."),
        _pool("sv_login", "server_login_connections", "Server connections logging in."),
    ),
    "stats_totals": (
        _total("query_count", "queries_pooled_total", "Statements."),
        _total("xact_count", "sql_transactions_pooled_total", "Transactions."),
        _total("bytes_received", "received_bytes_total", "Bytes from clients."),
        _total("bytes_sent", "sent_bytes_total", "Bytes to clients."),
        _total("query_time", "queries_duration_seconds_total", "Time in statements.", _MICROSECONDS),
        _total("xact_time", "server_in_transaction_seconds_total", "Time in transactions.", _MICROSECONDS),
        _total("wait_time", "client_wait_seconds_total", "Time clients waited for a server.", _MICROSECONDS),
        _total("client_parse_count", "client_parses_total", "Statements prepared by clients."),
        _total("server_parse_count", "server_parses_total", "Statements prepared on servers."),
        _total("bind_count", "binds_total", "Prepared statements bound."),
    ),
}
MAXWAIT = gauge("pgbouncer_pools_client_maxwait_seconds", "How long the first client in line has waited.", *_BY_POOL)

_LISTS = {
    "databases": ("databases", "Databases."),
    "users": ("users", "Users."),
    "pools": ("pools", "Pools."),
    "free_clients": ("free_clients", "Free client slots in memory."),
    "used_clients": ("used_clients", "Clients."),
    "login_clients": ("login_clients", "Clients logging in."),
    "free_servers": ("free_servers", "Free server slots in memory."),
    "used_servers": ("used_servers", "Server connections."),
    "dns_names": ("cached_dns_names", "Names in the DNS cache."),
    "dns_zones": ("cached_dns_zones", "Zones in the DNS cache."),
    "dns_queries": ("in_flight_dns_queries", "DNS queries under way."),
}
LISTS = {key: gauge(f"pgbouncer_{name}", help_text) for key, (name, help_text) in _LISTS.items()}
CONFIG = {
    "max_client_conn": gauge("pgbouncer_config_max_client_connections", "Clients at most."),
    "max_user_connections": gauge(
        "pgbouncer_config_max_user_connections", "Server connections of one user at most; 0: no limit."
    ),
    "max_db_connections": gauge(
        "pgbouncer_config_max_database_connections", "Server connections of one database at most; 0: no limit."
    ),
    "default_pool_size": gauge("pgbouncer_config_default_pool_size", "Server connections of a pool at most."),
}


class PgBouncerSettings(Source, Schedule):
    """PgBouncer's admin console. The user needs to be one of stats_users or admin_users."""

    dsn: str | None = Field(None, description="postgresql://user@host:6432/pgbouncer")
    dsn_file: Path | None = Field(None, description="file that holds the DSN, re-read at each connect")
    password_file: Path | None = Field(None, description="file that holds the password, re-read at each connect")
    connect_timeout: Seconds = Field(3.0, description="limit for one connection attempt")
    max_rows: int = Field(500, ge=1, description="databases and pools shown")
    pool: str | None = Field(None, description="database to report as the service's connection pool")

    @model_validator(mode="after")
    def _one_dsn(self) -> Self:
        if (self.dsn is None) == (self.dsn_file is None):
            raise ValueError("give one of dsn and dsn_file")
        return self


class PgBouncerCollector:
    """All that the console shows, in one turn."""

    def __init__(self, console: PgBouncerConsole, settings: PgBouncerSettings) -> None:
        self._console = console
        self._pool = settings.pool
        self._max_rows = settings.max_rows

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            databases, pools, totals, lists, config, version = await self._console.show(
                "databases", "pools", "stats_totals", "lists", "config", "version"
            )
        except SourceError:
            yield UP.sample(0)
            raise
        yield UP.sample(1)
        yield VERSION.sample(1, next(iter(version[0].values())))
        for name, table in {"databases": databases, "pools": pools, "stats_totals": totals}.items():
            for item in _frames(name, table, self._max_rows):
                yield item
        for sample in (
            *_waits(pools[: self._max_rows]),
            *_named(LISTS, lists, "list", "items"),
            *_named(CONFIG, config, "key", "value"),
        ):
            yield sample
        if self._pool is not None:
            for sample in _service_pool(self._pool, pools, databases):
                yield sample


def _frames(name: str, table: Table, max_rows: int) -> Iterator[Item]:
    """Columns that this version of PgBouncer has."""
    labels = _LABEL_COLUMNS[name]
    rows = {tuple(str(row.get(label) or "") for label in labels): row for row in table[:max_rows]}
    columns = [
        Column(spec, [_number(row[column], factor) for row in rows.values()])
        for column, spec, factor in _COLUMNS[name]
        if table and column in table[0]
    ]
    yield Frame(list(rows), tuple(columns))
    if over := max(0, len(table) - max_rows):
        yield Note(name, f"{over} {name} over max_rows", dropped=over)


def _number(value: Any, factor: float) -> float:
    """The console sends whole numbers, some of them as text or as numeric."""
    return int(value) if factor == 1 else int(value) * factor


def _waits(pools: Table) -> Iterator[Sample]:
    """The seconds and the rest in microseconds are two columns; one alone hides every wait below a second."""
    for row in pools:
        yield MAXWAIT.sample(
            int(row["maxwait"]) + int(row.get("maxwait_us") or 0) * _MICROSECONDS, row["database"], row["user"]
        )


def _named(specs: Mapping[str, MetricSpec], table: Table, key: str, value: str) -> Iterator[Sample]:
    for row in table:
        if row[key] in specs and row[value] is not None:
            yield specs[row[key]].sample(int(row[value]))


def _service_pool(name: str, pools: Table, databases: Table) -> Iterator[Sample]:
    """The pools of all users of one database together."""
    members = [row for row in pools if row["database"] == name]
    busy = ("sv_active", "sv_active_cancel", "sv_being_canceled", "sv_tested", "sv_login")
    yield POOL.sample(sum(int(row.get(column) or 0) for row in members for column in busy), "active")
    yield POOL.sample(sum(int(row["sv_idle"]) + int(row["sv_used"]) for row in members), "idle")
    yield POOL.sample(sum(int(row["cl_waiting"]) for row in members), "waiting")
    sizes = [int(row["pool_size"]) for row in databases if row["name"] == name]
    if sizes:
        yield POOL_MAX.sample(sizes[0] * max(1, len(members)))


def _build(settings: PgBouncerSettings, timeout_seconds: float, clients: Clients) -> PgBouncerCollector:
    return PgBouncerCollector(clients.pgbouncer(settings, timeout_seconds), settings)


TYPE = CollectorType(
    name="pgbouncer",
    help="PgBouncer's pools, databases and traffic",
    section=CollectorSection(("pgbouncer",), PgBouncerSettings),
    metrics=(
        UP,
        VERSION,
        MAXWAIT,
        POOL,
        POOL_MAX,
        *LISTS.values(),
        *CONFIG.values(),
        *(spec for columns in _COLUMNS.values() for _, spec, _ in columns),
    ),
    build=_build,
)
