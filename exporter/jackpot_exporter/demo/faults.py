"""The faults that can be switched on in the running service, and off without a trace.

The operations and the health report look at the set of active faults; what needs more than a look (connections held,
a pool below zero, settings saved over and over) is done and undone here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from enum import StrEnum

import psycopg

from .connections import Connections, PoolTimeoutError
from .injection import inject_negative, restore_negative

NEGATIVE_GROUP = "minor"
_CHURN_SECONDS = 2.0
_RETRY_SECONDS = 0.2


class Fault(StrEnum):
    """Every fault by the name the control endpoint takes."""

    ERROR_BURST = "error-burst"
    SLOW_CONTRIBUTIONS = "slow-contributions"
    SERVICE_DOWN = "service-down"
    POOL_EXHAUSTED = "pool-exhausted"
    POOL_NEGATIVE = "pool-negative"
    CONFIG_CHURN = "config-churn"
    DEPENDENCY_DOWN = "dependency-down"


class FaultSwitch:
    """The one writer of the set of active faults; switching one to where it already is does nothing."""

    def __init__(
        self, active: set[Fault], connections: Connections, save_configuration: Callable[[], Awaitable[None]]
    ) -> None:
        self.active = active
        self._connections = connections
        self._save_configuration = save_configuration
        self._tasks: dict[Fault, list[asyncio.Task[None]]] = {}
        self._switching = asyncio.Lock()

    async def switch(self, fault: Fault, *, on: bool) -> None:
        """psycopg.Error or PoolTimeoutError when the database is needed and fails; the fault then stays as it was."""
        async with self._switching:
            if on == (fault in self.active):
                return
            if on:
                await self._begin(fault)
                self.active.add(fault)
            else:
                await self._end(fault)
                self.active.discard(fault)

    async def close(self) -> None:
        """Switches everything off, as far as the database lets it."""
        for fault in sorted(self.active, key=lambda fault: fault is Fault.POOL_NEGATIVE):
            try:
                await self.switch(fault, on=False)
            except (psycopg.Error, PoolTimeoutError):
                continue  # the next start restores the pools

    async def _begin(self, fault: Fault) -> None:
        match fault:
            case Fault.POOL_NEGATIVE:
                await inject_negative(self._connections, NEGATIVE_GROUP)
            case Fault.POOL_EXHAUSTED:
                holders = range(self._connections.stats().max)
                self._tasks[fault] = [asyncio.create_task(self._hold_connection()) for _ in holders]
            case Fault.CONFIG_CHURN:
                self._tasks[fault] = [asyncio.create_task(self._churn())]
            case _:
                pass

    async def _end(self, fault: Fault) -> None:
        if fault is Fault.POOL_NEGATIVE:
            await restore_negative(self._connections)
        tasks = self._tasks.pop(fault, [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _hold_connection(self) -> None:
        while True:
            try:
                async with self._connections.lend(wait_seconds=60) as connection:
                    while True:  # short sleeps: the server forgets a killed service within a second
                        await connection.execute("select pg_sleep(1)")
            except (psycopg.Error, PoolTimeoutError):
                await asyncio.sleep(_RETRY_SECONDS)

    async def _churn(self) -> None:
        while True:
            with suppress(psycopg.Error, PoolTimeoutError, TimeoutError):
                await self._save_configuration()
            await asyncio.sleep(_CHURN_SECONDS)
