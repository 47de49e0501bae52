"""The health and metrics documents of the monitoring guide, filled with what the service measured.

Each is made anew for each request, under a deadline, and never raises because a dependency is down: the document
says so. Times are milliseconds, amounts cents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import psutil
import psycopg
from redis.exceptions import RedisError

from .cache import PoolCache
from .connections import PoolStats, PoolTimeoutError
from .deadline import within
from .faults import Fault
from .journal import timestamp
from .measurements import RECENT_SECONDS, Measurements, Operation, OperationRecord, Stopwatch
from .store import GROUPS, Condition, Pool, Store

Document = dict[str, object]

_DEADLINE_SECONDS = 1.5
_WAIT_SECONDS = 1.0
_DEGRADED_ERROR_RATIO = 0.05
_SLOW_DATABASE_MILLISECONDS = 500
_DATABASE_FAILURES = (psycopg.Error, PoolTimeoutError, OSError)  # OSError includes TimeoutError
_CACHE_FAILURES = (RedisError, OSError)
_PARTNERS = ("paymentGateway", "userService", "gameEngine")
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class About:
    """What the service says of itself."""

    version: str
    environment: str
    backup_dir: Path | None = None


class Health:
    """Makes the documents. `status` in each is healthy, degraded or unhealthy."""

    def __init__(
        self,
        about: About,
        store: Store,
        cache: PoolCache,
        measurements: Measurements,
        faults: Collection[Fault],
    ) -> None:
        self._about = about
        self._store = store
        self._cache = cache
        self._measurements = measurements
        self._faults = faults
        self._process = psutil.Process()
        self._process.cpu_percent()  # the first call only sets the mark that the next one measures from

    async def overall(self) -> Document:
        database, jackpot, cache = await asyncio.gather(
            self._database_check(), self._jackpot_check(), self._cache_check()
        )
        partners = self._partners_check()
        checks = {"database": database, "jackpotService": jackpot, "cache": cache, "externalServices": partners}
        return {
            "status": self._overall_status(checks),
            "timestamp": timestamp(),
            "uptime": self._measurements.uptime_seconds,
            "version": self._about.version,
            "environment": self._about.environment,
            "checks": checks,
            "metrics": {
                "requestsPerSecond": round(self._measurements.requests.per_second(), 3),
                "averageResponseTime": self._measurements.average_milliseconds(),
                "errorRate": self._measurements.error_ratio(),
                "activeUsers": self._measurements.active_users(),
            },
        }

    async def database(self) -> Document:
        stopwatch = Stopwatch()
        try:
            await within(_DEADLINE_SECONDS, self._store.ping(wait_seconds=_WAIT_SECONDS))
            response_time = stopwatch.milliseconds
            stopwatch = Stopwatch()
            condition = await within(_DEADLINE_SECONDS, self._store.condition(wait_seconds=_WAIT_SECONDS))
        except _DATABASE_FAILURES as error:
            return self._database_failed(error, stopwatch.milliseconds)
        alerts = _database_alerts(self._store.connections.stats(), response_time, condition.violations)
        return {
            "status": "degraded" if alerts else "healthy",
            "connection": self._connection("connected", response_time),
            "performance": {
                "queryTime": stopwatch.milliseconds,
                "slowQueries": self._store.connections.slow_loans.total(),
                "cacheHitRate": round(condition.buffer_hit_ratio, 4),
            },
            "integrity": self._integrity(condition),
            "alerts": alerts,
        }

    async def jackpot(self) -> Document:
        measurements = self._measurements
        try:
            pools = await within(_DEADLINE_SECONDS, self._store.pools(wait_seconds=_WAIT_SECONDS))
        except _DATABASE_FAILURES:
            pools = ()
        documents = dict.fromkeys(GROUPS, _NO_POOL) | {pool.group: _pool(pool) for pool in pools}
        contributions = measurements.operations[Operation.CONTRIBUTION]
        wins = measurements.operations[Operation.WIN]
        return {
            "status": self._jackpot_status(pools),
            "pools": documents,
            "operations": {
                "contributions": _operation(contributions, is_down=not pools),
                "wins": _operation(wins, is_down=not pools),
            },
            "performance": {
                "averageResponseTime": measurements.average_milliseconds(),
                "throughputPerSecond": round(contributions.attempts.per_second(), 3),
                "errorRate": measurements.error_ratio(),
            },
            "lastActivity": {
                "lastContribution": _text(contributions.last_at),
                "lastWin": _text(_latest(wins.last_at, *(pool.last_won_at for pool in pools))),
                "lastConfigChange": _text(measurements.last_configuration_change),
            },
        }

    async def metrics(self) -> Document:
        measurements = self._measurements
        records = measurements.operations
        return {
            "timestamp": timestamp(),
            "uptime": measurements.uptime_seconds,
            "response_times": {operation.value: asdict(record.latency()) for operation, record in records.items()},
            "throughput": {
                "contributionsPerSecond": round(records[Operation.CONTRIBUTION].attempts.per_second(), 3),
                "winsPerMinute": round(records[Operation.WIN].attempts.per_second() * RECENT_SECONDS, 3),
                "totalRequests": measurements.total_requests,
            },
            "errors": {
                "errorRate": measurements.error_ratio(),
                "timeoutRate": measurements.timeout_ratio(),
                "totalErrors": measurements.error_types.total(),
                "errorTypes": dict(measurements.error_types),
            },
            "resources": {
                "memoryUsageMB": round(self._process.memory_info().rss / _MIB, 1),
                "cpuUsagePercent": self._process.cpu_percent(),
                "databaseConnections": self._store.connections.stats().total,
                "cacheHitRate": self._cache.hit_ratio(),
            },
            "business": await self._business(),
        }

    async def _business(self) -> Document:
        try:
            pools = await within(_DEADLINE_SECONDS, self._store.pools(wait_seconds=_WAIT_SECONDS))
        except _DATABASE_FAILURES:
            pools = ()
        total = sum(pool.current_amount for pool in pools)
        if pools:
            self._measurements.see_amount(total)
        return {
            "totalJackpotAmount": total,
            "activeUsers": self._measurements.active_users(),
            "jackpotGrowthRate": self._measurements.growth_ratio(total) if pools else 0.0,
            "dailyContributions": self._measurements.contributions_today.total(),
        }

    async def _database_check(self) -> Document:
        stopwatch = Stopwatch()
        error = None
        try:
            await within(_DEADLINE_SECONDS, self._store.ping(wait_seconds=_WAIT_SECONDS))
        except _DATABASE_FAILURES as failure:
            error = failure
        stats = self._store.connections.stats()
        pool = {"total": stats.total, "active": stats.active, "idle": stats.idle, "waiting": stats.waiting}
        status = "up" if error is None else "degraded" if isinstance(error, PoolTimeoutError) else "down"
        return _check(status, stopwatch, {"connectionPool": pool}, error)

    async def _jackpot_check(self) -> Document:
        stopwatch = Stopwatch()
        pools: Sequence[Pool] = ()
        error = None
        try:
            pools = await within(_DEADLINE_SECONDS, self._store.pools(wait_seconds=_WAIT_SECONDS))
        except _DATABASE_FAILURES as failure:
            error = failure
        details = {
            "lastContribution": _text(self._measurements.operations[Operation.CONTRIBUTION].last_at),
            "activePools": sum(pool.current_amount >= 0 for pool in pools),
        }
        status = {"healthy": "up", "degraded": "degraded", "unhealthy": "down"}[self._jackpot_status(pools)]
        return _check(status, stopwatch, details, error)

    async def _cache_check(self) -> Document:
        stopwatch = Stopwatch()
        details: Document = {"hitRate": self._cache.hit_ratio(), "memoryUsage": "0MB"}
        try:
            state = await self._cache.state()
        except _CACHE_FAILURES as error:
            return _check("down", stopwatch, details, error)
        details["memoryUsage"] = state.memory_text
        return {**_check("up", stopwatch, details), "responseTime": state.response_milliseconds}

    def _partners_check(self) -> Document:
        """The partners exist only in name: they are up unless the fault says otherwise."""
        stopwatch = Stopwatch()
        is_down = Fault.DEPENDENCY_DOWN in self._faults
        states = {name: "down" if is_down and name == _PARTNERS[0] else "up" for name in _PARTNERS}
        return _check("degraded" if is_down else "up", stopwatch, {"services": states})

    def _overall_status(self, checks: dict[str, Document]) -> str:
        if Fault.SERVICE_DOWN in self._faults or checks["database"]["status"] == "down":
            return "unhealthy"
        return "healthy" if all(check["status"] == "up" for check in checks.values()) else "degraded"

    def _jackpot_status(self, pools: Sequence[Pool]) -> str:
        if Fault.SERVICE_DOWN in self._faults or not pools:
            return "unhealthy"
        is_negative = any(pool.current_amount < 0 for pool in pools)
        return "degraded" if is_negative or self._measurements.error_ratio() > _DEGRADED_ERROR_RATIO else "healthy"

    def _database_failed(self, error: Exception, response_time: float) -> Document:
        is_exhausted = isinstance(error, PoolTimeoutError)
        status = "timeout" if is_exhausted or isinstance(error, TimeoutError) else "disconnected"
        return {
            "status": "degraded" if is_exhausted else "unhealthy",
            "connection": self._connection(status, response_time),
            "performance": {
                "queryTime": 0,
                "slowQueries": self._store.connections.slow_loans.total(),
                "cacheHitRate": 0,
            },
            "integrity": self._integrity(None),
            "alerts": [_alert("critical", f"Database health check failed: {_message(error)}")],
        }

    def _connection(self, status: str, response_time: float) -> Document:
        stats = self._store.connections.stats()
        return {
            "status": status,
            "responseTime": response_time,
            "poolStats": {"total": stats.total, **asdict(stats)},
        }

    def _integrity(self, condition: Condition | None) -> Document:
        return {
            "jackpotTableAccessible": condition is not None,
            "constraintViolations": condition.violations if condition else 0,
            "lastBackup": _last_backup(self._about.backup_dir),
        }


_NO_POOL: Document = {
    "status": "error",
    "currentAmount": 0,
    "totalContributions": 0,
    "totalWins": 0,
    "lastUpdate": "",
    "version": 0,
}


def _pool(pool: Pool) -> Document:
    return {
        "status": "active" if pool.current_amount >= 0 else "error",
        "currentAmount": pool.current_amount,
        "totalContributions": pool.total_contributions,
        "totalWins": pool.total_wins,
        "lastUpdate": timestamp(pool.updated_at),
        "version": pool.version,
    }


def _operation(record: OperationRecord, *, is_down: bool) -> Document:
    ratio = record.success_ratio()
    is_degraded = 1 - ratio > _DEGRADED_ERROR_RATIO
    return {
        "status": "down" if is_down else "degraded" if is_degraded else "operational",
        "successRate": round(ratio, 6),
        "averageTime": record.latency().average,
        "lastOperation": _text(record.last_at),
        "queueSize": record.in_flight,
    }


def _check(status: str, stopwatch: Stopwatch, details: Document, error: Exception | None = None) -> Document:
    check: Document = {
        "status": status,
        "responseTime": stopwatch.milliseconds,
        "lastCheck": timestamp(),
        "details": details,
    }
    return check if error is None else check | {"error": _message(error)}


def _database_alerts(stats: PoolStats, response_time: float, violations: int) -> list[Document]:
    alerts = []
    if violations:
        alerts.append(_alert("critical", f"{violations} jackpot pools break an invariant"))
    if stats.active >= 0.9 * stats.max:
        alerts.append(_alert("warning", f"{stats.active} of {stats.max} connections are in use"))
    if response_time > _SLOW_DATABASE_MILLISECONDS:
        alerts.append(_alert("warning", f"The database took {response_time:g} ms to answer"))
    return alerts


def _alert(severity: str, message: str) -> Document:
    return {"severity": severity, "message": message, "timestamp": timestamp(), "resolved": False}


def _message(error: Exception) -> str:
    """One line without the connection's address: psycopg's messages go on with hints and parameters."""
    if isinstance(error, PoolTimeoutError | TimeoutError):
        return str(error) or "no answer in time"
    return type(error).__name__


def _last_backup(folder: Path | None) -> str:
    if folder is None or not folder.is_dir():
        return ""
    times = [path.stat().st_mtime for path in folder.rglob("*") if path.is_file()]
    return timestamp(datetime.fromtimestamp(max(times), UTC)) if times else ""


def _latest(*times: datetime | None) -> datetime | None:
    return max((time for time in times if time is not None), default=None)


def _text(at: datetime | None) -> str:
    return timestamp(at) if at else ""
