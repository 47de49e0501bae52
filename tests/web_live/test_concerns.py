"""What needs a human, in words: critical only where somebody must act now."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from jackpot_exporter.exposition import render
from jackpot_exporter.model import Outcome, Sample, gauge
from jackpot_exporter.store import Batch, Store
from jackpot_exporter.telemetry import Telemetry
from jackpot_exporter.web.live.concerns import concerns
from jackpot_exporter.web.live.state import PROMISED_SECONDS
from jackpot_exporter.web.readings import Readings

VIOLATIONS = gauge("integrity_violations", "Violations.", "check", own=True)
ACCESSIBLE = gauge("table_accessible", "1 when it can be read.", own=True)

GOOD: dict[str, Any] = {
    "service": {"up": 1.0, "status": "healthy"},
    "dependencies": [{"name": "database", "up": True}],
    "collectors": [{"name": "pools", "isGood": True, "outcome": "ok"}, {"name": "new", "isGood": None}],
    "latencies": [{"operation": "win", "p95": 0.15, "limit": 0.15}, {"operation": "x", "p95": 9, "limit": None}],
    "alerts": {"isNamed": False, "incidents": None},
}
INCIDENT = {"state": "firing", "severity": "critical"}


async def found(*samples: Sample, below_zero: int = 0, **other: Any) -> list[tuple[str, str]]:
    store = Store("jackpot", {"pools": 60.0}, Telemetry())
    await store.put(Batch("pools", await render(samples, "jackpot"), (), Outcome.OK, 1.0, 0.1))
    return [(one.level, one.text) for one in concerns(Readings(store), {**GOOD, **other}, below_zero)]


async def test_nothing_when_all_is_well() -> None:
    assert await found(ACCESSIBLE.sample(1), VIOLATIONS.sample(0, "conservation")) == []


def down(name: str, why: str | None = None) -> dict[str, Any]:
    return {"name": name, "up": False, "why": why}


def service(up: float, status: str) -> dict[str, Any]:
    return {"service": {"up": up, "status": status}}


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        pytest.param(service(0.0, "unhealthy"), "critical The service does not answer.", id="service"),
        pytest.param(service(1.0, "degraded"), "warning The service says that it is degraded.", id="degraded"),
        pytest.param(
            {"dependencies": [down("database", "refused")]}, "critical The database is down: refused.", id="database"
        ),
        pytest.param({"dependencies": [down("user_service")]}, "warning The user service is down.", id="external"),
        pytest.param({"below_zero": 1}, "critical 1 pool stands below zero.", id="pool"),
        pytest.param(
            {"alerts": {"isNamed": True, "incidents": [INCIDENT, {**INCIDENT, "state": "acknowledged"}]}},
            "critical 1 critical incident has not been taken.",
            id="incident",
        ),
        pytest.param(
            {"alerts": {"isNamed": True, "incidents": [{**INCIDENT, "severity": "warning"}] * 2}},
            "warning 2 alerts fire below critical.",
            id="alerts",
        ),
        pytest.param(
            {"alerts": {"isNamed": True, "incidents": None}}, "warning Alertmanager does not answer.", id="Alertmanager"
        ),
        pytest.param(
            {"latencies": [{"operation": "pool_query", "p95": 0.0512, "limit": 0.05}]},
            "warning p95 of pool query is 51\xa0ms; 50\xa0ms is promised.",
            id="latency",
        ),
        pytest.param(
            {"collectors": [{"name": "redis_keys", "isGood": False, "outcome": "bad_data"}]},
            "warning Collector redis keys fails: bad data.",
            id="collector",
        ),
    ],
)
async def test_each_is_told_in_one_sentence(state: dict[str, Any], expected: str) -> None:
    assert [" ".join(one) for one in await found(**state)] == [expected]


async def test_collectors_that_fail_alike_are_one_concern() -> None:
    failing = [{"name": name, "isGood": False, "outcome": "refused"} for name in ("pools", "postgres")]

    assert await found(collectors=failing) == [("warning", "2 collectors fail: refused.")]


async def test_integrity_is_critical_and_the_worst_comes_first() -> None:
    samples = (VIOLATIONS.sample(2, "conservation"), VIOLATIONS.sample(1, "negative_amount"), ACCESSIBLE.sample(0))
    late = [{"operation": "win", "p95": 0.2, "limit": 0.15}]

    assert [level for level, _ in await found(*samples, latencies=late)] == ["critical", "critical", "warning"]


def test_what_is_promised_is_what_the_objectives_say() -> None:
    text = files("jackpot_exporter.packs").joinpath("jackpot").joinpath("objectives.yaml").read_text()
    bounds = re.findall(r'- sum by.*operation="(\w+)",le="([\d.]+)"', text)

    assert {name: float(bound) for name, bound in bounds} == PROMISED_SECONDS
