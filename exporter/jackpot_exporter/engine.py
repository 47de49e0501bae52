"""Settings put to work: for each target its clients, collectors, store and runner; replaced whole by a reload."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping

from .clients import Clients
from .collectors import discover
from .config import Settings, TargetBase, section, timing
from .errors import InvalidInputError
from .logs import fields
from .runtime import Job, Runner
from .store import Store
from .telemetry import ProcessTelemetry, Telemetry

log = logging.getLogger(__name__)

MAIN = ""
"""The name of the target whose settings stand at the top of the file."""

_STAGGER_SECONDS = 0.1
"""How much later each target begins than the one before it, and stays for ever.

The first round of one is some 35 ms of this one thread, later ones 20. Two hundred that began together would keep it
busy for seconds in each interval, in which every scrape waits and deadlines pass for no fault of the sources.
"""


class Engine:
    """One target being sampled."""

    def __init__(self, target: TargetBase, telemetry: Telemetry, only: Collection[str] = ()) -> None:
        self._clients = Clients(target)
        jobs, stale_after = _jobs(target, self._clients, only)
        self.store = Store(target.namespace, stale_after, telemetry)
        self.runner = Runner(jobs, self.store)
        self._task: asyncio.Task[None] | None = None

    def start(self, on_end: Callable[[asyncio.Task[None]], None], place: int = 0) -> None:
        """Begin to sample in the background; `on_end` is called when that ends for any reason.

        `place` is that among the targets, which begin one after the other.
        """
        self._task = asyncio.create_task(self.runner.run(place * _STAGGER_SECONDS))
        self._task.add_done_callback(on_end)

    async def stop(self) -> None:
        """Stop sampling and close every connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        await self._clients.close()


def _jobs(target: TargetBase, clients: Clients, only: Collection[str]) -> tuple[list[Job], dict[str, float]]:
    jobs: list[Job] = []
    stale_after: dict[str, float] = {}
    for kind in discover():
        settings = section(target, kind.section.way)
        for name, block, schedule in kind.section.runs(kind.name, settings) if settings is not None else ():
            if only and name not in only:
                continue
            times = timing(target, schedule)
            collector = kind.build(block, times.timeout, clients)
            if collector is not None:
                jobs.append(Job(name, collector, times.interval, times.timeout))
                stale_after[name] = times.stale_after
    return jobs, stale_after


class Exporter:
    """All targets, and the settings they come from."""

    def __init__(self, load: Callable[[], Settings]) -> None:
        self._load = load
        self._telemetry: dict[str, Telemetry] = {}
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._reloading = asyncio.Lock()
        self.process = ProcessTelemetry()
        self.settings = load()
        self.engines = self._build(self.settings)
        self.process.set_reloaded(time.time())

    def start(self) -> None:
        for place, engine in enumerate(self.engines.values()):
            engine.start(self._on_end, place)

    async def wait(self) -> None:
        """Until a runner ends; raises what ended it."""
        await asyncio.shield(self._ended)

    async def reload(self) -> None:
        """Read the settings again. InvalidInputError leaves everything as it is."""
        async with self._reloading:
            try:
                settings = self._load()
            except InvalidInputError as error:
                self.process.set_reload_failed()
                log.error("reload failed, the old settings stay in force", extra=fields(error=error))  # noqa: TRY400
                raise
            old, new = self.engines, self._build(settings)
            for name, engine in new.items():
                if name in old:
                    engine.store.inherit(old[name].store)
            # The old connections are closed first: the sum of both would exceed the budget.
            await _stop_all(old)
            self.settings, self.engines = settings, new
            self.start()
            self.process.set_reloaded(time.time())
            log.info("settings reloaded")

    async def stop(self) -> None:
        await _stop_all(self.engines)

    @property
    def is_ready(self) -> bool:
        """Every collector has finished once."""
        return all(engine.store.telemetry.is_complete for engine in self.engines.values())

    def _build(self, settings: Settings) -> dict[str, Engine]:
        targets: dict[str, TargetBase] = {MAIN: settings.main, **settings.targets}
        return {name: Engine(target, self._telemetry.setdefault(name, Telemetry())) for name, target in targets.items()}

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) and not self._ended.done():
            self._ended.set_exception(error)


async def _stop_all(engines: Mapping[str, Engine]) -> None:
    await asyncio.gather(*(engine.stop() for engine in engines.values()))
