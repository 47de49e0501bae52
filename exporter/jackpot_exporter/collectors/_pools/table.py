"""The pools of one round as columns, and how they become label sets, frames and rows of the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...model import Column, Frame, MetricSpec, Number
from .families import AMOUNT, CONTRIBUTIONS, LAST_WON_AT, STATUS, UPDATED_AT, VERSION, WINS, WINS_CENTS
from .integrity import PoolRow

Key = tuple[str, ...]
"""The label values of a pool: its name and those of the further labels."""

COUNTERS = {CONTRIBUTIONS, WINS, WINS_CENTS}
STATES = ("active", "inactive", "error")
_SUMMED = {AMOUNT, *COUNTERS}
_LATEST = {LAST_WON_AT, UPDATED_AT}
_OTHER = "other"
_FRAME_ROWS = 1024  # renders in about ten milliseconds


@dataclass(frozen=True, slots=True)
class Table:
    """A label set for each pool, and the values of each family."""

    keys: Sequence[Key]
    columns: Mapping[MetricSpec, Sequence[Number | None]]

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
        self._shown: dict[Key, None] = {}

    def apply(self, table: Table) -> tuple[Table, int]:
        """The pools within the limit and one called other for the rest; with the number of pools in other."""
        limit = self._max_series // series_per_pool(table)
        present = dict.fromkeys(table.keys)
        if len(present) <= limit:
            self._shown = present
            return table, 0
        still = (key for key in self._shown if key in present)
        self._shown = dict.fromkeys(list(dict.fromkeys([*still, *table.keys]))[: limit - 1])
        keys = [key if key in self._shown else tuple(_OTHER for _ in key) for key in table.keys]
        return table.gathered(keys), len(present) - len(self._shown)


def series_per_pool(table: Table) -> int:
    return len(table.columns) + len(STATES)


def ledger_rows(table: Table) -> Iterator[tuple[Key, PoolRow]]:
    nothing: Sequence[None] = [None] * len(table.keys)
    wins = WINS_CENTS if WINS_CENTS in table.columns else WINS
    columns = [table.columns.get(spec, nothing) for spec in (AMOUNT, CONTRIBUTIONS, wins, VERSION, UPDATED_AT)]
    for key, row in zip(table.keys, zip(*columns, strict=True), strict=True):
        yield key, PoolRow(*row)


def frames(table: Table, label_names: tuple[str, ...], inactive_before: float) -> Iterator[Frame]:
    """The pools in frames small enough to be rendered in one go."""
    specs = {spec: spec.with_labels(*label_names) for spec in table.columns}
    status = STATUS.with_labels(*label_names)
    for start in range(0, len(table.keys), _FRAME_ROWS):
        part = slice(start, start + _FRAME_ROWS)
        keys = table.keys[part]
        yield Frame(keys, tuple(Column(specs[spec], values[part]) for spec, values in table.columns.items()))
        amounts = table.columns[AMOUNT][part] if AMOUNT in table.columns else [None] * len(keys)
        updated = table.columns[UPDATED_AT][part] if UPDATED_AT in table.columns else [None] * len(keys)
        states = [_state(*row, inactive_before) for row in zip(amounts, updated, strict=True)]
        rows = [(key[0], state, *key[1:]) for key in keys for state in STATES]
        flags = [int(state == found) for found in states for state in STATES]
        yield Frame(rows, (Column(status, flags),))


def _state(amount: Number | None, updated_at: Number | None, inactive_before: float) -> str:
    if amount is not None and amount < 0:
        return "error"
    return "inactive" if updated_at is not None and updated_at < inactive_before else "active"
