"""The reported collector shows what the service's own metrics document says, in base units."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.answering import Handler, answering, http
from harness.rounds import Round, Target
from jackpot_exporter.collectors import health, reported
from jackpot_exporter.demo.programs import ServiceProcess
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.model import Outcome

DOCUMENT = {
    "timestamp": "2025-11-01T04:56:00.000Z",
    "uptime": 86400,
    "response_times": {
        "contribution": {"average": 45.2, "p50": 42, "p95": 89, "p99": 156},
        "win": {"average": 78.5, "p50": 75, "p95": 145, "p99": None},
        "poolQuery": {"average": 12.3, "p50": 10, "p95": "25", "p99": "NaN"},
    },
    "throughput": {"contributionsPerSecond": 12.5, "winsPerMinute": 3, "totalRequests": 1_000_000},
    "errors": {"errorRate": 0.5, "timeoutRate": 0.1, "totalErrors": 7, "errorTypes": {"VALIDATION": 4, "other": 3}},
    "resources": {"memoryUsageMB": 256, "cpuUsagePercent": 15.5, "databaseConnections": 8, "cacheHitRate": 0.95},
    "business": {
        "totalJackpotAmount": 1_250_000,
        "activeUsers": 150,
        "jackpotGrowthRate": -0.1,
        "dailyContributions": 5000,
    },
}


async def read(answer: Handler | bytes, **settings: Any) -> Round:
    async with answering(answer) as server:
        service = {"metrics_url": server.url, "reported": settings}
        async with Target({"service": service}, health.TYPE, reported.TYPE) as target:
            return await target.collect("reported")


async def said(document: object, **settings: Any) -> Round:
    return await read(http(json.dumps(document).encode()), **settings)


async def test_the_guides_document_is_shown_in_base_units() -> None:
    found = await said(DOCUMENT)

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    family = "jackpot_reported_response_seconds"
    assert found.value(family, operation="contribution", stat="p95") == pytest.approx(0.089)
    assert found.value(family, operation="pool_query", stat="average") == pytest.approx(0.0123)
    assert found.value(family, operation="pool_query", stat="p95") == pytest.approx(0.025)
    assert found.values(family, stat="p99") == [pytest.approx(0.156)]
    assert found.by("jackpot_reported_operations_per_second", "operation") == {"contribution": 12.5, "win": 0.05}
    assert found.by("jackpot_reported_errors_by_type_total", "type") == {"validation": 4, "other": 3}
    single = {
        "uptime_seconds": 86400,
        "reported_requests_total": 1_000_000,
        "reported_errors_total": 7,
        "reported_error_ratio": 0.5,
        "reported_timeout_ratio": 0.1,
        "reported_memory_bytes": 256 * 1024**2,
        "reported_cpu_ratio": 0.155,
        "reported_database_connections": 8,
        "cache_hit_ratio": 0.95,
        "reported_pool_amount_cents": 1_250_000,
        "reported_pool_growth_ratio": -0.1,
        "reported_daily_contributions": 5000,
        "active_users": 150,
    }
    assert {name: found.value(f"jackpot_{name}") for name in single} == pytest.approx(single)


async def test_the_simulated_service_is_read_without_a_note(database: Any, redis_server: RedisServer) -> None:
    with ServiceProcess(database.dsn, redis_server.url) as service:
        settings = {"service": {"metrics_url": f"{service.health_url}/metrics"}}
        async with Target(settings, health.TYPE, reported.TYPE) as target:
            found = await target.collect("reported")

    assert (found.outcome, found.notes) == (Outcome.OK, {})
    assert found.values("jackpot_reported_response_seconds", stat="p95")
    assert (found.value("jackpot_reported_memory_bytes") or 0) > 1024**2


async def test_numbers_of_other_documents_are_named_by_the_settings() -> None:
    document = {"totalTicketsSold": 1234, "by": {"venue": {"Madison Square": 5}}}

    values = {"tickets_sold": "totalTicketsSold", "venue": "by.venue.Madison Square", "absent": "no.such"}
    found = await said(document, values=values)

    assert found.by("jackpot_reported_value", "name") == {"tickets_sold": 1234, "venue": 5}
    assert found.notes == {"values.absent": Outcome.MISSING}


async def test_what_is_numerous_is_bounded_and_counted() -> None:
    times = {f"operation{i}": {"p95": i} for i in range(80)}
    document = {"response_times": times, "errors": {"errorTypes": {f"type {i:03}": 1 for i in range(100)}}}

    found = await said(document, max_operations=10, max_error_types=5)

    assert len(found.by("jackpot_reported_response_seconds", "operation")) == 10
    types = found.by("jackpot_reported_errors_by_type_total", "type")
    assert (len(types), types["other"]) == (6, 95)
    assert sum(note.dropped for note in found.batch.notes) == 165


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (http(b"# HELP up Up.\nup 1\n", 200, "text/plain; version=0.0.4"), Outcome.BAD_DATA),
        (http(b"[1, 2]"), Outcome.BAD_DATA),
        (http(b"nothing", 404), Outcome.MISSING),
        (http(b"{}", 401), Outcome.AUTH),
        (http(b"{}", 403), Outcome.PERMISSION),
        (http(b"{}", 500), Outcome.BAD_DATA),
        (b"", Outcome.REFUSED),
        (http(b"{}"), Outcome.EMPTY),
        (http(b'{"response_times": [], "errors": 5, "resources": "?", "throughput": null}'), Outcome.EMPTY),
    ],
)  # fmt: skip
async def test_what_cannot_be_read_says_why(answer: bytes, outcome: Outcome) -> None:
    found = await read(answer)

    assert found.outcome is outcome
