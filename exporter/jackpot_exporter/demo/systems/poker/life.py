"""The life of the platform: its parts put together, and what it says of its health."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg import AsyncConnection

from ....packsettings import PACKS
from ...simulation import Simulation, World
from .faults import CONNECTIONS_BUSY, CONNECTIONS_EXHAUSTED
from .floor import Floor
from .instruments import Instruments
from .service import Service
from .work import Work

_CONNECTIONS = 20
_SEATS = 50
_SEAT_SECONDS = 20


class PokerLife(Simulation):
    """An evening like all others."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._service = Service(Instruments(world.registry, PACKS / "poker"), world.log, world.random)
        self._floor = Floor()
        self._work = Work()

    async def begin(self, connection: AsyncConnection[Any]) -> None:
        await self._floor.begin(connection)
        await self._work.begin(connection)

    async def tick(self, connection: AsyncConnection[Any], seconds: float) -> None:
        active = self.world.active
        self._service.live(seconds, active)
        await self._look_up()
        await self._floor.live(connection, seconds, active)
        await self._work.live(connection, seconds, active)

    async def undo(self, connection: AsyncConnection[Any], fault: str) -> None:
        await self._floor.undo(connection, fault)

    def health(self) -> Mapping[str, bool]:
        """Nothing of what it depends on: whoever wants to know asks the database and the cache."""
        return {}

    def particulars(self) -> Mapping[str, Any]:
        if CONNECTIONS_EXHAUSTED in self.world.active:
            in_use, waiting = _CONNECTIONS, 7
        else:
            in_use, waiting = (18 if CONNECTIONS_BUSY in self.world.active else 6), 0
        pool = {"active": in_use, "idle": _CONNECTIONS - in_use, "waiting": waiting, "max": _CONNECTIONS}
        return {"connectionPool": pool}

    async def _look_up(self) -> None:
        """States of tables, most of which the cache knows."""
        seat = f"table:{self.world.random.randrange(_SEATS)}"
        if await self.world.cache.get(seat) is None:
            await self.world.cache.set(seat, "state", ex=_SEAT_SECONDS)
