"""What Prometheus is asked, by name: PromQL as data.

Money and pools are columns of a table, not counters of a process: they do not begin anew, so the difference of two
moments is exact and costs two samples a pool instead of a day of them. Counters of processes take `increase`. Numbers
that every exporter of a service reads alike are taken once (`max without (instance, job)`), those of a log are added.

`${period}` is a millisecond longer than the report's span: Prometheus 3 leaves the first moment of a range out.
"""

from __future__ import annotations

from enum import StrEnum

_CONTRIBUTIONS = "max without (instance, job) (${ns}_contributions_cents_total{$target}%s)"
_WINS = "max without (instance, job) (${ns}_wins_total{$target}%s)"
_STATEMENTS = (
    "sum by (service, datname, queryid)"
    " (max without (instance, job) (increase(pg_stat_statements_%s{$target}[$period])))"
)
_COUNTED = "sum by (service) (max without (instance, job) (increase(%s{$target}[$period])))"
_DEPENDENCY = "max by (service, dependency) (%s_over_time(${ns}_dependency_%s{$target}[$period]))"
_TABLES = (
    "max by (service, datname, schemaname, relname) (pg_stat_user_tables_table_size_bytes{$target}%s)"
    " + max by (service, datname, schemaname, relname) (pg_stat_user_tables_index_size_bytes{$target}%s)"
)
_BUCKETS = "sum by (service, operation, le) (increase(${ns}_operation_duration_seconds_bucket{$target}[%s]))"
_DISKS = 'node_filesystem_%s_bytes{$target,fstype!~"tmpfs|overlay|squashfs|ramfs|devtmpfs"}'
_BUSY = '1 - avg by (service) (rate(node_cpu_seconds_total{$target,mode="idle"}[%s]))'


def _spent(counter: str, after: str = "", before: str = " offset $span") -> str:
    """What a column grew by, over the pools that were there at both ends."""
    return f"sum by (service) ({counter % after} - {counter % before})"


