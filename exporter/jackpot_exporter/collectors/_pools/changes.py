"""What changed between two rounds: the rows that differ, and the pools that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...model import MetricSpec
from .copy_text import split_columns
from .families import AMOUNT, CONTRIBUTIONS, UPDATED_AT, VERSION, WINS, WINS_CENTS
from .integrity import PoolRow
from .stretch import Key, Stretch, keys_of
from .table import Table

Change = tuple[Key, PoolRow | None, PoolRow]
"""A pool, its row in the round before if it had one, and its row now."""


@dataclass(frozen=True, slots=True)
class Round:
    """The pools of one round; `specs` are the families whose columns hold numbers throughout."""

    stretches: Sequence[Stretch] = ()
    specs: Sequence[MetricSpec] = ()
    is_distinct: bool = True

    @property
    def size(self) -> int:
        return sum(stretch.size for stretch in self.stretches)

    def read_keys(self) -> list[Key]:
        return [key for stretch in self.stretches for key in stretch.read_keys()]

    def table(self) -> Table:
        """One row for each key."""
        table = Table.of(self.stretches, self.specs)
        return table if self.is_distinct else table.gathered(table.keys)

    def has_keys_of(self, other: Round) -> bool:
        """Whether the keys are the same in the same places."""
        return [stretch.labels for stretch in self.stretches] == [stretch.labels for stretch in other.stretches]

    def ledger_specs(self) -> list[MetricSpec | None]:
        wins = WINS_CENTS if WINS_CENTS in self.specs else WINS
        return [spec if spec in self.specs else None for spec in (AMOUNT, CONTRIBUTIONS, wins, VERSION, UPDATED_AT)]


async def changes(before: Round, now: Round) -> tuple[Iterator[Change], Collection[Key]]:
    """The rows that differ, or have no row before; and the keys that are gone."""
    if now.is_distinct and before.is_distinct and before.specs == now.specs and now.has_keys_of(before):
        specs = now.ledger_specs()
        pairs = zip(before.stretches, now.stretches, strict=True)
        return (change for old, new in pairs for change in _changed_rows(old, new, specs)), ()
    if now.is_distinct and not before.stretches:
        return (change for new in now.stretches for change in _new_rows(new, now.ledger_specs())), ()
    old_rows, new_rows = await asyncio.to_thread(_rows, before), await asyncio.to_thread(_rows, now)
    changed = ((key, old_rows.get(key), row) for key, row in new_rows.items() if old_rows.get(key) != row)
    return changed, old_rows.keys() - new_rows.keys()


def _rows(pools: Round) -> Mapping[Key, PoolRow]:
    table = pools.table()
    nothing = [None] * len(table.keys)
    columns = [table.columns[spec] if spec else nothing for spec in pools.ledger_specs()]
    return {key: PoolRow(*row) for key, row in zip(table.keys, zip(*columns, strict=True), strict=True)}


def _changed_rows(old: Stretch, new: Stretch, specs: Sequence[MetricSpec | None]) -> Iterator[Change]:
    if old is new:
        return
    pairs = [(was, row) for was, row in zip(old.rows(), new.rows(), strict=True) if was != row]
    _, before = _parsed(old, [was for was, _ in pairs], specs)
    keys, after = _parsed(new, [row for _, row in pairs], specs)
    yield from zip(keys, before, after, strict=True)


def _new_rows(new: Stretch, specs: Sequence[MetricSpec | None]) -> Iterator[Change]:
    keys, rows = _parsed(new, new.rows(), specs)
    return ((key, None, row) for key, row in zip(keys, rows, strict=True))


def _parsed(
    stretch: Stretch, rows: Sequence[str], specs: Sequence[MetricSpec | None]
) -> tuple[Sequence[Key], Iterator[PoolRow]]:
    """The keys and the values of some rows of a stretch."""
    labels = len(stretch.labels)
    columns = split_columns("\n".join(rows), labels + len(stretch.cells))
    values = dict(zip(stretch.cells, columns[labels:], strict=True))
    nothing = [None] * len(rows)
    numbers = [stretch.cells[spec].numbers_of(values[spec]) if spec else nothing for spec in specs]
    return keys_of(columns[:labels]), map(PoolRow, *numbers)
