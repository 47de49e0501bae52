"""A made day of a jackpot service, and the weeks before it: traffic by the hour, one incident, a backup, growth.

Everything is a whole number made by rule, so that a test can add it up by itself. The counters of the service's log
begin anew in the incident, as after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from harness.back_filled import Samples

MINUTE, HOUR, DAY = 60, 3600, 86400
MINUTES = DAY // MINUTE
INCIDENT = range(1080, 1120)
"""Minutes of the day."""
DOWN = range(1085, 1095)
RESTART = 1090
CACHE_DOWN = range(300, 315)
BACKUP = 1110
STILL_FIRING = 1430
HOSTILE = '<script>alert("1")</script> & $x_{2}$ | `a` \\ [b](javascript:c)'
LIMITS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0, 5.0)
POOLS = {"minor": 52_014, "major": 502_280, "mega": 5_002_280, HOSTILE: 10_000}
PAID = {"minor": 300, "major": 200, "mega": 700, HOSTILE: 3}
"""Cents a minute, more in the evening."""
WINS = {"minor": {100, 500, 900, 1300}, "major": {700}, "mega": set[int](), HOSTILE: set[int]()}
"""In these minutes of the day."""
OPERATIONS = {"contribution": 600, "win": 20, "pool_query": 200}
_USUAL = (30, 30, 20, 15, 3, 1, 1, 0, 0, 0, 0, 0, 0)
_ILL = (0, 0, 5, 10, 15, 20, 15, 10, 10, 10, 4, 1, 0)
"""Percent of the operations in each bucket."""
GIB = 1024**3


def swing(at: int) -> float:
    """Between 0.4 and 1.6 over a day."""
    return 1 + 0.6 * math.sin(2 * math.pi * (at % DAY) / DAY)


def make_day(end: int, service: str = "demo") -> Samples:
    """The last day, by the minute."""
    return _Day(end, service).made()


def make_history(end: int, service: str = "demo") -> Samples:
    """Before that day, by the hour: three days, and the same day of the week before; of two weeks before, its ends."""
    samples = Samples()
    for hour in (-15 * 24, -14 * 24, *range(-8 * 24, 1 - 7 * 24), *range(-4 * 24, 1 - 24)):
        at = end + hour * HOUR
        add_capacity(samples, at, end, service)
        samples.add("jackpot_up", at, 1.0, service=service)
        for pool in POOLS:
            samples.add("jackpot_contributions_cents_total", at, paid_until(at, end, pool), service=service, pool=pool)
            samples.add("jackpot_wins_total", at, won_until(at, end, pool), service=service, pool=pool)
    return samples


def add_capacity(samples: Samples, at: int, end: int, service: str) -> None:
    """A disk that fills by 2 GiB a day and 30 GiB before its end, connections that swing, memory that stands still."""
    days = (at - end) / DAY
    used = 70 * GIB + round(2 * GIB * days)
    noise = (at // HOUR * 7919) % 13 - 6
    samples.add("jackpot_database_disk_size_bytes", at, 100 * GIB, service=service)
    samples.add("jackpot_database_disk_avail_bytes", at, 100 * GIB - used + noise * 1024**2, service=service)
    samples.add("pg_connections", at, round(40 * swing(at) + 0.5 * (days + 28) + noise / 3), service=service)
    samples.add("pg_connections_limit", at, 97, service=service)
    samples.add("node_memory_MemTotal_bytes", at, 16 * GIB, service=service)
    samples.add("node_memory_MemAvailable_bytes", at, 8 * GIB + noise * 1024**2, service=service)
    for name, size, growth in (("jackpot", 20 * GIB, GIB), ("postgres", 8 * 1024**2, 0)):
        samples.add("pg_database_size_bytes", at, size + round(growth * days), service=service, datname=name)


def paid_until(at: int, end: int, pool: str) -> int:
    """What was ever paid into a pool: a rule of the time alone, so that any two moments agree."""
    minutes = (at - end) // MINUTE + 60 * MINUTES
    level = minutes * PAID[pool]
    return level + round(100 * PAID[pool] * math.sin(2 * math.pi * (at % DAY) / DAY))


def won_until(at: int, end: int, pool: str) -> int:
    """Each day before has its wins at the same minutes; but the day itself has three more of the minor pool."""
    minute = (at - end) // MINUTE + 60 * MINUTES
    days, rest = divmod(minute, MINUTES)
    count = days * len(WINS[pool]) + sum(moment <= rest for moment in WINS[pool])
    today = minute - 59 * MINUTES
    more = sum(moment <= today for moment in (200, 201, 202)) if pool == "minor" else 0
    return count + more


class _Day:
    def __init__(self, end: int, service: str) -> None:
        self.end, self.service = end, service
        self.samples = Samples()
        self.counters: dict[tuple[str, tuple[tuple[str, str], ...]], int] = {}

    def made(self) -> Samples:
        for minute in range(MINUTES + 1):
            at = self.end - DAY + minute * MINUTE
            if minute == RESTART:
                self.counters.clear()
            if minute:
                self._count(minute, at)
            self._show_counters(at)
            self._show_service(minute, at)
            self._show_pools(at)
            self._show_alerts(minute, at)
            self._show_database(minute, at)
            add_capacity(self.samples, at, self.end, self.service)
        return self.samples

    def _add(self, name: str, at: int, value: float, **labels: str) -> None:
        self.samples.add(name, at, value, service=self.service, **labels)

    def _more(self, name: str, count: int, **labels: str) -> None:
        key = (name, tuple(sorted(labels.items())))
        self.counters[key] = self.counters.get(key, 0) + count

    def _count(self, minute: int, at: int) -> None:
        is_ill = minute in INCIDENT
        for operation, usual in OPERATIONS.items():
            count = round(usual * swing(at))
            errors = count // 5 if is_ill else int(minute % 97 == 0)
            timeouts = count // 20 if is_ill else 0
            outcomes = {"success": count - errors - timeouts, "error": errors, "timeout": timeouts}
            for outcome, part in outcomes.items():
                self._more("jackpot_operations_total", part, operation=operation, outcome=outcome)
            self._count_durations(operation, count, _ILL if is_ill else _USUAL)
            self._more("jackpot_errors_total", errors, type="pool_locked" if is_ill else HOSTILE)
            self._more("jackpot_log_messages_total", errors, level="ERROR")
            self._more("jackpot_log_messages_total", count, level="INFO")
        for outcome, part in {"success": 800, "error": 8 if is_ill else 0}.items():
            self._more("jackpot_database_operations_total", part, outcome=outcome)
        for query, (calls, milliseconds) in {"11": (500, 2), "22": (10, 250), "33": (100, 1)}.items():
            self._more("pg_stat_statements_calls_total", calls, queryid=query, datname="jackpot", user="app")
            self._more(
                "pg_stat_statements_seconds_total", calls * milliseconds, queryid=query, datname="jackpot", user="app"
            )
            self._more("pg_stat_statements_rows_total", calls * 3, queryid=query, datname="jackpot", user="app")
        self._more("pg_stat_database_blks_hit", 9_900, datname="jackpot")
        self._more("pg_stat_database_blks_read", 100, datname="jackpot")
        self._more(
            "pg_stat_user_indexes_idx_scan_total",
            40,
            schemaname="public",
            relname="jackpots",
            indexrelname="jackpots_pkey",
        )
        self._more(
            "pg_stat_user_indexes_idx_scan_total",
            0,
            schemaname="public",
            relname="jackpots",
            indexrelname="jackpots_old",
        )

    def _count_durations(self, operation: str, count: int, shares: Sequence[int]) -> None:
        """The whole of a minute, spread over the buckets; what is left over is the fastest."""
        parts = [count * share // 100 for share in shares]
        parts[0] += count - sum(parts)
        below = 0
        for limit, part in zip(LIMITS, parts, strict=True):
            below += part
            self._more("jackpot_operation_duration_seconds_bucket", below, operation=operation, le=f"{limit:g}")
        self._more("jackpot_operation_duration_seconds_bucket", count, operation=operation, le="+Inf")
        self._more("jackpot_operation_duration_seconds_count", count, operation=operation)
        milliseconds = sum(part * round(limit * 1000) for limit, part in zip(LIMITS, parts, strict=True))
        self._more("jackpot_operation_duration_seconds_sum", milliseconds, operation=operation)

    def _show_counters(self, at: int) -> None:
        known = self.counters or dict.fromkeys(self._keys(), 0)
        for (name, labels), count in known.items():
            is_seconds = name.endswith(("_seconds_sum", "_seconds_total"))
            self._add(name, at, count / 1000 if is_seconds else count, **dict(labels))

    def _keys(self) -> Sequence[tuple[str, tuple[tuple[str, str], ...]]]:
        """Those that there will be: a counter is there at 0 from the start."""
        other = _Day(self.end, self.service)
        for minute in (1, INCIDENT.start):
            other._count(minute, self.end)
        return list(other.counters)

    def _show_service(self, minute: int, at: int) -> None:
        is_up = minute not in DOWN
        self._add("jackpot_up", at, int(is_up))
        for status in ("healthy", "degraded", "unhealthy"):
            self._add("jackpot_health_status", at, int(status == ("healthy" if is_up else "unhealthy")), status=status)
        self._add("jackpot_build_info", at, 1, version="1.4.2", environment="test")
        self._add(
            "jackpot_process_start_time_seconds",
            at,
            self.end - (DAY * 3 if minute < RESTART else 20_000),
            process="jackpot",
        )
        for dependency, is_there in {"database": True, "cache": minute not in CACHE_DOWN}.items():
            self._add("jackpot_dependency_up", at, int(is_there), dependency=dependency)
            self._add("jackpot_dependency_response_seconds", at, 0.002 if minute % 100 else 0.05, dependency=dependency)
        for collector in ("pools", "postgres", "redis"):
            works = collector != "redis" or minute not in CACHE_DOWN
            self._add("jackpot_exporter_collector_up", at, int(works), collector=collector)
        made = self.end - DAY + BACKUP * MINUTE if minute >= BACKUP else self.end - DAY - 6 * HOUR
        self._add("jackpot_backup_last_success_timestamp_seconds", at, made, backup="nightly")
        self._add("jackpot_backup_size_bytes", at, 3 * GIB + (GIB // 8 if minute >= BACKUP else 0), backup="nightly")
        self._add("jackpot_backup_duration_seconds", at, 754, backup="nightly")
        self._add("jackpot_backup_verified", at, 1, backup="nightly")

    def _show_pools(self, at: int) -> None:
        for pool, amount in POOLS.items():
            paid, won = paid_until(at, self.end, pool), won_until(at, self.end, pool)
            self._add("jackpot_contributions_cents_total", at, paid, pool=pool)
            self._add("jackpot_wins_total", at, won, pool=pool)
            self._add("jackpot_pool_amount_cents", at, amount + paid % 10_007, pool=pool)
        for check in ("negative_amount", "conservation"):
            self._add("jackpot_integrity_violations", at, 0, check=check)

    def _show_alerts(self, minute: int, at: int) -> None:
        spans = {
            ("JackpotServiceDown", "JackpotServiceDown", "critical", "P1"): range(1086, 1097),
            ("JackpotErrorRatioHigh", "JackpotErrorRatio", "warning", "P2"): range(1083, 1121),
            ("JackpotErrorRatioCritical", "JackpotErrorRatio", "critical", "P1"): range(1084, 1119),
            ("JackpotCacheDown", "JackpotCacheDown", "critical", "P1"): range(STILL_FIRING, MINUTES + 1),
        }
        for (alert, incident, severity, priority), span in spans.items():
            if minute in span:
                labels = {"alertname": alert, "incident": incident, "severity": severity, "priority": priority}
                self._add("ALERTS", at, 1, alertstate="firing", **labels)

    def _show_database(self, minute: int, at: int) -> None:
        texts = {"11": "update jackpots set current_amount = $1", "22": f"select '{HOSTILE}'", "33": "select 1"}
        for query, text in texts.items():
            self._add("pg_stat_statements_query_id", at, 1, queryid=query, query=text)
        self._add("jackpot_database_slow_statements", at, 1)
        self._add("jackpot_database_ping_seconds", at, 0.001 if minute % 10 else 0.004)
        self._add("pg_indexes_unused", at, 2, datname="jackpot")
        self._add("pg_indexes_unused_bytes", at, 5 * 1024**2, datname="jackpot")


def increase(points: Sequence[tuple[int, float]]) -> float:
    """What a counter grew by, from its first point to its last, over its new beginnings."""
    values = [value for _, value in points]
    return sum(later - earlier if later >= earlier else later for earlier, later in pairwise(values))


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """As a reader of the books would: the rank, its bucket, and even spreading within."""
    limits = sorted(buckets)
    rank = share * buckets[limits[-1]]
    index = next(number for number, limit in enumerate(limits) if buckets[limit] >= rank)
    if math.isinf(limits[index]):
        return limits[index - 1]
    low, below = (0.0, 0.0) if index == 0 else (limits[index - 1], buckets[limits[index - 1]])
    return low + (limits[index] - low) * (rank - below) / (buckets[limits[index]] - below)
