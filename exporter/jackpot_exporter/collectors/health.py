"""What the watched service says of itself at its health endpoint, in whichever of the usual forms.

When it does not answer, that is said at once, and what it said of its dependencies before is withdrawn: old word
must not stand in the way of what is known of them otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection
from ..model import Collector, Column, Frame, Item, MetricSpec, Note, Sample, gauge
from ._base import CollectorType
from ._health_checks import Check
from ._health_document import HealthDocument, Pool
from ._health_visit import Visit, visit
from ._health_words import Status
from ._service_families import AVERAGE, ERROR_RATIO, HIT_RATIO, RATE, SERVICE_UP, USERS
from ._service_settings import ServiceSettings

if TYPE_CHECKING:
    from ..clients.http import HttpClient

UP = gauge("up", "Whether the service's health endpoint answered.", own=True)
STATUS = gauge("health_status", "The state that the service reports: 1 for the one it is in.", "status", own=True)
RESPONSE = gauge("health_response_seconds", "How long the health endpoint took to answer.", own=True)
BUILD = gauge("build_info", "The version that runs and where; always 1.", "version", "environment", own=True)
UPTIME = gauge("uptime_seconds", "Time since the service started, as it reports.", own=True)
DEPENDENCY_UP = gauge("dependency_up", "Whether the dependency works.", "dependency", own=True)
DEPENDENCY_DEGRADED = gauge(
    "dependency_degraded", "Whether the dependency works only in part, as the service reports.", "dependency", own=True
)
DEPENDENCY_RESPONSE = gauge("dependency_response_seconds", "How long the dependency took.", "dependency", own=True)
POOL = gauge("database_pool_connections", "The service's connections to its database.", "state", own=True)
POOL_MAX = gauge("database_pool_connections_max", "Most connections that the service opens.", own=True)

_NUMBERS = {
    "uptime": UPTIME,
    "cache_hit_ratio": HIT_RATIO,
    "active_users": USERS,
    "requests_per_second": RATE,
    "error_ratio": ERROR_RATIO,
}
_OF_DEPENDENCIES = (DEPENDENCY_UP, DEPENDENCY_DEGRADED, DEPENDENCY_RESPONSE)

METRICS: tuple[MetricSpec, ...] = (
    UP, STATUS, RESPONSE, BUILD, *_OF_DEPENDENCIES, POOL, POOL_MAX, AVERAGE, SERVICE_UP, *_NUMBERS.values(),
)  # fmt: skip


class HealthCollector:
    """Visits one service."""

    def __init__(self, settings: ServiceSettings, health_url: str, client: HttpClient, within_seconds: float) -> None:
        self._settings = settings
        self._url = health_url
        self._client = client
        self._within = within_seconds
        self._reading = settings.reading()

    async def collect(self) -> AsyncGenerator[Item, None]:
        found, details = await asyncio.gather(self._visit(self._url), self._database())
        for item in self._describe(found, details):
            yield item
        if found.failure is not None:
            raise found.failure

    async def _visit(self, url: str) -> Visit:
        return await visit(self._client, url, self._settings, self._reading, self._within)

    async def _database(self) -> Visit | None:
        url = self._settings.database_health_url
        return await self._visit(url) if url else None

    def _describe(self, found: Visit, details: Visit | None) -> Iterator[Item]:
        if found.is_up is not None:
            yield UP.sample(found.is_up)
        if found.status is not None:
            yield from (STATUS.sample(status is found.status, status.value) for status in Status)
        if found.seconds is not None:
            yield RESPONSE.sample(found.seconds)
        if found.failure is not None:
            # A family without a value takes the place of what it held before.
            yield Frame([("",)], tuple(Column(spec, [None]) for spec in _OF_DEPENDENCIES))
            return
        yield from found.notes
        yield from _document(found.document)
        yield from self._checks(found.document)
        pool = found.document.pool
        if details is not None:
            pool = details.document.pool or pool
            if details.failure is not None:
                yield Note("database_health_url", str(details.failure), details.failure.outcome)
        if pool is not None:
            yield from _pool(pool)

    def _checks(self, document: HealthDocument) -> Iterator[Item]:
        most = self._settings.max_dependencies
        # The database and the cache are what alerts are about: they come before any cap.
        ordered = sorted(document.checks, key=lambda check: check.name not in ("database", "cache"))
        for check in ordered[:most]:
            yield from _check(check)
        for service in document.services[:most]:
            if service.status is not None:
                yield SERVICE_UP.sample(service.status is not Status.UNHEALTHY, service.name)
        dropped = max(0, len(ordered) - most) + max(0, len(document.services) - most)
        if dropped:
            yield Note("max_dependencies", f"{dropped} checks are more than max_dependencies", dropped=dropped)


def _check(check: Check) -> Iterator[Sample]:
    if check.status is not None and not check.is_group:
        yield DEPENDENCY_UP.sample(check.status is not Status.UNHEALTHY, check.name)
        yield DEPENDENCY_DEGRADED.sample(check.status is Status.DEGRADED, check.name)
    if check.response_seconds is not None:
        yield DEPENDENCY_RESPONSE.sample(check.response_seconds, check.name)


def _document(document: HealthDocument) -> Iterator[Sample]:
    if document.version is not None or document.environment is not None:
        yield BUILD.sample(1, document.version or "", document.environment or "")
    for name, spec in _NUMBERS.items():
        if name in document.numbers:
            yield spec.sample(document.numbers[name])
    if "average_response" in document.numbers:
        yield AVERAGE.sample(document.numbers["average_response"], "all", "average")


def _pool(pool: Pool) -> Iterator[Sample]:
    for state, value in pool.by_state.items():
        yield POOL.sample(value, state)
    if pool.max is not None:
        yield POOL_MAX.sample(pool.max)


def _build(settings: ServiceSettings | None, timeout_seconds: float, clients: Clients) -> Collector | None:
    if settings is None or settings.health_url is None:
        return None
    # Ends before its deadline does, so that it can still say that the service is down.
    return HealthCollector(settings, settings.health_url, clients.http, timeout_seconds * 0.9)


TYPE = CollectorType(
    name="health",
    help="the watched service: what it says of itself and of what it depends on",
    section=CollectorSection(("service",), ServiceSettings),
    metrics=METRICS,
    build=_build,
    rank=10,  # what the service says of its dependencies comes before our own pings
)
