"""The last batch of every collector, and the bytes a scrape gets: made when a batch arrives, not when asked.

Prometheus advises to collect when scraped. This exporter does not: a scrape that waited for a locked table would
time out just when it is needed, and every further Prometheus would cost the database as much as the first. What
the advice protects against, old values taken for new, is met by exporting each collector's age and by withdrawing
values at `stale_after`.

A scrape joins parts that are ready, one for each collector, and adds the few lines that change with every scrape.
Which formats are made ready depends on which were asked for lately: nobody pays for a format that nobody reads.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from . import compression
from .blocks import Block
from .exposition import END, Family, Format, document, join_disjoint, merge, render_now, series_of
from .model import Note, Outcome
from .telemetry import Telemetry

_LARGE = 256 * 1024  # bytes of text; less is rendered and compressed in a few milliseconds
_LARGE_BLOCK = 8 * 1024
_SETTLE_SECONDS = 0.05
_DEMAND_SECONDS = 600.0
_REMEMBERED = ("operations_total", "operation_duration_seconds")
_REMEMBERED_SECONDS = 300.0  # so that the JSON documents tell of the last minutes, not of all times


@dataclass(frozen=True, slots=True)
class Batch:
    """What one collection gave. `at` is Unix seconds, `seconds` its duration."""

    collector: str
    families: Mapping[str, Family]
    notes: tuple[Note, ...]
    outcome: Outcome
    at: float
    seconds: float
    message: str = ""


class _Part:
    """Some families, with their bytes made once for each format."""

    def __init__(self, families: Collection[Family]) -> None:
        self.families = families
        self._blocks: dict[Format, list[Block]] = {}
        self._pieces: dict[Format, compression.Piece] = {}

    @cached_property
    def size(self) -> int:
        return sum(family.size for family in self.families)

    def texts(self, fmt: Format) -> list[bytes]:
        return [block.text for block in self._blocks_of(fmt)]

    def piece(self, fmt: Format) -> compression.Piece:
        if fmt not in self._pieces:
            self._pieces[fmt] = compression.join([block.piece for block in self._blocks_of(fmt)])
        return self._pieces[fmt]

    def forget_texts(self) -> None:
        """Keep only what is compressed: a large text is had back from that when somebody asks for it."""
        for blocks in self._blocks.values():
            for block in blocks:
                block.forget_text()

    def _blocks_of(self, fmt: Format) -> list[Block]:
        if fmt not in self._blocks:
            self._blocks[fmt] = list(_blocks(self.families, fmt))
        return self._blocks[fmt]


def _blocks(families: Iterable[Family], fmt: Format) -> Iterator[Block]:
    """The families' text: large blocks as they are, for they come again, and what is small between them as one."""
    small: list[bytes] = []
    for family in families:
        small.append(family.head(fmt))
        if fmt is Format.OPENMETRICS and family.with_exemplars is not None:
            small.append(family.with_exemplars)
            continue
        for block in family.blocks:
            if block.size < _LARGE_BLOCK:
                small.append(block.text)
            else:
                yield Block(b"".join(small))
                yield block
                small = []
    yield Block(b"".join(small))


@dataclass(frozen=True, slots=True)
class _Shown:
    """What of one collector is shown: its last batch and, when that failed, what it left out of the last good one."""

    fresh: Mapping[str, Family]
    fresh_until: float
    is_good: bool = True
    kept: Mapping[str, Family] = field(default_factory=dict)
    kept_until: float = 0.0

    def visible(self, now: float) -> dict[str, Family]:
        kept = self.kept if now < self.kept_until else {}
        fresh = self.fresh if now < self.fresh_until else {}
        return {**kept, **fresh}

    def is_kept(self, family: str) -> bool:
        """Whether what is visible of the family is from before a failure."""
        return family not in self.fresh

    def next_change(self, now: float) -> float:
        return min((t for t in (self.fresh_until, self.kept_until) if t > now), default=float("inf"))


