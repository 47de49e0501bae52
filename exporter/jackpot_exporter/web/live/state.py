"""What the page shows of a target at one moment, as JSON; all but the pools, which have a part of their own.

Times are Unix seconds, durations seconds, shares 0 to 1. What is not known is null, as in every document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...operations import OPERATIONS
from ...telemetry import Telemetry
from .. import documents
from ..readings import Readings

Document = dict[str, Any]

PROMISED_SECONDS: Mapping[str, float] = dict(zip(OPERATIONS, (0.100, 0.150, 0.050), strict=True))
"""What 95 of 100 operations must keep; the packs' objectives say the same."""

_HISTOGRAM = "operation_duration_seconds"
_OPERATIONS_SHOWN = 12
_QUANTILES = {"p50": 0.50, "p95": 0.95, "p99": 0.99}


def service(at: Readings) -> Document:
    build = at.labels("build_info") or {}
    asked = at.own("requests_per_second")
    return {
        "status": documents.overall_status(at),
        "up": at.own("up"),
        "version": build.get("version"),
        "environment": build.get("environment"),
        "uptime": at.own("uptime_seconds"),
        "perSecond": at.rate("operations_total") if asked is None else asked,
        "errorRatio": documents.error_ratio(at),
        "activeUsers": at.own("active_users"),
    }


def dependencies(at: Readings) -> list[Document]:
    """Each with whether it is up, how long it takes to answer, and a word on what is scarce in it."""
    seconds = at.by_label("dependency_response_seconds", "dependency")
    return [
        {"name": name, "up": bool(up), "seconds": seconds.get(name), **_particulars(at, name, is_up=bool(up))}
        for name, up in at.by_label("dependency_up", "dependency").items()
    ]


def _particulars(at: Readings, name: str, *, is_up: bool) -> Document:
    if name == "database":
        states = at.by_label("database_pool_connections", "state")
        connections = {"active": states.get("active"), "waiting": states.get("waiting")}
        why = None if is_up else at.outcome("postgres")
        return {"connections": {**connections, "max": at.own("database_pool_connections_max")}, "why": why}
    if name == "cache":
        return {"hitRatio": documents.hit_ratio(at), "why": None if is_up else at.outcome("redis")}
    return {}


def collectors(telemetry: Telemetry) -> list[Document]:
    return [
        {
            "name": name,
            "outcome": record.outcome.value if record.outcome else None,
            "isGood": record.outcome.is_success if record.outcome else None,
            "lastSuccess": record.last_success,
            "series": record.series,
            "failures": sum(record.failures.values()),
            "dropped": record.dropped,
        }
        for name, record in telemetry.records()
    ]


def latencies(at: Readings) -> list[Document]:
    """Of the last minutes by the service's log; where it has none, what the service itself reports."""
    counted = at.by_label(_HISTOGRAM, "operation")
    found = dict.fromkeys([*counted, *at.by_label("reported_response_seconds", "operation")])
    rows = [_latency(at, name, is_counted=name in counted) for name in list(found)[:_OPERATIONS_SHOWN]]
    return [row for row in rows if not row["isReported"] or row["p95"] is not None]


def _latency(at: Readings, operation: str, *, is_counted: bool) -> Document:
    if is_counted:
        values = {name: at.quantile(_HISTOGRAM, share, operation=operation) for name, share in _QUANTILES.items()}
    else:
        stats = at.by_label("reported_response_seconds", "stat", operation=operation)
        values = {name: stats.get(name) for name in _QUANTILES}
    return {
        "operation": operation,
        **values,
        "limit": PROMISED_SECONDS.get(operation),
        "perSecond": at.rate("operations_total", operation=operation),
        "isReported": not is_counted,
    }


def figures(at: Readings) -> Iterator[tuple[str, float]]:
    """What the history keeps besides the pools, by name."""
    overall = service(at)
    named = {"perSecond": overall["perSecond"], "errorRatio": overall["errorRatio"]}
    named |= {f"p95 {one['operation']}": one["p95"] for one in latencies(at)}
    yield from ((name, value) for name, value in named.items() if value is not None)
