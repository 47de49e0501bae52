"""The pools as a scrape shows them, the largest with their particulars; read in steps, so that others get their turn.

Read from the lines that are ready rather than by a parser: a thousand pools in a few milliseconds. A pool is known by
its whole set of labels, as it stands in the text: names alone need not be distinct.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from math import isfinite
from operator import is_
from typing import NamedTuple

from ...blocks import Block
from ...exposition import Family
from ...store import Store

_AMOUNT = "pool_amount_cents"
_STATUS = "pool_status"
_PARTICULARS = {
    "wins": "wins_total",
    "wonAmount": "pool_last_won_amount_cents",
    "wonAt": "pool_last_won_timestamp_seconds",
    "updatedAt": "pool_last_update_timestamp_seconds",
}

_LINE = re.compile(rb"\{(.*)\} (\S+)\n")
_STATE = re.compile(rb'\{(.*?),status="(\w+)"(.*)\} 1(?:\.0)?\n')
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(r"\\(.)")

Keys = tuple[bytes, ...]
Values = Sequence[float | str | None]
Pair = tuple[bytes, float]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the pools hold, in cents: those below zero and then the largest, by the text of their labels."""

    keys: Keys = ()
    values: array[float] = field(default_factory=lambda: array("d"))
    count: int = 0
    """Of all pools, also those left out; so is `total`."""
    total: float = 0.0
    below_zero: int = 0


@dataclass(frozen=True, slots=True)
class Pools:
    """The same with everything that is known of each, None where something is not."""

    amounts: Amounts
    names: Sequence[str]
    labels: Sequence[str]
    """What tells pools of the same name apart."""
    columns: Mapping[str, Values]


class _Column(NamedTuple):
    """What was read of a family, and of what."""

    keys: Keys
    blocks: Sequence[Block]
    values: Values


class PoolReader:
    """Reads the pools of one store; of each family again only what has changed."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._family: Family | None = None
        self._amounts = Amounts()
        self._pools: Pools | None = None
        self._columns: dict[str, _Column] = {}
        self._told: tuple[Keys, Sequence[str], Sequence[str]] | None = None

    async def amounts(self) -> Amounts:
        family = self._store.family(f"{self._store.namespace}_{_AMOUNT}")
        if family is not self._family:
            found = await _read_amounts(family, self._limit, self._amounts.keys) if family else Amounts()
            self._family, self._amounts, self._pools = family, found, None
        return self._amounts

    async def pools(self) -> Pools:
        """The same object as before when nothing has changed."""
        amounts, before = await self.amounts(), self._pools
        if before is not None:
            return before
        columns = {title: await self._column(name, amounts.keys) for title, name in _PARTICULARS.items()}
        columns["state"] = await self._column(_STATUS, amounts.keys)
        names, labels = self._names(amounts.keys)
        self._pools = Pools(amounts, names, labels, columns)
        return self._pools

    async def _column(self, name: str, keys: Keys) -> Values:
        family = self._store.family(f"{self._store.namespace}_{name}")
        blocks = family.blocks if family else ()
        before = self._columns.get(name)
        if before is not None and before.keys == keys and _are_same(before.blocks, blocks):
            return before.values
        wanted = set(keys)
        found: dict[bytes, float | str] = {}
        async for text in _texts(family):
            pairs: Iterable[tuple[bytes, float | str]] = _states(text) if name == _STATUS else _pairs(text)
            found.update(pair for pair in pairs if pair[0] in wanted)
        self._columns[name] = _Column(keys, blocks, [found.get(key) for key in keys])
        return self._columns[name].values

    def _names(self, keys: Keys) -> tuple[Sequence[str], Sequence[str]]:
        before = self._told
        if before is None or before[0] != keys:
            names, labels = zip(*map(told_apart, keys), strict=True) if keys else ((), ())
            before = self._told = keys, names, labels
        return before[1], before[2]


def _are_same(before: Sequence[Block], now: Sequence[Block]) -> bool:
    """What a collector gives again unchanged is the same text, not an equal one."""
    return len(before) == len(now) and all(map(is_, before, now))


async def _texts(family: Family | None) -> AsyncIterator[bytes]:
    for block in family.blocks if family else ():
        yield block.read()
        await asyncio.sleep(0)


async def _read_amounts(family: Family, limit: int, before: Sequence[bytes]) -> Amounts:
    found: list[Pair] = []
    count = below = 0
    total = 0.0
    async for text in _texts(family):
        pairs = list(_pairs(text))
        count += len(pairs)
        total += sum(value for _, value in pairs)
        below += sum(value < 0 for _, value in pairs)
        found = nlargest(limit, chain(found, pairs), key=_weight) if len(found) + len(pairs) > limit else found + pairs
    found.sort(key=_weight, reverse=True)
    return Amounts(_same(before, [key for key, _ in found]), array("d", [v for _, v in found]), count, total, below)


def _pairs(text: bytes) -> Iterator[Pair]:
    for key, number in _LINE.findall(text):
        value = float(number)
        if isfinite(value):
            yield key, value


def _states(text: bytes) -> Iterator[tuple[bytes, str]]:
    """Which of its states each pool is in."""
    for before, state, behind in _STATE.findall(text):
        yield before + behind, state.decode()


def _weight(pair: Pair) -> tuple[bool, float]:
    return pair[1] < 0, pair[1]


def _same(before: Sequence[bytes], now: Iterable[bytes]) -> Keys:
    """The same keys as objects that are there already: a history of them holds each once."""
    known = {key: key for key in before}
    return tuple(known.get(key, key) for key in now)


def told_apart(key: bytes) -> tuple[str, str]:
    """The name of a pool, and what else its labels say."""
    labels = {name: _unescape(value) for name, value in _LABEL.findall(key.decode(errors="replace"))}
    name = labels.pop("pool", "")
    return name, ", ".join(f"{label} {value}" for label, value in labels.items())


def _unescape(value: str) -> str:
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], value)
