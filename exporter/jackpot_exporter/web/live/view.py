"""Makes what the page of one target is sent: `history` for who comes, `pools` when they change, `state` at every beat.

Reads the store and nothing else; Alertmanager is asked beside it, so that one that hangs delays nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from ... import __version__
from ...engine import MAIN, Exporter
from ..alerting import Watchers
from ..readings import Readings
from . import state
from .broadcast import Broadcast
from .concerns import concerns
from .history import History
from .pools import Amounts, PoolReader, Pools

Document = dict[str, Any]

BEAT_SECONDS = 2.0
_ALERTS_SECONDS = 5.0
_POOLS_SHOWN = 1000
_POOLS_SHOWN_AT_LEAST = 50


class View:
    """One target as it is now and as it was."""

    def __init__(self, exporter: Exporter, target: str, watching: Callable[[], Awaitable[Watchers]]) -> None:
        self._exporter = exporter
        self._target = target
        self._watching = watching
        self._reader: tuple[object, PoolReader] | None = None
        self._alerts: Document = _alerts(None, is_named=False)
        self.history = History()

    async def remember(self) -> None:
        """Add a point to the history, if there is something newer than the last."""
        reader = self._pool_reader()
        if reader is None:
            return
        amounts, store = await reader.amounts(), self._exporter.engines[self._target].store
        self.history.add(self._sampled_at(amounts), amounts, dict(state.figures(Readings(store))))

    async def make(self, broadcast: Broadcast) -> None:
        """Publish until the target is gone."""
        asking = asyncio.create_task(self._ask_for_alerts())
        try:
            before: Pools | None = None
            told = -1.0
            while (reader := self._pool_reader()) is not None:
                pools = await reader.pools()
                if self.history.last_at != told:
                    told = self.history.last_at
                    broadcast.publish("history", _event("history", self.history.document()), is_beginning=True)
                if pools is not before:
                    before = pools
                    broadcast.publish("pools", _event("pools", self._pools(pools)))
                broadcast.publish("state", _event("state", self._state(pools.amounts)))
                broadcast.send()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            asking.cancel()
            await asyncio.wait([asking])

    def _pool_reader(self) -> PoolReader | None:
        """Of the store in force: a reload replaces it. None when the target is gone."""
        engines = self._exporter.engines
        engine = engines.get(self._target)
        if engine is None:
            return None
        if self._reader is None or self._reader[0] is not engine.store:
            limit = max(_POOLS_SHOWN_AT_LEAST, _POOLS_SHOWN // len(engines))
            self._reader = engine.store, PoolReader(engine.store, limit)
        return self._reader[1]

    def _sampled_at(self, amounts: Amounts) -> float:
        records = dict(self._exporter.engines[self._target].store.telemetry.records())
        found = records["pools"].last_success if amounts.count and "pools" in records else None
        return time.time() if found is None else found

    def _pools(self, pools: Pools) -> Document:
        amounts = pools.amounts
        at = self._sampled_at(amounts)
        return {
            "at": at,
            "count": amounts.count,
            "total": amounts.total,
            "names": pools.names,
            "labels": pools.labels,
            "amounts": [int(value) if value.is_integer() else value for value in amounts.values],
            "growth": self.history.growth(at, amounts),
            **pools.columns,
        }

    def _state(self, amounts: Amounts) -> Document:
        store = self._exporter.engines[self._target].store
        at = Readings(store)
        document: Document = {
            "now": time.time(),
            "version": __version__,
            "target": self._target,
            "targets": [name for name in self._exporter.engines if name != MAIN],
            "isReady": store.telemetry.is_complete,
            "service": state.service(at),
            "dependencies": state.dependencies(at),
            "collectors": state.collectors(store.telemetry),
            "latencies": state.latencies(at),
            "alerts": self._alerts,
        }
        document["concerns"] = [concern._asdict() for concern in concerns(at, document, amounts.below_zero)]
        return document

    async def _ask_for_alerts(self) -> None:
        while True:
            is_named = self._exporter.settings.web.alertmanager_url is not None
            found = await (await self._watching()).incidents() if is_named else None
            self._alerts = _alerts(found, is_named=is_named)
            await asyncio.sleep(_ALERTS_SECONDS)


def _alerts(found: list[Document] | None, *, is_named: bool) -> Document:
    """What nobody has taken comes first."""
    incidents = found and sorted(found, key=lambda one: one["state"] != "firing")
    return {"isNamed": is_named, "incidents": incidents}


def _event(name: str, document: Document) -> bytes:
    """A server-sent event; JSON as msgspec writes it has no line ends."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(document) + b"\n\n"
