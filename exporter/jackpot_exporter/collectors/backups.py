"""Backups: when the last good one was made, how large it is, how long it took, and whether it can be read.

Good means: not empty and, where verification is on, readable by pg_restore. A verification runs in a child process
beside the collections, once for each new file, and may take longer than a collection does.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Protocol

from ..clients import Clients
from ..config import CollectorSection
from ..errors import SourceError, SourceTimeoutError
from ..model import Collector, Item, MetricSpec, Note, Outcome, gauge
from ._backup_record import Record, State
from ._backup_settings import BackupSettings
from ._backup_sources import FileBackups, PgBackRest
from ._base import CollectorType

LAST_SUCCESS = gauge(
    "backup_last_success_timestamp_seconds",
    "Unix time at which the last good backup was completed.",
    "backup",
    own=True,
)
SIZE = gauge("backup_size_bytes", "Size of the newest backup.", "backup", own=True)
DURATION = gauge("backup_duration_seconds", "How long the newest good backup took.", "backup", own=True)
VERIFIED = gauge("backup_verified", "Whether the newest backup could be read when it was verified.", "backup", own=True)
FILES = gauge("backup_files", "Backups that are kept.", "backup", own=True)
OLDEST = gauge("backup_oldest_timestamp_seconds", "Unix time of the oldest backup that is kept.", "backup", own=True)
STATE = gauge("backup_state", "How the newest backup is: 1 for the state it is in.", "backup", "state", own=True)
REPOSITORY = gauge("backup_repository_size_bytes", "Size of all backups in the repository.", "backup", own=True)

METRICS: tuple[MetricSpec, ...] = (LAST_SUCCESS, SIZE, DURATION, VERIFIED, FILES, OLDEST, STATE, REPOSITORY)


class BackupSource(Protocol):
    """Where the backups of one block are."""

    async def record(self, within_seconds: float) -> Record:
        """What is known now. SourceError when nothing is."""
        ...


class BackupsCollector:
    """Looks at every configured kind of backup, each on its own: a dead mount holds up only what is on it."""

    def __init__(
        self,
        sources: Sequence[tuple[BackupSettings, BackupSource]],
        within_seconds: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sources = {settings.name: (settings, source) for settings, source in sources}
        self._repeated = [name for name, n in Counter(settings.name for settings, _ in sources).items() if n > 1]
        self._within = within_seconds
        self._clock = clock

    async def collect(self) -> AsyncGenerator[Item, None]:
        found = await asyncio.gather(*(self._record(source) for _, source in self._sources.values()))
        for (settings, _), record in zip(self._sources.values(), found, strict=True):
            for item in self._describe(settings, record):
                yield item
        for name in self._repeated:
            yield Note(f"{name} again", f"{name} stands twice in `backups`; the last one counts", Outcome.BAD_DATA)

    async def _record(self, source: BackupSource) -> Record | SourceError:
        try:
            async with asyncio.timeout(self._within):
                return await source.record(self._within)
        except TimeoutError:
            return SourceTimeoutError(f"no answer within {self._within:.3g}s; a dead mount?")
        except SourceError as error:
            return error

    def _describe(self, settings: BackupSettings, record: Record | SourceError) -> Iterator[Item]:
        name = settings.name
        if isinstance(record, SourceError):
            yield Note(name, f"{name}: {record}", record.outcome)
            if record.outcome is Outcome.MISSING:
                yield from _states(name, State.MISSING)
            return
        state = record.state(self._clock(), settings.max_age)
        yield from _states(name, state)
        yield from _samples(name, record)
        for note in record.notes:
            yield Note(f"{name} {note.key}", f"{name}: {note.message}", note.outcome, note.dropped)
        if state is not State.GOOD:
            yield Note(name, _complaint(settings, record, state), Outcome.OK)


def _states(name: str, state: State) -> Iterator[Item]:
    yield from (STATE.sample(each is state, name, each.value) for each in State)


def _samples(name: str, record: Record) -> Iterator[Item]:
    yield FILES.sample(record.count, name)
    if record.oldest_at is not None:
        yield OLDEST.sample(record.oldest_at, name)
    if record.repository_bytes is not None:
        yield REPOSITORY.sample(record.repository_bytes, name)
    if record.newest is not None:
        yield SIZE.sample(record.newest.size_bytes, name)
        if record.newest.verdict is not None:
            yield VERIFIED.sample(record.newest.verdict.is_good, name)
    good = record.last_success
    if good is not None:
        yield LAST_SUCCESS.sample(good.ended_at, name)
        if good.begun_at is not None and good.begun_at <= good.ended_at:
            yield DURATION.sample(good.ended_at - good.begun_at, name)


def _complaint(settings: BackupSettings, record: Record, state: State) -> str:
    newest = record.newest
    if newest is None:
        return f"{settings.name}: there is no backup in {settings.place}"
    if state is State.OLD:
        return f"{settings.name}: the newest backup, {newest.name}, is older than {settings.max_age:g}s"
    if state is State.EMPTY:
        return f"{settings.name}: the newest backup, {newest.name}, is empty"
    return f"{settings.name}: {newest.name} cannot be read: {newest.verdict.message if newest.verdict else ''}"


def _build(settings: tuple[BackupSettings, ...], timeout_seconds: float, _clients: Clients) -> Collector | None:
    sources: list[tuple[BackupSettings, BackupSource]] = [
        (block, PgBackRest(block) if block.pgbackrest else FileBackups(block)) for block in settings if block.enabled
    ]
    return BackupsCollector(sources, timeout_seconds * 0.9) if sources else None


TYPE = CollectorType(
    name="backups",
    help="backups: age, size, duration, count, and whether pg_restore can read them",
    section=CollectorSection(("backups",), BackupSettings, many=True),
    metrics=METRICS,
    build=_build,
)
