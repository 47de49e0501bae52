"""The JSON documents of the monitoring guide, in its shapes, filled from what the exporter shows.

Times are milliseconds and amounts cents, as in the guide. No value is made up: what is not known is null. Rates,
means and percentiles are over the last five minutes of the service's log.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .readings import Readings, iso

Document = dict[str, Any]

_OPERATIONS = {"contribution": "contribution", "win": "win", "poolQuery": "pool_query"}
_DEGRADED_ERROR_RATIO = 0.05  # the guide's critical line for errors


def health(at: Readings) -> Document:
    """GET /health."""
    external = {name: up for name, up in at.by_label("dependency_up", "dependency").items() if _is_external(name)}
    build = at.labels("build_info") or {}
    return {
        "status": overall_status(at),
        "timestamp": now(),
        "uptime": at.own("uptime_seconds"),
        "version": build.get("version"),
        "environment": build.get("environment"),
        "checks": {
            "database": _dependency(at, "database", "postgres", {"connectionPool": _pool(at, with_max=False)}),
            "jackpotService": {
                "status": _word(at.own("up")),
                "responseTime": _milliseconds(at.own("health_response_seconds")),
                "lastCheck": at.last_success("health"),
                "details": {"lastContribution": iso(_last_contribution(at)), "activePools": _active_pools(at)},
            },
            "cache": _dependency(at, "cache", "redis", {"hitRate": hit_ratio(at), "memoryUsage": _memory(at)}),
            "externalServices": {
                "status": _words_of(external),
                "responseTime": _milliseconds(_slowest(at, external)),
                "lastCheck": at.last_success("health"),
                "details": {"services": {_camel(name): _word(up) for name, up in external.items()}},
            },
        },
        "metrics": {
            "requestsPerSecond": _first(at.own("requests_per_second"), at.rate("operations_total")),
            "averageResponseTime": _milliseconds(at.mean("operation_duration_seconds")),
            "errorRate": error_ratio(at),
            "activeUsers": at.own("active_users"),
        },
    }


def database(at: Readings) -> Document:
    """GET /health/database."""
    up = at.field("pg_up")
    return {
        "status": None if up is None else "healthy" if up else "unhealthy",
        "connection": {
            "status": None if up is None else "connected" if up else _why_not(at),
            "responseTime": _milliseconds(at.own("database_ping_seconds")),
            "poolStats": _pool(at, with_max=True),
        },
        "performance": {
            "queryTime": _milliseconds(at.ratio("pg_stat_statements_seconds_total", "pg_stat_statements_calls_total")),
            "slowQueries": at.own("database_slow_statements"),
            "cacheHitRate": _ratio(at.total("pg_stat_database_blks_hit"), at.total("pg_stat_database_blks_read")),
        },
        "integrity": {
            "jackpotTableAccessible": _truth(at.own("table_accessible")),
            "constraintViolations": _sum(at.by_label("integrity_violations", "check")),
            "lastBackup": iso(_largest(at.by_label("backup_last_success_timestamp_seconds", "backup"))),
        },
        "alerts": None,
    }


def jackpot(at: Readings) -> Document:
    """GET /health/jackpot."""
    amounts = at.by_label("pool_amount_cents", "pool")
    return {
        "status": overall_status(at),
        "pools": {pool: _pool_health(at, pool, amount) for pool, amount in amounts.items()},
        "operations": {
            "contributions": _operation(at, "contribution", iso(_last_contribution(at))),
            "wins": _operation(at, "win", iso(_last_win(at))),
        },
        "performance": {
            "averageResponseTime": _milliseconds(at.mean("operation_duration_seconds")),
            "throughputPerSecond": at.rate("operations_total"),
            "errorRate": error_ratio(at),
        },
        "lastActivity": {
            "lastContribution": iso(_last_contribution(at)),
            "lastWin": iso(_last_win(at)),
            "lastConfigChange": None,
        },
    }


def metrics(at: Readings) -> Document:
    """GET /metrics with Accept: application/json."""
    wins = at.rate("operations_total", operation="win")
    return {
        "timestamp": now(),
        "uptime": at.own("uptime_seconds"),
        "response_times": {name: _response_times(at, operation) for name, operation in _OPERATIONS.items()},
        "throughput": {
            "contributionsPerSecond": at.rate("operations_total", operation="contribution"),
            "winsPerMinute": None if wins is None else wins * 60,
            "totalRequests": at.total_own("operations_total"),
        },
        "errors": {
            "errorRate": error_ratio(at),
            "timeoutRate": _share(at, "timeout"),
            "totalErrors": _sum(at.by_label("errors_total", "type")),
            "errorTypes": at.by_label("errors_total", "type"),
        },
        "resources": {
            "memoryUsageMB": _mebibytes(_largest(at.by_label("process_resident_memory_bytes", "process"))),
            "cpuUsagePercent": None,
            "databaseConnections": at.own("database_pool_connections", state="active"),
            "cacheHitRate": hit_ratio(at),
        },
        "business": {
            "totalJackpotAmount": _sum(at.by_label("pool_amount_cents", "pool")),
            "activeUsers": at.own("active_users"),
            "jackpotGrowthRate": at.own("reported_pool_growth_ratio"),
            "dailyContributions": at.own("reported_daily_contributions"),
        },
    }


def dashboard(at: Readings, trends: list[Document] | None, alerts: Document) -> Document:
    """The data of GET /dashboard; trends and alerts come from Prometheus and Alertmanager."""
    figures, base = metrics(at), database(at)
    return {
        "overview": {
            "status": overall_status(at),
            "uptime": at.own("uptime_seconds"),
            "activeUsers": at.own("active_users"),
            "requestsPerSecond": _first(at.own("requests_per_second"), at.rate("operations_total")),
            "errorRate": error_ratio(at),
        },
        "performance": {
            "responseTimes": figures["response_times"],
            "throughput": figures["throughput"],
            "trends": trends,
        },
        "business": {
            "totalJackpotAmount": figures["business"]["totalJackpotAmount"],
            "dailyGrowth": _growth(trends),
            "topGames": None,
            "userActivity": None,
        },
        "system": {
            "resources": figures["resources"],
            "database": {**base["connection"], **base["performance"]},
            "cache": {"status": _word(at.own("dependency_up", dependency="cache")), "hitRate": hit_ratio(at)},
        },
        "alerts": alerts,
    }


def _growth(trends: list[Document] | None) -> float | None:
    """What the pools together gained over the hours that are known, in cents."""
    amounts = [point["jackpotAmount"] for point in trends or () if point["jackpotAmount"] is not None]
    return amounts[-1] - amounts[0] if len(amounts) > 1 else None


def overall_status(at: Readings) -> str | None:
    """The worst of what the service says and of what the exporter itself sees; None when neither is known."""
    said = next((word for word, is_so in at.by_label("health_status", "status").items() if is_so), None)
    found = at.by_label("dependency_up", "dependency")
    if said == "unhealthy" or at.own("up") == 0 or found.get("database") == 0:
        return "unhealthy"
    if said == "degraded" or 0 in found.values():
        return "degraded"
    return "healthy" if said or found else None


def hit_ratio(at: Readings) -> float | None:
    """What the service reports, else what Redis itself counted."""
    counted = _ratio(at.field("redis_keyspace_hits_total"), at.field("redis_keyspace_misses_total"))
    return _first(at.own("cache_hit_ratio"), counted)


def error_ratio(at: Readings) -> float | None:
    """Errors and timeouts among the operations of the last minutes, else what the service reports."""
    errors, timeouts = _share(at, "error"), _share(at, "timeout")
    found = None if errors is None or timeouts is None else errors + timeouts
    return _first(found, at.own("reported_error_ratio"))


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _dependency(at: Readings, name: str, collector: str, details: Mapping[str, Any]) -> Document:
    return {
        "status": _word(at.own("dependency_up", dependency=name)),
        "responseTime": _milliseconds(at.own("dependency_response_seconds", dependency=name)),
        "lastCheck": at.last_success("health", collector),
        "details": dict(details),
    }


def _pool(at: Readings, *, with_max: bool) -> Document:
    states = at.by_label("database_pool_connections", "state")
    active, idle = states.get("active"), states.get("idle")
    total = None if active is None or idle is None else active + idle
    found = {"total": total, "active": active, "idle": idle, "waiting": states.get("waiting")}
    return {**found, "max": at.own("database_pool_connections_max")} if with_max else found


def _pool_health(at: Readings, pool: str, amount: float) -> Document:
    states = at.by_label("pool_status", "status", pool=pool)
    return {
        "status": next((word for word, is_so in states.items() if is_so), None),
        "currentAmount": amount,
        "totalContributions": at.own("contributions_cents_total", pool=pool),
        "totalWins": at.own("wins_total", pool=pool),
        "lastUpdate": iso(at.own("pool_last_update_timestamp_seconds", pool=pool)),
        "version": at.own("pool_version", pool=pool),
    }


def _operation(at: Readings, operation: str, last: str | None) -> Document:
    success = _share(at, "success", operation=operation)
    if at.own("up") == 0:
        status = "down"
    elif success is None:
        status = None
    else:
        status = "operational" if success >= 1 - _DEGRADED_ERROR_RATIO else "degraded"
    return {
        "status": status,
        "successRate": success,
        "averageTime": _milliseconds(at.mean("operation_duration_seconds", operation=operation)),
        "lastOperation": last,
    }


def _response_times(at: Readings, operation: str) -> Document:
    family = "operation_duration_seconds"
    return {
        "average": _milliseconds(at.mean(family, operation=operation)),
        "p50": _milliseconds(at.quantile(family, 0.50, operation=operation)),
        "p95": _milliseconds(at.quantile(family, 0.95, operation=operation)),
        "p99": _milliseconds(at.quantile(family, 0.99, operation=operation)),
    }


def _share(at: Readings, outcome: str, **labels: str) -> float | None:
    some, every = at.rate("operations_total", outcome=outcome, **labels), at.rate("operations_total", **labels)
    return some / every if some is not None and every else None


def _last_contribution(at: Readings) -> float | None:
    """The last write of a pool that was not its win: the table has no time of contributions."""
    wins = at.by_label("pool_last_won_timestamp_seconds", "pool")
    writes = at.by_label("pool_last_update_timestamp_seconds", "pool")
    return max((when for pool, when in writes.items() if when > wins.get(pool, 0)), default=None)


def _last_win(at: Readings) -> float | None:
    return _largest(at.by_label("pool_last_won_timestamp_seconds", "pool"))


def _active_pools(at: Readings) -> float | None:
    return _sum(at.by_label("pool_status", "pool", status="active"))


def _why_not(at: Readings) -> str:
    return "timeout" if at.outcome("postgres") == "timeout" else "disconnected"


def _is_external(dependency: str) -> bool:
    return dependency not in ("database", "cache", "jackpot_service")


def _slowest(at: Readings, external: Mapping[str, float]) -> float | None:
    times = at.by_label("dependency_response_seconds", "dependency")
    return max((seconds for name, seconds in times.items() if name in external), default=None)


def _word(up: float | None) -> str | None:
    return None if up is None else "up" if up else "down"


def _words_of(external: Mapping[str, float]) -> str | None:
    if not external:
        return None
    return "up" if all(external.values()) else "degraded" if any(external.values()) else "down"


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _memory(at: Readings) -> str | None:
    used = _mebibytes(at.field("redis_memory_used_bytes"))
    return None if used is None else f"{used:.0f}MB"


def _mebibytes(size: float | None) -> float | None:
    return None if size is None else size / 2**20


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


def _ratio(part: float | None, other: float | None) -> float | None:
    return part / (part + other) if part is not None and other is not None and part + other > 0 else None


def _truth(value: float | None) -> bool | None:
    return None if value is None else bool(value)


def _sum(values: Mapping[str, float]) -> float | None:
    return sum(values.values()) if values else None


def _largest(values: Mapping[str, float]) -> float | None:
    return max(values.values(), default=None)


def _first(*values: float | None) -> float | None:
    return next((value for value in values if value is not None), None)
