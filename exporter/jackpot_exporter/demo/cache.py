"""The service's Redis cache of the pools: read through, short-lived, with a measured hit ratio.

Without Redis the service goes on, only slower: nothing here raises because of it, except `state`, which is asked
for exactly that. A contribution does not invalidate it: an answer may be `TTL_SECONDS` old.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from .measurements import RECENT_SECONDS, RecentCount, Stopwatch

TTL_SECONDS = 1
_KEY = "jackpot:pools"
_DEADLINE_SECONDS = 0.25
_MIB = 2**20


@dataclass(frozen=True, slots=True)
class CacheState:
    """How long a PING took, in milliseconds, and what Redis holds."""

    response_milliseconds: float
    memory_bytes: int

    @property
    def memory_text(self) -> str:
        return f"{self.memory_bytes / _MIB:.1f}MB"


class PoolCache:
    """Text under one key. A Redis that fails counts as a miss."""

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(
            url,
            decode_responses=True,
            socket_timeout=_DEADLINE_SECONDS,
            socket_connect_timeout=_DEADLINE_SECONDS,
            retry=Retry(NoBackoff(), 0),
            client_name="jackpot-service",
        )
        self._hits = RecentCount(RECENT_SECONDS)
        self._lookups = RecentCount(RECENT_SECONDS)

    async def through(self, load: Callable[[], Awaitable[str]]) -> str:
        """The kept text, or what `load` gives, kept from now on."""
        kept = await self._get()
        if kept is not None:
            return kept
        text = await load()
        await self._keep(text)
        return text

    def hit_ratio(self) -> float:
        """Of the last minute; 0 without a lookup."""
        lookups = self._lookups.total()
        return round(self._hits.total() / lookups, 4) if lookups else 0.0

    async def state(self) -> CacheState:
        """RedisError or OSError when Redis does not answer."""
        stopwatch = Stopwatch()
        await self._redis.ping()
        milliseconds = stopwatch.milliseconds
        memory = await self._redis.info("memory")
        return CacheState(milliseconds, int(memory["used_memory"]))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _get(self) -> str | None:
        self._lookups.add()
        try:
            found = await self._redis.get(_KEY)
        except (RedisError, OSError):
            return None
        kept = found.decode() if isinstance(found, bytes) else found
        if kept is not None:
            self._hits.add()
        return kept

    async def _keep(self, text: str) -> None:
        try:
            await self._redis.set(_KEY, text, ex=TTL_SECONDS)
        except (RedisError, OSError):
            return