INSTANT: dict[str, str] = {
    # the service
    "up": "max by (service) (${ns}_up{$target})",
    "up_share": "max by (service) (avg_over_time(${ns}_up{$target}[$period]))",
    "health": "max by (service, status) (${ns}_health_status{$target}) == 1",
    "version": "max by (service, version, environment) (${ns}_build_info{$target})",
    "restarts": (
        "sum by (service) (max by (service, process) (changes(${ns}_process_start_time_seconds{$target}[$period])))"
    ),
    "dependency": "max by (service, dependency) (${ns}_dependency_up{$target})",
    "dependency_share": _DEPENDENCY % ("avg", "up"),
    "dependency_mean": _DEPENDENCY % ("avg", "response_seconds"),
    "dependency_most": _DEPENDENCY % ("max", "response_seconds"),
    "collectors": "count by (service) (jackpot_exporter_collector_up{$target})",
    "collector_share": "min by (service, collector) (avg_over_time(jackpot_exporter_collector_up{$target}[$period]))",
    "probe_share": "min by (service, probe) (avg_over_time(probe_success{$target}[$period]))",
    "probe_mean": "max by (service, probe) (avg_over_time(probe_duration_seconds{$target}[$period]))",
    "probe_expiry": "min by (service, probe) (probe_ssl_earliest_cert_expiry{$target})",
    # operations and errors
    "operations": "sum by (service, operation, outcome) (increase(${ns}_operations_total{$target}[$period]))",
    "operations_before": "sum by (service) (increase(${ns}_operations_total{$target}[$period] offset $span))",
    "errors": "topk(10, sum by (service, type) (increase(${ns}_errors_total{$target}[$period])) > 0)",
    "log": "sum by (service, level) (increase(${ns}_log_messages_total{$target}[$period]))",
    "config_changes": "sum by (service) (increase(${ns}_config_changes_total{$target}[$period]))",
    "latency_count": "sum by (service, operation) (increase(${ns}_operation_duration_seconds_count{$target}[$period]))",
    "latency_sum": "sum by (service, operation) (increase(${ns}_operation_duration_seconds_sum{$target}[$period]))",
    "latency_p50": f"histogram_quantile(0.5, {_BUCKETS % '$period'})",
    "latency_p95": f"histogram_quantile(0.95, {_BUCKETS % '$period'})",
    "latency_p99": f"histogram_quantile(0.99, {_BUCKETS % '$period'})",
    "latency_p95_before": f"histogram_quantile(0.95, {_BUCKETS.replace(']))', '] offset $span))') % '$period'})",
    # objectives
    "targets": "max by (objective) (objective:target:ratio)",
    # the database
    "size": "max by (service, datname) (pg_database_size_bytes{$target})",
    "size_before": "max by (service, datname) (pg_database_size_bytes{$target} offset $span)",
    "tables": f"topk(10, {_TABLES % ('', '')})",
    "tables_before": _TABLES % (" offset $span", " offset $span"),
    "ping_mean": "max by (service) (avg_over_time(${ns}_database_ping_seconds{$target}[$period]))",
    "ping_p95": "max by (service) (quantile_over_time(0.95, ${ns}_database_ping_seconds{$target}[$period]))",
    "connections_most": "max by (service) (max_over_time(pg_connections{$target}[$period]))",
    "connections_limit": "max by (service) (pg_connections_limit{$target})",
    "pool_most": 'max by (service) (max_over_time(${ns}_database_pool_connections{$target,state="active"}[$period]))',
    "pool_waiting": (
        'max by (service) (max_over_time(${ns}_database_pool_connections{$target,state="waiting"}[$period]))'
    ),
    "pool_limit": "max by (service) (${ns}_database_pool_connections_max{$target})",
    "blocks_hit": _COUNTED % "pg_stat_database_blks_hit",
    "blocks_read": _COUNTED % "pg_stat_database_blks_read",
    "deadlocks": _COUNTED % "pg_stat_database_deadlocks",
    "commits": _COUNTED % "pg_stat_database_xact_commit",
    "rollbacks": _COUNTED % "pg_stat_database_xact_rollback",
    # its statements and indexes
    "statement_seconds": f"topk(10, {_STATEMENTS % 'seconds_total'})",
    "statement_calls": _STATEMENTS % "calls_total",
    "statement_rows": _STATEMENTS % "rows_total",
    "statement_text": "max by (service, queryid, query) (pg_stat_statements_query_id{$target})",
    "slow_statements": "max by (service) (${ns}_database_slow_statements{$target})",
    "unused_indexes": "max by (service, datname) (pg_indexes_unused{$target})",
    "unused_bytes": "max by (service, datname) (pg_indexes_unused_bytes{$target})",
    "index_scans": (
        "bottomk(10, max by (service, schemaname, relname, indexrelname)"
        " (increase(pg_stat_user_indexes_idx_scan_total{$target}[$period])))"
    ),
    # pools and money
    "pools": "count by (service) (max without (instance, job) (${ns}_pool_amount_cents{$target}))",
    "pools_sum": "sum by (service) (max without (instance, job) (${ns}_pool_amount_cents{$target}))",
    "pools_sum_before": (
        "sum by (service) (max without (instance, job) (${ns}_pool_amount_cents{$target} offset $span))"
    ),
    "pools_top": "topk(10, max by (service, pool) (${ns}_pool_amount_cents{$target}))",
    "pool_contributions": (
        f"sum by (service, pool) ({_CONTRIBUTIONS % ''} - {_CONTRIBUTIONS % ' offset $span'})"
        " and on (service, pool) topk(10, max by (service, pool) (${ns}_pool_amount_cents{$target}))"
    ),
    "pool_wins": (
        f"sum by (service, pool) ({_WINS % ''} - {_WINS % ' offset $span'})"
        " and on (service, pool) topk(10, max by (service, pool) (${ns}_pool_amount_cents{$target}))"
    ),
    "contributions": _spent(_CONTRIBUTIONS),
    "contributions_week": _spent(_CONTRIBUTIONS, " offset 1w", " offset $week_span"),
    "contributions_weeks": _spent(_CONTRIBUTIONS, " offset 2w", " offset $weeks_span"),
    "wins": _spent(_WINS),
    "wins_before": _spent(_WINS, " offset $span", " offset $seven_spans"),
    "last_wins": "topk(10, max by (service, pool) (${ns}_pool_last_won_timestamp_seconds{$target}) >= $start)",
    "last_won": "max by (service, pool) (${ns}_pool_last_won_amount_cents{$target})",
    "integrity": "max by (service, check) (max_over_time(${ns}_integrity_violations{$target}[$period]))",
    # backups
    "backup_at": "max by (service, backup) (${ns}_backup_last_success_timestamp_seconds{$target})",
    "backup_made": "max by (service, backup) (changes(${ns}_backup_last_success_timestamp_seconds{$target}[$period]))",
    "backup_size": "max by (service, backup) (${ns}_backup_size_bytes{$target})",
    "backup_size_before": "max by (service, backup) (${ns}_backup_size_bytes{$target} offset $span)",
    "backup_seconds": "max by (service, backup) (${ns}_backup_duration_seconds{$target})",
    "backup_verified": "min by (service, backup) (${ns}_backup_verified{$target})",
    "backup_files": "max by (service, backup) (${ns}_backup_files{$target})",
    # processes, host, cache
    "cpu_mean": "sum by (service, process) (rate(${ns}_process_cpu_seconds_total{$target}[$period]))",
    "cpu_limit": "sum by (service, process) (${ns}_process_cpu_limit_cores{$target})",
    "memory_most": "max by (service, process) (max_over_time(${ns}_process_resident_memory_bytes{$target}[$period]))",
    "memory_limit": "max by (service, process) (${ns}_process_memory_limit_bytes{$target})",
    "host_cpu": _BUSY % "$period",
    "host_memory": (
        "max by (service) (1 - avg_over_time(node_memory_MemAvailable_bytes{$target}[$period])"
        " / avg_over_time(node_memory_MemTotal_bytes{$target}[$period]))"
    ),
    "disk_used": f"max by (service, mountpoint) (1 - {_DISKS % 'avail'} / {_DISKS % 'size'})",
    "cache_hits": _COUNTED % "redis_keyspace_hits_total",
    "cache_misses": _COUNTED % "redis_keyspace_misses_total",
    "cache_evicted": _COUNTED % "redis_evicted_keys_total",
    # the limits of what is forecast
    "limit_disk": "max by (service) (${ns}_database_disk_size_bytes{$target})",
    "limit_filesystem": f"max by (service, mountpoint) ({_DISKS % 'size'})",
    "limit_connections": "max by (service) (pg_connections_limit{$target})",
    "limit_pool": "max by (service) (${ns}_database_pool_connections_max{$target})",
    "limit_memory": "max by (service, process) (${ns}_process_memory_limit_bytes{$target})",
    "limit_host_memory": "max by (service) (node_memory_MemTotal_bytes{$target})",
    "limit_cache": "max by (service) (redis_memory_max_bytes{$target}) > 0",
}
"""At the end of the period."""


