"""The services of a platform, each by its own health endpoint, and the state of the platform as a whole.

A service that is down is a fact about the platform and not a failure of the collection. What the services say of
their dependencies is not shown: twenty services would all say the same of one database.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from typing import TYPE_CHECKING

from pydantic import Field

from ..clients import Clients
from ..clients.http_options import HttpUrl
from ..config import CollectorSection, Schedule
from ..model import Collector, Item, MetricSpec, Note, Outcome, gauge
from ._base import CollectorType
from ._health_visit import Visit, visit
from ._health_words import Status
from ._service_families import SERVICE_UP
from ._service_settings import HealthReading

if TYPE_CHECKING:
    from ..clients.http import HttpClient

STATUS = gauge(
    "service_health_status",
    "The state that a service of the platform reports: 1 for the one it is in.",
    "service_name",
    "status",
    own=True,
)
RESPONSE = gauge(
    "service_response_seconds", "How long the service's health endpoint took to answer.", "service_name", own=True
)
PLATFORM = gauge(
    "platform_status",
    "The state of the platform: unhealthy when a critical service or every service is, degraded when any is not well.",
    "status",
    own=True,
)
COUNT = gauge("platform_services", "Services of the platform in each state.", "status", own=True)

METRICS: tuple[MetricSpec, ...] = (SERVICE_UP, STATUS, RESPONSE, PLATFORM, COUNT)

_AT_ONCE = 32
_FACTS = (Outcome.REFUSED, Outcome.TIMEOUT)
"""What says something about the service; the rest says that the settings do not fit it."""


class PlatformService(HealthReading, Schedule):
    """One service of the platform."""

    name: str = Field(pattern=r"^[\w.-]{1,64}$", description="its name, the label service_name")
    health_url: HttpUrl = Field(description="its health endpoint, in any of the usual forms")
    critical: bool = Field(False, description="whether the platform is unhealthy without it")


class PlatformCollector:
    """Visits every service of a platform."""

    def __init__(self, services: Sequence[PlatformService], client: HttpClient, within_seconds: float) -> None:
        self._services = {service.name: service for service in services}
        self._repeated = [name for name, times in Counter(s.name for s in services).items() if times > 1]
        self._client = client
        # When nothing answers, the last ones begin only when the first ones have given up.
        self._each = within_seconds / math.ceil(len(self._services) / _AT_ONCE)
        self._places = asyncio.Semaphore(_AT_ONCE)

    async def collect(self) -> AsyncGenerator[Item, None]:
        visits = await asyncio.gather(*map(self._visit, self._services.values()))
        found = dict(zip(self._services, visits, strict=True))
        for name, result in found.items():
            for item in _service(name, result):
                yield item
        for status in Status:
            yield PLATFORM.sample(status is self._overall(found), status.value)
            yield COUNT.sample(sum(_state(v) is status for v in visits), status.value)
        for name in self._repeated:
            yield Note(f"{name} again", f"{name} stands twice in `services`; the last one counts", Outcome.BAD_DATA)

    async def _visit(self, service: PlatformService) -> Visit:
        async with self._places:
            return await visit(self._client, service.health_url, service, service.reading(), self._each)

    def _overall(self, found: dict[str, Visit]) -> Status:
        states = {name: _state(result) for name, result in found.items()}
        lost = [name for name, state in states.items() if state is Status.UNHEALTHY]
        if len(lost) == len(states) or any(self._services[name].critical for name in lost):
            return Status.UNHEALTHY
        return Status.HEALTHY if all(s is Status.HEALTHY for s in states.values()) else Status.DEGRADED


def _state(result: Visit) -> Status:
    """Who answers and says nothing that can be understood is not known to be well."""
    return result.status or Status.DEGRADED


def _service(name: str, result: Visit) -> Iterator[Item]:
    if result.is_up is not None:
        yield SERVICE_UP.sample(result.is_up and result.status is not Status.UNHEALTHY, name)
    if result.status is not None:
        yield from (STATUS.sample(status is result.status, name, status.value) for status in Status)
    if result.seconds is not None:
        yield RESPONSE.sample(result.seconds, name)
    if result.failure is not None:
        outcome = result.failure.outcome
        yield Note(name, f"{name}: {result.failure}", Outcome.OK if outcome in _FACTS else outcome)


def _build(settings: tuple[PlatformService, ...], timeout_seconds: float, clients: Clients) -> Collector | None:
    services = [service for service in settings if service.enabled]
    return PlatformCollector(services, clients.http, timeout_seconds * 0.9) if services else None


TYPE = CollectorType(
    name="services",
    help="the services of a platform by their health endpoints, and the state of the whole",
    section=CollectorSection(("services",), PlatformService, many=True),
    metrics=METRICS,
    build=_build,
)