@dataclass(frozen=True)
class _Assembly:
    """The parts in force until the next batch or the next withdrawal, by collector ("" for what is shared)."""

    parts: Mapping[str, _Part]
    valid_until: float
    joined: dict[Format, list[compression.Piece]] = field(default_factory=dict)

    @cached_property
    def families(self) -> dict[str, Family]:
        return {family.name: family for part in self.parts.values() for family in part.families}

    def texts(self, fmt: Format, only: Collection[str]) -> list[bytes]:
        return [text for part in self._chosen(only) for text in part.texts(fmt)]

    def pieces(self, fmt: Format, only: Collection[str]) -> list[compression.Piece]:
        if only:
            return [part.piece(fmt) for part in self._chosen(only)]
        if fmt not in self.joined:
            large = [part.piece(fmt) for part in self.parts.values() if part.size > _LARGE]
            small = compression.join(part.piece(fmt) for part in self.parts.values() if part.size <= _LARGE)
            self.joined[fmt] = [small, *large]
        return self.joined[fmt]

    def _chosen(self, only: Collection[str]) -> list[_Part]:
        return [part for name, part in self.parts.items() if not only or name in only or not name]


class Store:
    """The batches of one target. All methods run on the event loop's thread."""

    def __init__(
        self,
        namespace: str,
        stale_after: Mapping[str, float],
        telemetry: Telemetry,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.namespace = namespace
        self.telemetry = telemetry
        self._stale_after = stale_after
        self._clock = clock
        self._shown: dict[str, _Shown] = {}
        self._ready: dict[str, _Part] = {}
        self._assembly: _Assembly | None = None
        self._refresh: asyncio.TimerHandle | None = None
        self._demand: dict[tuple[Format, bool], float] = {}
        self._past: dict[str, deque[tuple[float, Family]]] = {f"{namespace}_{name}": deque() for name in _REMEMBERED}
        telemetry.expect(stale_after)
        self._own = {collector: self._render_own(collector) for collector in stale_after}

    def inherit(self, old: Store) -> None:
        """After a reload: show what the old settings collected until the new ones have their own."""
        self._shown = {name: shown for name, shown in old._shown.items() if name in self._stale_after}
        self._demand = dict(old._demand)

    @property
    def collectors(self) -> Collection[str]:
        return self._stale_after.keys()

    async def put(self, batch: Batch) -> None:
        """Take a batch in; what scrapes have been asking for lately is made ready soon after.

        A large batch is made ready first, in a thread, and then shown: until then scrapes get what was before.
        """
        now = self._clock()
        until = now + self._stale_after[batch.collector]
        if batch.outcome.is_success:
            shown = _Shown(batch.families, until)
        else:
            shown = _after_failure(self._shown.get(batch.collector), batch, until)
        if sum(family.size for family in batch.families.values()) > _LARGE:
            await self._prepare_large(batch.collector, shown, now)
        self._shown[batch.collector] = shown
        self._remember(batch, now)
        self._count(batch, now)
        self._own[batch.collector] = self._render_own(batch.collector)
        self._assembly = None
        if self._refresh is None:
            self._refresh = asyncio.get_running_loop().call_later(_SETTLE_SECONDS, self._make_ready)

    def page(self, fmt: Format, *, gzipped: bool, tail: Iterable[Family] = (), only: Collection[str] = ()) -> bytes:
        """The document for one scrape, whole."""
        return b"".join(self.page_parts(fmt, gzipped=gzipped, tail=tail, only=only))

    def page_parts(
        self, fmt: Format, *, gzipped: bool, tail: Iterable[Family] = (), only: Collection[str] = ()
    ) -> list[bytes]:
        """The document in parts: the ready ones, the ages of the moment, `tail`, the end of the format."""
        now = self._clock()
        self._demand[fmt, gzipped] = now
        assembly = self._assembled(now)
        ages = render_now([self.telemetry.ages(now)], self.namespace)
        last = document([*ages.values(), *tail], fmt) + END[fmt]
        if gzipped:
            return compression.gzip_parts(assembly.pieces(fmt, only), last)
        return [*assembly.texts(fmt, only), last]

    def family(self, name: str) -> Family | None:
        """A family as a scrape shows it now."""
        return self._assembled(self._clock()).families.get(name)

    def past(self, name: str) -> Sequence[tuple[float, Family]]:
        """A remembered family over the last minutes, oldest first, each with its age in seconds."""
        now = self._clock()
        return [(now - at, family) for at, family in self._past.get(name, ())]

    def _remember(self, batch: Batch, now: float) -> None:
        for name, past in self._past.items():
            if batch.outcome.is_success and name in batch.families:
                past.append((now, batch.families[name]))
            while past and now - past[0][0] > _REMEMBERED_SECONDS:
                past.popleft()

    def _count(self, batch: Batch, now: float) -> None:
        record = self.telemetry.of(batch.collector)
        record.outcome = batch.outcome
        record.durations.observe(batch.seconds)
        record.series = series_of(batch.families)
        record.dropped += sum(note.dropped for note in batch.notes)
        if batch.outcome.is_success:
            record.last_success, record.succeeded_at = batch.at, now
        else:
            record.failures[batch.outcome] += 1
        for note in batch.notes:
            if not note.outcome.is_success:
                record.failures[note.outcome] += 1

    def _assembled(self, now: float) -> _Assembly:
        if self._assembly is None or now >= self._assembly.valid_until:
            self._assembly = self._assemble(now)
        return self._assembly

    def _assemble(self, now: float) -> _Assembly:
        """One part for each collector; families that several collectors have are merged into one part."""
        # In the order of the settings, not of arrival: which of two equal series is shown must not depend on timing.
        visible = {name: self._shown[name].visible(now) for name in self._stale_after if name in self._shown}
        shared = _held_twice(visible.values())
        parts = {collector: self._part_for(collector, families, shared) for collector, families in visible.items()}
        common = [self._merged(family, visible) for family in sorted(shared)]
        parts[""] = _Part([*common, *join_disjoint(self._own.values())])
        valid_until = min((shown.next_change(now) for shown in self._shown.values()), default=float("inf"))
        return _Assembly(parts, valid_until)

    def _merged(self, family: str, visible: Mapping[str, Mapping[str, Family]]) -> Family:
        """A collector that failed says what was; one that works says what is, and is believed first."""
        holders = [collector for collector, families in visible.items() if family in families]
        holders.sort(key=lambda collector: self._shown[collector].is_kept(family))
        return merge([visible[collector][family] for collector in holders])

    def _render_own(self, collector: str) -> dict[str, Family]:
        return render_now(self.telemetry.after_collection(collector), self.namespace)

    def _part_for(self, collector: str, visible: Mapping[str, Family], shared: Collection[str]) -> _Part:
        """The part made before, when it holds the very same families: its bytes are ready."""
        families = [family for name, family in visible.items() if name not in shared]
        old = self._ready.get(collector)
        if old is None or [id(f) for f in old.families] != [id(f) for f in families]:
            old = self._ready[collector] = _Part(families)
        return old

    def _wanted(self, now: float) -> list[tuple[Format, bool]]:
        return [key for key, at in self._demand.items() if now - at < _DEMAND_SECONDS]

    async def _prepare_large(self, collector: str, shown: _Shown, now: float) -> None:
        visible = {name: old.visible(now) for name, old in self._shown.items()} | {collector: shown.visible(now)}
        families = [f for name, f in visible[collector].items() if name not in _held_twice(visible.values())]
        part = _Part(families)
        wanted = self._wanted(now)
        for fmt, gzipped in wanted:
            await asyncio.to_thread(part.piece if gzipped else part.texts, fmt)
        if all(gzipped for _, gzipped in wanted):
            part.forget_texts()
        self._ready[collector] = part

    def _make_ready(self) -> None:
        """Once for the batches that came together, as they do: collectors keep a common beat."""
        self._refresh = None
        now = self._clock()
        parts = self._assembled(now).parts.values()
        for fmt, gzipped in self._wanted(now):
            for part in parts:
                (part.piece if gzipped else part.texts)(fmt)


def _held_twice(groups: Iterable[Iterable[str]]) -> set[str]:
    """The names that stand in more than one group."""
    seen: set[str] = set()
    twice: set[str] = set()
    for group in groups:
        twice.update(seen.intersection(group))
        seen.update(group)
    return twice


def _after_failure(before: _Shown | None, batch: Batch, until: float) -> _Shown:
    """What the failed collection gave before it failed is fresh; the rest stays as old as it is."""
    if before is None:
        return _Shown(batch.families, until, is_good=False)
    kept, kept_until = (before.fresh, before.fresh_until) if before.is_good else (before.kept, before.kept_until)
    left = {name: family for name, family in kept.items() if name not in batch.families}
    return _Shown(batch.families, until, is_good=False, kept=left, kept_until=kept_until)
