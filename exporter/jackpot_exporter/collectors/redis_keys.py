"""Keys by group: how many there are and what they weigh, found by SCAN on a connection of its own.

A scan goes in small steps, ends in time and never blocks the server or the other collectors. What it could not reach
is estimated from what it saw: SCAN follows the hashes of the keys, so that what comes first is a fair sample. For the
same reason the weight of a group is that of its first keys; asking for each would cost more than all the rest. It
needs +info +select +dbsize +scan and, for the weight, +memory|usage of all keys (~*).
"""

from __future__ import annotations

import fnmatch
import re
import time
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, model_validator

from ..clients import Clients
from ..config import CollectorSection, Schedule, Seconds
from ..errors import SourceError
from ..model import Collector, Item, MetricSpec, Note, gauge
from ._base import CollectorType
from ._redis_answers import integer, sequence, text

if TYPE_CHECKING:
    from ..clients.redis import RedisSession, Server

COUNT = gauge("redis_key_group_count", "Keys in the group.", "db", "key_group")
MEMORY = gauge("redis_key_group_memory_usage_bytes", "Memory of the group, by a sample of it.", "db", "key_group")
DISTINCT = gauge("redis_number_of_distinct_key_groups", "Groups that have keys.", "db")
SCANNED = gauge("redis_key_groups_scanned_ratio", "Part of the keys looked at; below 1 the rest is estimated.", "db")
DURATION = gauge("redis_last_key_groups_scrape_duration_milliseconds", "How long the last scan took.")

METRICS: tuple[MetricSpec, ...] = (COUNT, MEMORY, DISTINCT, SCANNED, DURATION)

_STEP = 200  # keys asked for at once: less than a millisecond of our time and 0.1 ms of the server's
_SCAN_SHARE = 0.7  # of the deadline; the rest is for the answer under way
_UNCLASSIFIED = "unclassified"
_OTHER = "other"
_HELD = 10  # groups held while scanning, in multiples of those shown
_NAME_MAX = 200
_KEY_MAX = 4096


def _check_pattern(pattern: str) -> str:
    try:
        _compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


class KeyGroupsSettings(Schedule):
    """Groups of keys; a list of patterns alone will do."""

    patterns: tuple[Annotated[str, AfterValidator(_check_pattern)], ...] = Field(
        (),
        description="a glob (session:*) is a group; a regular expression with parentheses (^(\\w+):) makes one"
        " of each text they match; the first that fits counts",
    )
    interval: Seconds | None = Field(300.0, description="time between two scans")
    timeout: Seconds | None = Field(30.0, description="deadline of one scan")
    max_groups: int = Field(100, ge=1, le=10_000, description="groups shown of a database; others are added up")
    max_keys: int = Field(1_000_000, ge=_STEP, description="keys looked at in one scan")
    memory_samples: int = Field(100, ge=0, description="keys weighed of each group; 0 for none")

    @model_validator(mode="before")
    @classmethod
    def _list_of_patterns(cls, value: Any) -> Any:
        return {"patterns": value} if isinstance(value, list | tuple) else value


@dataclass(slots=True)
class _Group:
    count: int = 0
    weighed: int = 0
    weight: int = 0

    def estimated_bytes(self) -> float:
        return self.weight / self.weighed * self.count if self.weighed else 0.0


@dataclass(slots=True)
class _Tally:
    """What was seen of one database."""

    name: str
    size: int = 0
    seen: int = 0
    is_whole: bool = False
    groups: dict[str, _Group] = field(default_factory=dict)

    @property
    def scanned_ratio(self) -> float:
        return 1.0 if self.is_whole or not self.size else min(1.0, self.seen / self.size)


