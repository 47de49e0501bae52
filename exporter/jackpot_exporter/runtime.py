"""Runs collectors: each in a task of its own, on its own interval, under its own deadline.

A collector's failure becomes the outcome of its batch; nothing it does can stop another one. This is the only
place that catches `Exception`. A bug in the runner itself ends the process, visibly.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from .errors import SourceError
from .exposition import Family, Known, render
from .logs import fields
from .model import Collector, Item, Note, Outcome
from .redaction import redact
from .store import Batch, Store

log = logging.getLogger(__name__)

_START_JITTER_SECONDS = 0.2  # spreads the first collections; later ones keep the phase they began with


@dataclass(frozen=True, slots=True)
class Job:
    """One collector with its schedule, in seconds."""

    name: str
    collector: Collector
    interval: float
    timeout: float


class Runner:
    """Keeps a store filled until it is cancelled."""

    def __init__(self, jobs: Sequence[Job], store: Store) -> None:
        self._jobs = jobs
        self._store = store
        self._reporter = _Reporter()
        self._known = {job.name: Known() for job in jobs}

    async def run(self, delay_seconds: float = 0.0) -> None:
        """Run every job for ever, beginning after the delay; raises only for a bug of the runner."""
        await asyncio.sleep(delay_seconds)
        async with asyncio.TaskGroup() as tasks:
            for job in self._jobs:
                tasks.create_task(self._repeat(job), name=f"collector {job.name}")

    async def run_once(self) -> list[Batch]:
        """One collection of every job, side by side."""
        return list(await asyncio.gather(*(self._round(job) for job in self._jobs)))

    async def _repeat(self, job: Job) -> None:
        await asyncio.sleep(random.uniform(0, min(_START_JITTER_SECONDS, job.interval / 10)))  # noqa: S311
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            await self._round(job)
            # A collection that took longer than its interval skips turns; two never overlap.
            turns = (loop.time() - start) // job.interval + 1
            await asyncio.sleep(start + turns * job.interval - loop.time())

    async def _round(self, job: Job) -> Batch:
        batch = await collect(job, self._store.namespace, self._known[job.name])
        self._reporter.report(batch)
        await self._store.put(batch)
        return batch


async def collect(job: Job, namespace: str, known: Known | None = None) -> Batch:
    """One collection, whatever happens in it. Raises nothing but cancellation."""
    started = time.monotonic()
    items: list[Item] = []
    outcome, message = await _gather(job, items)
    families: Mapping[str, Family] = {}
    try:
        families = await render([item for item in items if not isinstance(item, Note)], namespace, known)
    except Exception as error:  # noqa: BLE001 - a collector's bug must not end the others
        outcome, message = _bug(job, error)
    if outcome is Outcome.OK and not families:
        outcome = Outcome.EMPTY
    notes = tuple(replace(item, message=redact(item.message)) for item in items if isinstance(item, Note))
    return Batch(job.name, families, notes, outcome, time.time(), time.monotonic() - started, redact(message))


async def _gather(job: Job, items: list[Item]) -> tuple[Outcome, str]:
    try:
        async with asyncio.timeout(job.timeout), aclosing(job.collector.collect()) as stream:
            async for item in stream:
                items.append(item)  # noqa: PERF401 - what came before a failure counts
    except SourceError as error:
        return error.outcome, str(error)
    except TimeoutError:  # before OSError, its base class
        return Outcome.TIMEOUT, f"no result within {job.timeout:g}s"
    except OSError as error:
        return Outcome.REFUSED, error.strerror or str(error)
    except Exception as error:  # noqa: BLE001 - a collector's bug must not end the others
        return _bug(job, error)
    return Outcome.OK, ""


def _bug(job: Job, error: Exception) -> tuple[Outcome, str]:
    log.error("collector has a bug", extra=fields(collector=job.name), exc_info=error)
    return Outcome.BUG, f"{type(error).__name__}: {error}"


class _Reporter:
    """Logs a failure when it begins, changes and ends, not every time."""

    def __init__(self) -> None:
        self._outcomes: dict[str, Outcome] = {}
        self._notes: dict[str, dict[str, str]] = {}

    def report(self, batch: Batch) -> None:
        before = self._outcomes.get(batch.collector, Outcome.OK)
        self._outcomes[batch.collector] = batch.outcome
        if batch.outcome.is_success:
            if not before.is_success:
                log.info("collection works again", extra=fields(collector=batch.collector))
            self._report_notes(batch)
        elif batch.outcome is not before:
            what = fields(collector=batch.collector, reason=batch.outcome.value, error=batch.message)
            log.warning("collection failed", extra=what)

    def _report_notes(self, batch: Batch) -> None:
        before = self._notes.get(batch.collector, {})
        now = {note.key: note.message for note in batch.notes}
        self._notes[batch.collector] = now
        for note in batch.notes:
            if note.key not in before:
                what = fields(collector=batch.collector, part=note.key, reason=note.outcome.value, error=note.message)
                log.warning("part of a collection is missing", extra=what)
        for key in before.keys() - now.keys():
            log.info("part of a collection is back", extra=fields(collector=batch.collector, part=key))
