"""The life of the platform: its parts put together, and what it says of its health."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from ...pace import Pace
from ...simulation import Simulation, World
from .faults import GATEWAY_DOWN, SERVICE_UNHEALTHY, USER_RUSH
from .requests import Requests
from .services import SERVICES
from .trade import Trade
from .work import Work

_REQUESTS_PER_SECOND = 30.0
_LOOKUPS = 10
_EVENTS = 200
_CACHED_SECONDS = 20
_USERS = 1800
_RUSH = 12_000
_CONNECTIONS = {"active": 6, "idle": 13, "waiting": 0, "max": 40}


class TicketingLife(Simulation):
    """A busy evening, every evening."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._requests = Requests(world.registry, world.random)
        self._trade = Trade(world.log, world.random)
        self._work = Work()
        self._pace = Pace()
        self._hits = self._lookups = 0

    async def begin(self, connection: AsyncConnection[Any]) -> None:
        await self._work.begin(connection)

    async def tick(self, connection: AsyncConnection[Any], seconds: float) -> None:
        active = self.world.active
        self._requests.answer(self._pace.due("requests", _REQUESTS_PER_SECOND, seconds), active)
        await self._look_up()
        await self._trade.trade(connection, seconds, active)
        await self._work.work(connection, seconds, active)

    async def undo(self, connection: AsyncConnection[Any], fault: str) -> None:
        await self._work.undo(connection, fault)

    def health(self) -> Mapping[str, bool]:
        return {
            "database": True,
            "cache": True,
            "solana-rpc": True,
            "payment-gateway": GATEWAY_DOWN not in self.world.active,
        }

    def is_healthy(self) -> bool:
        """Without its gateway it is degraded at most: it still sells what is free."""
        return True

    def service_health(self) -> Mapping[str, bool]:
        return {name: SERVICE_UNHEALTHY not in self.world.active or name != "payment-service" for name in SERVICES}

    def particulars(self) -> Mapping[str, Any]:
        users = _RUSH if USER_RUSH in self.world.active else _USERS
        ratio = self._hits / self._lookups if self._lookups else None
        return {
            "metrics": {"activeUsers": users + self.world.random.randint(0, 200), "cacheHitRate": ratio},
            "connectionPool": _CONNECTIONS,
        }

    async def _look_up(self) -> None:
        """Pages of events, most of which the cache knows."""
        pages = [f"event:{self.world.random.randrange(_EVENTS)}" for _ in range(_LOOKUPS)]
        for page, found in zip(pages, await self.world.cache.mget(pages), strict=True):
            self._lookups += 1
            self._hits += found is not None
            if found is None:
                await self.world.cache.set(page, "page", ex=_CACHED_SECONDS)
