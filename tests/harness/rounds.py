"""One collection of one collector, without a runner around it, read as Prometheus would read it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

from prometheus_client.parser import text_string_to_metric_families

from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors._base import CollectorType
from jackpot_exporter.config import compose, section, timing
from jackpot_exporter.exposition import Format, document
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect
from jackpot_exporter.store import Batch

Labels = frozenset[tuple[str, str]]


class Round:
    """What one collection gave."""

    def __init__(self, batch: Batch) -> None:
        self.batch = batch
        self.text = document(batch.families.values(), Format.TEXT).decode()
        self._samples: dict[str, dict[Labels, float]] = {}
        # Without their types, as the parser appends _total to the names of counters that lack it.
        lines = (line for line in self.text.splitlines(keepends=True) if not line.startswith("#"))
        for family in text_string_to_metric_families("".join(lines)):
            for sample in family.samples:
                self._samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    @property
    def outcome(self) -> Outcome:
        return self.batch.outcome

    @property
    def notes(self) -> dict[str, Outcome]:
        """The outcome of each part that could not be had."""
        return {note.key: note.outcome for note in self.batch.notes}

    @property
    def names(self) -> set[str]:
        return set(self.batch.families)

    @property
    def series(self) -> set[tuple[str, Labels]]:
        """Name and labels of every sample."""
        return {(name, labels) for name, samples in self._samples.items() for labels in samples}

    def values(self, name: str, /, **labels: str) -> list[float]:
        """The values of every sample with these labels, whatever further ones it has."""
        return [v for have, v in self._samples.get(name, {}).items() if labels.items() <= set(have)]

    def value(self, name: str, /, **labels: str) -> float | None:
        """The value of the one sample with these labels."""
        found = self.values(name, **labels)
        assert len(found) <= 1, f"{name}{labels} has {len(found)} samples"
        return found[0] if found else None

    def by(self, name: str, label: str) -> dict[str, float]:
        """The values of a family by one of its labels."""
        return {dict(labels)[label]: value for labels, value in self._samples.get(name, {}).items()}


class Target:
    """The collectors of some settings, sharing connections as they do in the exporter."""

    def __init__(self, settings: Mapping[str, Any], *kinds: CollectorType) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self.settings = compose([kind.section for kind in kinds]).model_validate(settings)
        self.clients = Clients(self.settings)
        self._jobs = {job.name: job for kind in kinds for job in self._made(kind)}

    def _made(self, kind: CollectorType) -> Iterator[Job]:
        """Nothing when the settings do not name what the collector reads."""
        settings = section(self.settings, kind.section.way)
        for name, block, schedule in kind.section.runs(kind.name, settings) if settings is not None else ():
            times = timing(self.settings, schedule)
            collector = kind.build(block, times.timeout, self.clients)
            if collector is not None:
                yield Job(name, collector, times.interval, times.timeout)

    @property
    def names(self) -> list[str]:
        return list(self._jobs)

    async def collect(self, name: str) -> Round:
        """One collection of the collector of this name."""
        return Round(await collect(self._jobs[name], self.settings.namespace))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.clients.close()
