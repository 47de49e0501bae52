"""The API before all domains, and what it measures of itself at its Prometheus endpoint."""

from __future__ import annotations

import random
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from ...pace import Pace
from .faults import COLLECTIONS_FAILING, PROVIDER_DOWN, REQUESTS_FAILING, REQUESTS_SLOW, RUSH, TRAFFIC_LOST

DOMAINS = ("collections", "distributions", "free_play", "balance", "adjustment")

_OPERATIONS = {
    "collections": "settle",
    "distributions": "pay",
    "free_play": "redeem",
    "balance": "book",
    "adjustment": "adjust",
}
_WEIGHTS = (20, 15, 20, 40, 5)
_USUAL_RATE, _LOST_RATE, _RUSH_RATE = 250.0, 40.0, 1500.0
_OPERATION_SHARE = 0.2
_TIMED = 20
_TYPICAL_SECONDS, _SLOW_SECONDS = 0.08, 3.5
_REPLICAS, _REPLICAS_MAX = 4, 8
_BREAKERS = ("bank-transfer", "paypal", "wire-transfer")


class Api:
    """Counts and measures."""

    def __init__(self, registry: CollectorRegistry, chance: random.Random) -> None:
        self._chance = chance
        self._pace = Pace()
        self._requests = Counter(
            "backoffice_http_requests", "Requests answered.", ("domain", "method", "code"), registry=registry
        )
        self._seconds = Histogram(
            "backoffice_http_request_duration_seconds",
            "How long requests took.",
            ("domain",),
            registry=registry,
            buckets=(0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
        )
        self._operations = Counter(
            "backoffice_operations", "Operations.", ("domain", "operation", "outcome"), registry=registry
        )
        self._breakers = Gauge(
            "backoffice_circuit_breaker_open", "Whether a breaker is open.", ("breaker",), registry=registry
        )
        self._replicas = Gauge("backoffice_replicas", "Replicas that run.", registry=registry)
        Gauge("backoffice_replicas_max", "Replicas that may run.", registry=registry).set(_REPLICAS_MAX)
        for domain in DOMAINS:
            for code in ("200", "404", "500"):
                self._requests.labels(domain, "POST", code)
            for outcome in ("success", "error", "timeout"):
                self._operations.labels(domain, _OPERATIONS[domain], outcome)

    def live(self, seconds: float, active: Collection[str]) -> None:
        """The requests of so many seconds."""
        rate = _RUSH_RATE if RUSH in active else _LOST_RATE if TRAFFIC_LOST in active else _USUAL_RATE
        count = self._pace.due("requests", rate, seconds)
        for domain, share in zip(DOMAINS, _WEIGHTS, strict=True):
            self._answer(domain, count * share // 100, active)
        for _ in range(_TIMED):
            typical = _SLOW_SECONDS if REQUESTS_SLOW in active else _TYPICAL_SECONDS
            [domain] = self._chance.choices(DOMAINS, _WEIGHTS)
            self._seconds.labels(domain).observe(typical * self._chance.uniform(0.5, 1.5))
        self._replicas.set(_REPLICAS_MAX if RUSH in active else _REPLICAS)
        for breaker in _BREAKERS:
            self._breakers.labels(breaker).set(PROVIDER_DOWN in active and breaker == "paypal")

    def _answer(self, domain: str, count: int, active: Collection[str]) -> None:
        failed = self._pace.due(f"{domain} failed", 0.1 if REQUESTS_FAILING in active else 0.0005, count)
        self._requests.labels(domain, "POST", "500").inc(failed)
        self._requests.labels(domain, "POST", "200").inc(max(0, count - failed))
        operations = self._pace.due(f"{domain} operations", _OPERATION_SHARE, count)
        is_failing = COLLECTIONS_FAILING in active and domain == "collections"
        wrong = self._pace.due(f"{domain} wrong", 0.2 if is_failing else 0.0001, operations)
        self._operations.labels(domain, _OPERATIONS[domain], "error").inc(wrong)
        self._operations.labels(domain, _OPERATIONS[domain], "success").inc(max(0, operations - wrong))