class Grid(StrEnum):
    """The moments at which a question over time is asked."""

    CHART = "chart"
    COARSE = "coarse"
    """An hour apart, or as a chart when that is more: what is summed up needs room to happen."""
    DAY = "day"
    HISTORY = "history"
    """As far back as a forecast looks."""


KNOWN = 'count by (service) ({__name__=~"${ns}_(up|table_accessible|operations_total|database_ping_seconds)",$target})'
"""Something of the service was recorded."""

COURSE: dict[str, tuple[Grid, str]] = {
    "known": (Grid.CHART, KNOWN),
    "rate": (Grid.CHART, "sum by (service) (rate(${ns}_operations_total{$target}[$window]))"),
    "error_ratio": (
        Grid.CHART,
        '(sum by (service) (rate(${ns}_operations_total{$target,outcome=~"error|timeout"}[$window])))'
        " / (sum by (service) (rate(${ns}_operations_total{$target}[$window])) > 0)",
    ),
    "p95": (Grid.CHART, f"histogram_quantile(0.95, {_BUCKETS % '$window'})"),
    "size_course": (Grid.CHART, "sum by (service) (max by (service, datname) (pg_database_size_bytes{$target}))"),
    "connections_course": (Grid.CHART, "max by (service) (pg_connections{$target})"),
    "ping_course": (Grid.CHART, "max by (service) (avg_over_time(${ns}_database_ping_seconds{$target}[$window]))"),
    "cpu_course": (Grid.CHART, _BUSY % "$window"),
    "memory_course": (
        Grid.CHART,
        "max by (service) (1 - node_memory_MemAvailable_bytes{$target} / node_memory_MemTotal_bytes{$target})",
    ),
    "pools_course": (Grid.CHART, "sum by (service) (max without (instance, job) (${ns}_pool_amount_cents{$target}))"),
    "contributions_course": (Grid.COARSE, _spent(_CONTRIBUTIONS, "", " offset $window")),
    "contributions_usual": (Grid.COARSE, _spent(_CONTRIBUTIONS, " offset 1w", " offset $week_window")),
    "day_operations": (Grid.DAY, "sum by (service) (increase(${ns}_operations_total{$target}[$window]))"),
    "day_errors": (
        Grid.DAY,
        'sum by (service) (increase(${ns}_operations_total{$target,outcome=~"error|timeout"}[$window]))',
    ),
    "day_p95": (Grid.DAY, f"histogram_quantile(0.95, {_BUCKETS.replace(', operation', '') % '$window'})"),
    "day_cpu": (Grid.DAY, _BUSY % "$window"),
    "day_memory": (
        Grid.DAY,
        "max by (service) (1 - avg_over_time(node_memory_MemAvailable_bytes{$target}[$window])"
        " / avg_over_time(node_memory_MemTotal_bytes{$target}[$window]))",
    ),
    "day_connections": (Grid.DAY, "max by (service) (max_over_time(pg_connections{$target}[$window]))"),
    "day_size": (Grid.DAY, "sum by (service) (max by (service, datname) (pg_database_size_bytes{$target}))"),
    "day_contributions": (Grid.DAY, _spent(_CONTRIBUTIONS, "", " offset $window")),
    "used_disk": (
        Grid.HISTORY,
        "max by (service) (${ns}_database_disk_size_bytes{$target} - ${ns}_database_disk_avail_bytes{$target})",
    ),
    "used_filesystem": (Grid.HISTORY, f"max by (service, mountpoint) ({_DISKS % 'size'} - {_DISKS % 'avail'})"),
    "used_connections": (Grid.HISTORY, "max by (service) (max_over_time(pg_connections{$target}[$window]))"),
    "used_pool": (
        Grid.HISTORY,
        'max by (service) (max_over_time(${ns}_database_pool_connections{$target,state="active"}[$window]))',
    ),
    "used_memory": (
        Grid.HISTORY,
        "max by (service, process) (max_over_time(${ns}_process_resident_memory_bytes{$target}[$window]))",
    ),
    "used_host_memory": (
        Grid.HISTORY,
        "max by (service) (node_memory_MemTotal_bytes{$target} - node_memory_MemAvailable_bytes{$target})",
    ),
    "used_cache": (Grid.HISTORY, "max by (service) (max_over_time(redis_memory_used_bytes{$target}[$window]))"),
    "used_database": (Grid.HISTORY, "sum by (service) (max by (service, datname) (pg_database_size_bytes{$target}))"),
}
"""Over the period: what `known` gives says when Prometheus watched at all."""
