"""The pools as a scrape shows them, the largest with their particulars; read in steps, so that others get their turn.

Read from the lines that are ready rather than by a parser: a thousand pools in a few milliseconds. A pool is known by
its whole set of labels, as it stands in the text: names alone need not be distinct.
"""

from __future__ import annotations

import asyncio
import re
from array import array
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from itertools import chain
from math import isfinite

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

Pair = tuple[bytes, float]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What the pools hold, in cents: those below zero and then the largest, by the text of their labels."""

    keys: tuple[bytes, ...] = ()
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
    columns: Mapping[str, Sequence[float | str | None]]


class PoolReader:
    """Reads the pools of one store; again only when they have changed."""

    def __init__(self, store: Store, limit: int) -> None:
        self._store = store
        self._limit = limit
        self._family: Family | None = None
        self._amounts = Amounts()
        self._pools: Pools | None = None

    async def amounts(self) -> Amounts:
        family = self._store.family(f"{self._store.namespace}_{_AMOUNT}")
        if family is not self._family:
            found = await _read_amounts(family, self._limit, self._amounts.keys) if family else Amounts()
            self._family, self._amounts, self._pools = family, found, None
        return self._amounts

    async def pools(self) -> Pools:
        """The same object as before when nothing has changed."""
        amounts = await self.amounts()
        if self._pools is None:
            self._pools = await self._particulars(amounts)
        return self._pools

    async def _particulars(self, amounts: Amounts) -> Pools:
        wanted = set(amounts.keys)
        columns: dict[str, Sequence[float | str | None]] = {}
        for title, name in _PARTICULARS.items():
            values = {key: value async for key, value in self._values(name, wanted)}
            columns[title] = [values.get(key) for key in amounts.keys]
        states = {key: state async for key, state in self._states(wanted)}
        columns["state"] = [states.get(key) for key in amounts.keys]
        names, labels = zip(*map(told_apart, amounts.keys), strict=True) if amounts.keys else ((), ())
        return Pools(amounts, names, labels, columns)

    async def _values(self, name: str, wanted: Collection[bytes]) -> AsyncIterator[Pair]:
        family = self._store.family(f"{self._store.namespace}_{name}")
        async for text in _texts(family):
            for key, value in _pairs(text):
                if key in wanted:
                    yield key, value

    async def _states(self, wanted: Collection[bytes]) -> AsyncIterator[tuple[bytes, str]]:
        async for text in _texts(self._store.family(f"{self._store.namespace}_{_STATUS}")):
            for before, state, behind in _STATE.findall(text):
                if (key := before + behind) in wanted:
                    yield key, state.decode()


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


def _weight(pair: Pair) -> tuple[bool, float]:
    return pair[1] < 0, pair[1]


def _same(before: Sequence[bytes], now: Iterable[bytes]) -> tuple[bytes, ...]:
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
