"""The pools of one round as columns of numbers, for what has to add pools up; and the cap on how many are shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...model import MetricSpec, Number
from .families import AMOUNT, LAST_WON_AT, UPDATED_AT
from .stretch import COUNTERS, Key, Stretch

STATES = ("active", "inactive", "error")
_SUMMED = {AMOUNT, *COUNTERS}
_LATEST = {LAST_WON_AT, UPDATED_AT}
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Table:
    """A label set for each pool, and the values of each family."""

    keys: Sequence[Key]
    columns: Mapping[MetricSpec, Sequence[Number | None]]

    @classmethod
    def of(cls, stretches: Sequence[Stretch], specs: Sequence[MetricSpec]) -> Table:
        keys = [key for stretch in stretches for key in stretch.read_keys()]
        return cls(keys, {spec: [v for s in stretches for v in s.cells[spec].numbers()] for spec in specs})

    def gathered(self, keys: Sequence[Key]) -> Table:
        """Rows of the same key made one: money and counts added, times the latest, the rest left out."""
        where: dict[Key, int] = {}
        for key in keys:
            where.setdefault(key, len(where))
        alone = [0] * len(where)
        for key in keys:
            alone[where[key]] += 1
        columns: dict[MetricSpec, list[Number | None]] = {spec: [None] * len(where) for spec in self.columns}
        for spec, values in self.columns.items():
            out = columns[spec]
            for key, value in zip(keys, values, strict=True):
                at = where[key]
                if alone[at] == 1:
                    out[at] = value
                elif value is not None and spec in _SUMMED:
                    out[at] = (out[at] or 0) + value
                elif value is not None and spec in _LATEST:
                    out[at] = max(out[at] or 0, value)
        return Table(list(where), columns)


class Cap:
    """Which pools are shown by name; those once shown stay shown, so that their counters go on."""

    def __init__(self, max_series: int) -> None:
        self._max_series = max_series
        self._shown: Sequence[Key] = ()

    def holds(self, pools: int, families: int) -> bool:
        """Whether so many pools, distinct and with so many families of values, are within the limit."""
        return pools <= self._limit(families)

    def show(self, keys: Sequence[Key]) -> None:
        """All of them are shown."""
        self._shown = keys

    def apply(self, table: Table) -> tuple[Table, int]:
        """The pools within the limit and one called other for the rest; with the number of pools in other."""
        shown = dict.fromkeys(self._shown)
        present = dict.fromkeys(table.keys)
        if len(present) <= self._limit(len(table.columns)):
            self._shown = list(present)
            return table, 0
        still = (key for key in shown if key in present)
        shown = dict.fromkeys(list(dict.fromkeys([*still, *table.keys]))[: self._limit(len(table.columns)) - 1])
        self._shown = list(shown)
        keys = [key if key in shown else tuple(_OTHER for _ in key) for key in table.keys]
        return table.gathered(keys), len(present) - len(shown)

    def _limit(self, families: int) -> int:
        return self._max_series // series_per_pool(families)


def series_per_pool(families: int) -> int:
    """The series of a pool with so many families of values."""
    return families + len(STATES)
