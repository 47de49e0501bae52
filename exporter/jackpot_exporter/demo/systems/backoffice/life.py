"""The life of the back office: its parts put together."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from ...simulation import Simulation, World
from .api import Api
from .desk import Desk
from .mishaps import Mishaps


class BackofficeLife(Simulation):
    """A usual afternoon, at a pace that shows."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._api = Api(world.registry, world.random)
        self._desk = Desk(world.random)
        self._mishaps = Mishaps()

    async def begin(self, connection: AsyncConnection[Any]) -> None:
        await self._desk.begin(connection)

    async def tick(self, connection: AsyncConnection[Any], seconds: float) -> None:
        self._api.live(seconds, self.world.active)
        await self._desk.work(connection, seconds, self.world.active)
        await self._mishaps.happen(connection, seconds, self.world.active)

    async def undo(self, connection: AsyncConnection[Any], fault: str) -> None:
        await self._mishaps.undo(connection, fault)
