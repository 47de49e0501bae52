"""The service's log, read exactly once: operations, durations, errors, changes of settings, levels.

A position and the counts that belong to it are saved together, so that after any end of the process the totals are
those of the lines that were written; what was lost is counted as lost. Every word of a log that becomes a label
passes an allow-list; nothing that says who a user is leaves this collector.

What the log says about the database is only this: an operation that always needs it has succeeded, or has failed
with an error of the database's. A rejected wager never got that far and counts as neither.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection
from ..errors import SourceError
from ..model import Item, Note, Outcome, Sample, counter, gauge, histogram
from ..operations import DURATION_BOUNDS
from ._base import CollectorType
from ._log.settings import LogSettings

if TYPE_CHECKING:
    from ._log.follower import Follower, Shown
    from ._log.totals import Totals

_SHARE_OF_TIMEOUT = 0.5  # for reading; the rest is for opening, saving and slow disks

OPERATIONS = counter("operations_total", "Finished operations, by the log.", "operation", "outcome", own=True)
DURATION = histogram(
    "operation_duration_seconds",
    "Time that operations took, by the log.",
    "operation",
    own=True,
    buckets=DURATION_BOUNDS,
)
ERRORS = counter(
    "errors_total", "Errors in the log; types over the cap, or that are no words, are other.", "type", own=True
)
CONFIG_CHANGES = counter("config_changes_total", "Changes of the configuration, by the log.", own=True)
MESSAGES = counter("log_messages_total", "Log entries, operations or not.", "level", own=True)
DATABASE = counter(
    "database_operations_total", "Operations that need the database, by whether it served them.", "outcome", own=True
)

_P = "jackpot_exporter_log_"
BYTES = counter(f"{_P}bytes_total", "Bytes read and dealt with.", "log")
LINES = counter(f"{_P}lines_total", "Lines read, good or bad.", "log")
BAD_LINES = counter(
    f"{_P}bad_lines_total",
    "Lines that are no entry (not_json, too_long, unfinished) or lack a sane duration.",
    "log",
    "reason",
)
LOST_BYTES = counter(f"{_P}lost_bytes_total", "Bytes that were seen and could not be read any more.", "log")
LOSSES = counter(f"{_P}losses_total", "Times that an unknown number of lines may have been lost.", "log")
ROTATIONS = counter(f"{_P}rotations_total", "Times that the file was renamed, or emptied in place.", "log", "how")
UNREAD = gauge(f"{_P}unread_bytes", "Bytes behind the position, without those of compressed files.", "log")
FILES = gauge(f"{_P}files", "Files that are open, rotated ones included.", "log")
CAUGHT_UP = gauge(f"{_P}caught_up_timestamp_seconds", "When the end of every file was last reached.", "log")
LAST_ENTRY = gauge(f"{_P}last_entry_timestamp_seconds", "The time that stands in the entry read last.", "log")

METRICS = (
    OPERATIONS, DURATION, ERRORS, CONFIG_CHANGES, MESSAGES, DATABASE,
    BYTES, LINES, BAD_LINES, LOST_BYTES, LOSSES, ROTATIONS, UNREAD, FILES, CAUGHT_UP, LAST_ENTRY,
)  # fmt: skip


class LogCollector:
    """Reads what is new in every log, then shows what all of them add up to."""

    def __init__(self, logs: dict[str, Follower], timeout_seconds: float) -> None:
        self._logs = logs
        self._timeout_seconds = timeout_seconds

    async def collect(self) -> AsyncGenerator[Item, None]:
        notes = await asyncio.gather(*(self._round(label, log) for label, log in self._logs.items()))
        for note in (note for found in notes for note in found):
            yield note
        shown = [log.shown for log in self._logs.values()]
        if None not in shown:  # or the sum would go back by what is missing, and a rate would take that for a restart
            for sample in _sums(log.totals for log in shown if log is not None):
                yield sample
        for label, log in self._logs.items():
            if log.shown is not None:
                for sample in _tail(label, log, log.shown):
                    yield sample

    async def _round(self, label: str, log: Follower) -> Sequence[Note]:
        """One log's trouble is not the others'."""
        try:
            # Shorter than that of the whole collection, or a dead mount would take the other logs along.
            async with asyncio.timeout(self._timeout_seconds * 0.9):
                await log.round(self._timeout_seconds * _SHARE_OF_TIMEOUT)
        except SourceError as error:
            return [Note(label, str(error), error.outcome)]
        except TimeoutError:
            return [Note(label, "the file system does not answer in time", Outcome.TIMEOUT)]
        return list(log.notes.values())


def _sums(logs: Iterable[Totals]) -> Iterator[Sample]:
    first, *others = (totals.copy() for totals in logs)
    for other in others:
        first.add(other)
    for (operation, outcome), count in first.operations.items():
        yield OPERATIONS.sample(count, operation, outcome)
    for operation, durations in first.durations.items():
        yield DURATION.sample(durations.histogram(), operation)
    for spec, counts in ((ERRORS, first.errors), (MESSAGES, first.messages), (DATABASE, first.database)):
        for label, count in counts.items():
            yield spec.sample(count, label)
    yield CONFIG_CHANGES.sample(first.config_changes[()])


def _tail(label: str, log: Follower, shown: Shown) -> Iterator[Sample]:
    tail = shown.tail
    yield BYTES.sample(tail.bytes, label)
    yield LINES.sample(tail.lines, label)
    for reason, count in shown.totals.bad_lines.items():
        yield BAD_LINES.sample(count, label, reason)
    yield LOST_BYTES.sample(tail.lost_bytes, label)
    yield LOSSES.sample(tail.losses, label)
    yield ROTATIONS.sample(tail.renamed, label, "renamed")
    yield ROTATIONS.sample(tail.emptied, label, "emptied")
    yield UNREAD.sample(log.unread_bytes, label)
    yield FILES.sample(log.files, label)
    if log.caught_up_at is not None:
        yield CAUGHT_UP.sample(round(log.caught_up_at, 3), label)
    if log.counts.last_entry_at is not None:
        yield LAST_ENTRY.sample(log.counts.last_entry_at, label)


def _build(settings: Sequence[LogSettings], timeout_seconds: float, clients: Clients) -> LogCollector | None:
    from ._log.follower import Follower  # noqa: PLC0415 - msgspec is loaded only where a log is read

    target = clients.target
    logs: dict[str, Follower] = {}
    for block in settings:
        if block.enabled:
            label = block.label if block.label not in logs else f"{block.label} {len(logs) + 1}"
            logs[label] = Follower(block, label, target.state_dir, target.namespace)
    return LogCollector(logs, timeout_seconds) if logs else None


TYPE = CollectorType(
    name="logs",
    help="What the service's JSON log says, read exactly once.",
    section=CollectorSection(("logs",), LogSettings, many=True),
    metrics=METRICS,
    build=_build,
)
