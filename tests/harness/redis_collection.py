"""Collects once from a Redis as the exporter would, and reads what came out as Prometheus would."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from jackpot_exporter.clients.redis import RedisSession
from jackpot_exporter.collectors.redis import RedisCollector
from jackpot_exporter.config import RedisSource
from jackpot_exporter.exposition import END, Format, document
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect
from jackpot_exporter.store import Batch


@dataclass(frozen=True, slots=True)
class Collected:
    """One batch; `values` has every sample by its name and labels."""

    batch: Batch
    families: dict[str, Metric]
    values: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def value(self, sample_name: str, **labels: str) -> float | None:
        return self.values.get((sample_name, frozenset(labels.items())))

    def notes(self) -> dict[str, str]:
        return {note.key: note.message for note in self.batch.notes}


def read(batch: Batch) -> Collected:
    """What a batch says; both formats have to be readable."""
    open_text = document(batch.families.values(), Format.OPENMETRICS) + END[Format.OPENMETRICS]
    list(openmetrics.text_string_to_metric_families(open_text.decode()))  # type: ignore[no-untyped-call]
    text = document(batch.families.values(), Format.TEXT).decode()
    # prometheus_client adds _total to a counter that has none; Prometheus does not.
    untyped = "".join(line for line in text.splitlines(True) if not line.endswith(" counter\n"))
    families = {family.name: family for family in text_string_to_metric_families(untyped)}
    samples = [sample for family in families.values() for sample in family.samples]
    values = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}
    return Collected(batch, families, values)


@dataclass(frozen=True, slots=True)
class Watch:
    """A collector with its kept connection."""

    session: RedisSession
    job: Job

    async def collect(self) -> Collected:
        return read(await collect(self.job, "jackpot"))


@asynccontextmanager
async def watching(source: RedisSource | str, *, timeout_seconds: float = 5.0) -> AsyncIterator[Watch]:
    """A collector of this server, or of the one at this URL."""
    session = RedisSession(RedisSource(url=source) if isinstance(source, str) else source, "main", timeout_seconds)
    try:
        yield Watch(session, Job("redis", RedisCollector(session), 15.0, timeout_seconds))
    finally:
        await session.close()


async def collected(source: RedisSource | str) -> Collected:
    """One collection, with a connection of its own."""
    async with watching(source) as watch:
        return await watch.collect()


async def outcome(source: RedisSource | str) -> tuple[Outcome, float | None]:
    """How one collection ended, and what it says of the server."""
    result = await collected(source)
    return result.batch.outcome, result.value("redis_up")
