"""Redis: is it up, how fast does it answer, and everything in INFO under redis_exporter's names.

One connection and three round trips a collection. Nothing is written, no key is read, and whatever the user may
not ask for is left out with a note. A user that may ask for all of it:

    ACL SETUSER exporter on >password +ping +info +config|get +slowlog|len +slowlog|get +latency|latest
        +latency|histogram +client|setname +cluster|info
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection, RedisSource, Schedule
from ..errors import PermissionDeniedError, SourceError
from ..model import Collector, Item, MetricSpec, gauge
from . import _redis_commands, _redis_info, _redis_parts, _redis_sentinel
from ._base import CollectorType
from ._redis_answers import text
from ._redis_commands import CommandStatistics
from ._redis_info import Info, describe, parse_info
from ._redis_parts import Part, Parts

if TYPE_CHECKING:
    from ..clients.redis import Answer, RedisSession, Server

UP = gauge("redis_up", "Whether the server answered.")
PING = gauge("cache_ping_seconds", "Round trip of a PING.", own=True)
DEPENDENCY_UP = gauge("dependency_up", "Whether the dependency works.", "dependency", own=True)
DEPENDENCY_RESPONSE = gauge("dependency_response_seconds", "How long the dependency took.", "dependency", own=True)

METRICS: tuple[MetricSpec, ...] = (
    UP, PING, DEPENDENCY_UP, DEPENDENCY_RESPONSE,
    *_redis_info.METRICS, *_redis_commands.METRICS, *_redis_parts.METRICS, *_redis_sentinel.METRICS,
)  # fmt: skip

_CACHE = "cache"


class RedisSettings(RedisSource, Schedule):
    """The Redis server that the service uses as its cache."""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What one turn brought."""

    ping_seconds: float
    works: bool
    """False while the server answers and cannot serve, as when it is loading its data."""
    info: Info
    asked: list[Part]
    refused: list[Part]
    answers: list[Answer | SourceError]


class RedisCollector:
    """Reads one server."""

    def __init__(self, session: RedisSession) -> None:
        self._session = session
        self._statistics = CommandStatistics()
        self._parts = Parts(self._statistics)

    async def collect(self) -> AsyncGenerator[Item, None]:
        try:
            async with self._session.turn() as server:
                reading = await self._read(server)
        except SourceError as error:
            # Who is refused a command has been answered.
            answered = isinstance(error, PermissionDeniedError)
            yield UP.sample(answered)
            yield DEPENDENCY_UP.sample(answered, _CACHE)
            raise
        yield UP.sample(1)
        yield PING.sample(reading.ping_seconds)
        yield DEPENDENCY_UP.sample(reading.works, _CACHE)
        yield DEPENDENCY_RESPONSE.sample(reading.ping_seconds, _CACHE)
        for item in (*describe(reading.info), *self._statistics.read(reading.info)):
            yield item
        for part in reading.refused:
            for item in self._parts.skip(part):
                yield item
        answers = iter(reading.answers)
        for part in reading.asked:
            for item in self._parts.read(part, [next(answers) for _ in part.commands]):
                yield item

    async def _read(self, server: Server) -> _Reading:
        started = time.perf_counter()
        [pong] = await server.ask(("PING",))
        seconds = time.perf_counter() - started
        [answer] = await server.ask(("INFO", "all"))
        if isinstance(answer, PermissionDeniedError):
            raise PermissionDeniedError(f"{answer}; it needs +info")
        if isinstance(answer, SourceError):
            raise answer
        info = parse_info(text(answer))
        parts = self._parts.of(info)
        asked = [part for part in parts if self._parts.is_open(part)]
        answers = await server.ask(*(command for part in asked for command in part.commands))
        answered = not isinstance(pong, SourceError) or isinstance(pong, PermissionDeniedError)
        works = answered and info.fields.get("loading", "0") == "0"  # it may have begun to load after the PING
        return _Reading(seconds, works, info, asked, [part for part in parts if part not in asked], answers)


def _build(settings: RedisSettings | None, timeout_seconds: float, clients: Clients) -> Collector | None:
    if settings is None:
        return None
    return RedisCollector(clients.redis("main", timeout_seconds))


TYPE = CollectorType(
    name="redis",
    help="Redis: INFO, commands, latencies, slow log, settings",
    section=CollectorSection(("redis",), RedisSettings),
    metrics=METRICS,
    build=_build,
)