class KeyGroupsCollector:
    """Scans every database that has keys."""

    def __init__(self, settings: KeyGroupsSettings, session: RedisSession, timeout_seconds: float) -> None:
        self._settings = settings
        self._session = session
        self._seconds = timeout_seconds * _SCAN_SHARE
        self._patterns = [(pattern, _compile(pattern)) for pattern in settings.patterns]
        self._samples = settings.memory_samples

    async def collect(self) -> AsyncGenerator[Item, None]:
        started = time.monotonic()
        notes: list[Note] = []
        self._samples = self._settings.memory_samples
        async with self._session.turn() as server:
            tallies = [tally async for tally in self._databases(server, started + self._seconds, notes)]
        for note in notes:
            yield note
        for tally in tallies:
            for item in self._items(tally):
                yield item
        yield DURATION.sample(round((time.monotonic() - started) * 1000))

    async def _databases(self, server: Server, until: float, notes: list[Note]) -> AsyncGenerator[_Tally, None]:
        """Each database gets an equal part of the time and the keys that are left."""
        [answer] = await server.ask(("INFO", "keyspace"))
        names = re.findall(r"^(db\d+):", text(_granted(answer)), re.MULTILINE)
        keys = self._settings.max_keys
        for index, name in enumerate(names):
            left = len(names) - index
            now = time.monotonic()
            selected, size = await server.ask(("SELECT", int(name[2:])), ("DBSIZE",))
            if isinstance(selected, SourceError):
                notes.append(Note(name, f"SELECT: {selected}", selected.outcome))
                continue
            tally = _Tally(name, integer(_granted(size)))
            await self._scan(server, tally, now + (until - now) / left, keys // left, notes)
            keys -= tally.seen
            yield tally

    async def _scan(self, server: Server, tally: _Tally, until: float, max_keys: int, notes: list[Note]) -> None:
        cursor: bytes = b"0"
        while time.monotonic() < until and tally.seen < max_keys:
            [answer] = await server.ask(("SCAN", cursor, "COUNT", _STEP))
            cursor, keys = sequence(_granted(answer), 2)[:2]
            to_weigh = list(self._count(tally, sequence(keys)))
            if to_weigh:
                await self._weigh(server, to_weigh, notes)
            if cursor == b"0":
                tally.is_whole = True
                return

    def _count(self, tally: _Tally, keys: Iterable[Any]) -> Iterator[tuple[_Group, bytes]]:
        """Counts the keys; gives back those that are to be weighed."""
        for key in keys:
            group = self._group(tally.groups, self._name(key))
            tally.seen += 1
            group.count += 1
            if group.count <= self._samples:
                yield group, key

    async def _weigh(self, server: Server, keys: list[tuple[_Group, bytes]], notes: list[Note]) -> None:
        answers = await server.ask(*(("MEMORY", "USAGE", key) for _, key in keys))
        for (group, _), answer in zip(keys, answers, strict=True):
            if isinstance(answer, SourceError):
                notes.append(Note("memory", f"MEMORY USAGE: {answer}", answer.outcome))
                self._samples = 0
                return
            if answer is not None:  # the key may be gone
                group.weighed += 1
                group.weight += integer(answer)

    def _name(self, key: object) -> str:
        name = text(key)[:_KEY_MAX]
        for pattern, compiled in self._patterns:
            if match := compiled.search(name):
                return ("".join(part or "" for part in match.groups()) or pattern)[:_NAME_MAX]
        return _UNCLASSIFIED

    def _group(self, groups: dict[str, _Group], name: str) -> _Group:
        found = groups.get(name)
        if found is None:
            name = name if len(groups) < self._settings.max_groups * _HELD else _OTHER
            found = groups.setdefault(name, _Group())
        return found

    def _items(self, tally: _Tally) -> Iterator[Item]:
        shown, dropped = self._shown(tally.groups)
        ratio = tally.scanned_ratio
        for name, group in shown.items():
            yield COUNT.sample(round(group.count / ratio), tally.name, name)
            if group.weighed:
                yield MEMORY.sample(round(group.estimated_bytes() / ratio), tally.name, name)
        yield DISTINCT.sample(len(tally.groups), tally.name)
        yield SCANNED.sample(ratio, tally.name)
        if dropped:
            yield Note(f"{tally.name} groups", f"{dropped} groups over max_groups are added up", dropped=dropped)
        if not tally.is_whole:
            message = f"{tally.seen} of {tally.size} keys were looked at; the rest is estimated"
            yield Note(f"{tally.name} scan", message)

    def _shown(self, groups: Mapping[str, _Group]) -> tuple[dict[str, _Group], int]:
        """The greatest groups, with all others added up as `other`; and how many those are."""
        ranked = sorted(groups.items(), key=lambda item: (item[0] == _OTHER, -item[1].count))
        shown, rest = dict(ranked[: self._settings.max_groups]), dict(ranked[self._settings.max_groups :])
        if rest:
            count = sum(group.count for group in rest.values())
            weighed = sum(group.weighed for group in rest.values())
            weight = sum(group.estimated_bytes() for group in rest.values())
            # As if all had been weighed: the estimate is made already.
            shown[_OTHER] = _Group(count, count if weighed else 0, round(weight))
        return shown, len(rest.keys() - {_OTHER})


def _compile(pattern: str) -> re.Pattern[str]:
    if "(" in pattern:
        return re.compile(pattern)
    return re.compile(fnmatch.translate(pattern.replace("[^", "[!")))


def _granted(answer: object) -> object:
    """The answer, unless it is a refusal."""
    if isinstance(answer, SourceError):
        raise answer
    return answer


def _build(settings: KeyGroupsSettings | None, timeout_seconds: float, clients: Clients) -> Collector | None:
    if settings is None or not settings.patterns or clients.redis_source is None:
        return None
    return KeyGroupsCollector(settings, clients.redis("keys", timeout_seconds), timeout_seconds)


TYPE = CollectorType(
    name="redis_keys",
    help="keys of Redis by group, by a scan in small steps",
    section=CollectorSection(("redis", "key_groups"), KeyGroupsSettings),
    metrics=METRICS,
    build=_build,
)
