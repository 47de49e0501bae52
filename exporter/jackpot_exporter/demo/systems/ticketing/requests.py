"""The requests that the services answer, and what they measure of themselves at their Prometheus endpoint."""

from __future__ import annotations

import random
from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Histogram, Summary

from .faults import DATABASE_SLOW, REQUESTS_FAILING

_ROUTES = (("GET", "/events"), ("GET", "/tickets"), ("POST", "/orders"), ("GET", "/listings"))
_CODES = ("200", "404", "500", "503")
_OPERATIONS = ("select", "insert", "update")
_ENDPOINTS = ("/api/v1/events", "/api/v1/orders")
_USUAL_FAILURES = 0.0002
_FAILURES = 0.2
_QUERY_SECONDS = 0.004
_SLOW_QUERY_SECONDS = 2.0


class Requests:
    """Counts and measures."""

    def __init__(self, registry: CollectorRegistry, chance: random.Random) -> None:
        self._chance = chance
        self._requests = Counter(
            "ticketing_http_requests", "HTTP requests.", ("method", "route", "code"), registry=registry
        )
        self._seconds = Histogram(
            "ticketing_http_request_duration_seconds",
            "Time of an HTTP request.",
            ("method", "route"),
            registry=registry,
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self._queries = Histogram(
            "ticketing_db_query_duration_seconds",
            "Time of a database query.",
            ("operation",),
            registry=registry,
            buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
        )
        self._calls = Summary(
            "ticketing_api_response_time_seconds", "Response time of the public API.", ("endpoint",), registry=registry
        )
        for method, route in _ROUTES:
            for code in _CODES:
                self._requests.labels(method, route, code)

    def answer(self, count: int, active: Collection[str]) -> None:
        """So many requests, with the queries that they need."""
        for _ in range(count):
            self._answer_one(_FAILURES if REQUESTS_FAILING in active else _USUAL_FAILURES)
            typical = _SLOW_QUERY_SECONDS if DATABASE_SLOW in active else _QUERY_SECONDS
            self._queries.labels(self._chance.choice(_OPERATIONS)).observe(typical * self._chance.uniform(0.8, 1.2))

    def _answer_one(self, failures: float) -> None:
        method, route = self._chance.choice(_ROUTES)
        code = "500" if self._chance.random() < failures else self._chance.choices(_CODES[:2], (98, 2))[0]
        seconds = self._chance.lognormvariate(-3.5, 0.6)
        self._requests.labels(method, route, code).inc()
        self._seconds.labels(method, route).observe(seconds)
        self._calls.labels(self._chance.choice(_ENDPOINTS)).observe(seconds * 1.2)
