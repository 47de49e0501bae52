"""What changed between two rounds: the rows that differ, and the pools that are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...model import MetricSpec
from .families import AMOUNT, CONTRIBUTIONS, UPDATED_AT, VERSION, WINS, WINS_CENTS
from .integrity import PoolRow
from .stretch import Cells, Key, Stretch
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
    old_rows, new_rows = await asyncio.to_thread(_rows, before), await asyncio.to_thread(_rows, now)
    changed = ((key, old_rows.get(key), row) for key, row in new_rows.items() if old_rows.get(key) != row)
    return changed, old_rows.keys() - new_rows.keys()


def _rows(pools: Round) -> Mapping[Key, PoolRow]:
    table = pools.table()
    nothing = [None] * len(table.keys)
    columns = [table.columns[spec] if spec else nothing for spec in pools.ledger_specs()]
    return {key: PoolRow(*row) for key, row in zip(table.keys, zip(*columns, strict=True), strict=True)}


def _changed_rows(old: Stretch, new: Stretch, specs: Sequence[MetricSpec | None]) -> Iterator[Change]:
    places: set[int] = set()
    for spec in filter(None, specs):
        if new.cells[spec] is not old.cells[spec]:
            pairs = zip(old.cells[spec].fields(), new.cells[spec].fields(), strict=True)
            places.update(place for place, (was, field) in enumerate(pairs) if was != field)
    if places:
        keys, order = new.read_keys(), sorted(places)
        for place, was, row in zip(order, _rows_at(old, specs, order), _rows_at(new, specs, order), strict=True):
            yield keys[place], was, row


def _rows_at(stretch: Stretch, specs: Sequence[MetricSpec | None], places: Sequence[int]) -> Iterator[PoolRow]:
    columns = [_numbers_at(stretch.cells[spec], places) if spec else [None] * len(places) for spec in specs]
    return (PoolRow(*row) for row in zip(*columns, strict=True))


def _numbers_at(cells: Cells, places: Sequence[int]) -> list[int | float | None]:
    fields = cells.fields()
    return [cells.number(fields[place]) for place in places]
