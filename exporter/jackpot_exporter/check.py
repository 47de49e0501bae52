"""One look at the settings and the sources, for the commands `check` and `once`."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from .config import Settings, TargetBase
from .engine import MAIN, Engine
from .errors import InvalidInputError, Problem
from .exposition import Format
from .store import Batch
from .telemetry import Telemetry


def describe(settings: Settings) -> str:
    """What would run, in a few lines."""
    lines: list[str] = []
    for name, target in _targets(settings):
        collectors = sorted(Engine(target, Telemetry()).store.collectors)
        lines.append(f"{name or 'main target'}: {', '.join(collectors) or 'no collector: no source is named'}")
    return "\n".join(["settings are valid", *lines])


async def check_sources(settings: Settings) -> tuple[list[str], bool]:
    """A line for each collector of each target, after one collection; False when any failed."""
    lines: list[str] = []
    is_well = True
    for name, target in _targets(settings):
        engine = Engine(target, Telemetry())
        try:
            batches = await engine.runner.run_once()
        finally:
            await engine.stop()
        prefix = f"{name}: " if name else ""
        for batch in batches:
            is_well &= batch.outcome.is_success
            lines.extend(prefix + line for line in _report(batch))
    return lines, is_well


async def collect_once(settings: Settings, target: str, only: Collection[str]) -> tuple[bytes, bool]:
    """One collection as Prometheus text; False when a collector failed. InvalidInputError for unknown names."""
    found = dict(_targets(settings)).get(target)
    if found is None:
        raise InvalidInputError([Problem(f"no target {target!r} in the settings")])
    engine = Engine(found, Telemetry(), only)
    if unknown := set(only) - set(engine.store.collectors):
        known = ", ".join(sorted(Engine(found, Telemetry()).store.collectors))
        raise InvalidInputError([Problem(f"no collector {', '.join(sorted(unknown))} runs here; these do: {known}")])
    try:
        batches = await engine.runner.run_once()
    finally:
        await engine.stop()
    text = engine.store.page(Format.TEXT, gzipped=False)
    return text, all(batch.outcome.is_success for batch in batches)


def _targets(settings: Settings) -> Iterator[tuple[str, TargetBase]]:
    yield MAIN, settings.main
    yield from settings.targets.items()


def _report(batch: Batch) -> Iterator[str]:
    words = f"{batch.outcome.value}, {len(batch.families)} families, {batch.seconds * 1000:.0f} ms"
    yield f"{batch.collector}: {words}" + (f": {batch.message}" if batch.message else "")
    for note in batch.notes:
        yield f"{batch.collector}: note: {note.message}"
