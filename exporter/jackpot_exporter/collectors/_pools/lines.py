"""The frames that the pools are shown as: stretches with versions while nothing has to be added up."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from ...model import Column, Frame, MetricSpec, Number
from .changes import Round
from .families import AMOUNT, STATUS, UPDATED_AT
from .stretch import Cells, Deferred, Key, Stretch
from .table import STATES, Table

_FRAME_ROWS = 1024  # renders in about ten milliseconds
_LETTERS = {state[0]: state for state in STATES}


def table_frames(table: Table, label_names: tuple[str, ...], inactive_before: float) -> Iterator[Frame]:
    """The pools of a table in frames small enough to be rendered in one go."""
    specs = {spec: spec.with_labels(*label_names) for spec in table.columns}
    for start in range(0, len(table.keys), _FRAME_ROWS):
        part = slice(start, start + _FRAME_ROWS)
        keys = table.keys[part]
        yield Frame(keys, tuple(Column(specs[spec], values[part]) for spec, values in table.columns.items()))
        nothing = [None] * len(keys)
        amounts, updated = (table.columns[s][part] if s in table.columns else nothing for s in (AMOUNT, UPDATED_AT))
        letters = "".join(_letter(*row, inactive_before) for row in zip(amounts, updated, strict=True))
        column = Column(STATUS.with_labels(*label_names), _flags(letters))
        yield Frame(_status_rows(keys), (column,))


@dataclass(frozen=True, slots=True)
class _States:
    """The first letter of each pool's state, the columns it comes from, and when the first becomes inactive."""

    amounts: Cells | None
    updated: Cells | None
    letters: str
    next_inactive: float


class StretchFrames:
    """Makes frames of stretches; remembers states, which change seldom."""

    def __init__(self) -> None:
        self._states: list[_States] = []

    def frames(self, pools: Round, label_names: tuple[str, ...], inactive_before: float) -> Iterator[Frame]:
        before, self._states = self._states, []
        status = STATUS.with_labels(*label_names)
        specs = [(spec, spec.with_labels(*label_names)) for spec in pools.specs]
        for number, stretch in enumerate(pools.stretches):
            keys = Deferred(stretch.size, stretch.read_keys)
            yield Frame(keys, tuple(_column(shown, stretch, stretch.cells[spec]) for spec, shown in specs))
            states = _states(before[number] if number < len(before) else None, stretch, pools.specs, inactive_before)
            self._states.append(states)
            size = stretch.size * len(STATES)
            rows = Deferred(size, partial(_status_rows, keys))
            flags = Deferred(size, partial(_flags, states.letters))
            yield Frame(rows, (Column(status, flags, (stretch.labels, states.letters)),))


def _column(spec: MetricSpec, stretch: Stretch, cells: Cells) -> Column:
    texts = Deferred(stretch.size, cells.fields) if cells.is_plain else None
    return Column(spec, Deferred(stretch.size, cells.numbers), (stretch.labels, cells.text), texts)


def _states(before: _States | None, stretch: Stretch, specs: Sequence[MetricSpec], inactive_before: float) -> _States:
    amounts, updated = (stretch.cells[spec] if spec in specs else None for spec in (AMOUNT, UPDATED_AT))
    if (
        before is not None
        and before.amounts is amounts
        and before.updated is updated
        and len(before.letters) == stretch.size
        and inactive_before <= before.next_inactive
    ):
        return before
    if _is_at_least(amounts, 0) and _is_at_least(updated, inactive_before):
        lowest = updated.lowest if updated else None
        return _States(amounts, updated, "a" * stretch.size, float("inf") if lowest is None else lowest)
    nothing: list[Number | None] = [None] * stretch.size
    times = updated.numbers() if updated else nothing
    rows = zip(amounts.numbers() if amounts else nothing, times, strict=True)
    letters = "".join([_letter(amount, at, inactive_before) for amount, at in rows])
    active = [at for at in times if at is not None and at >= inactive_before]
    return _States(amounts, updated, letters, min(active, default=float("inf")))


def _is_at_least(cells: Cells | None, limit: float) -> bool:
    return cells is None or (cells.lowest is not None and cells.lowest >= limit)


def _letter(amount: Number | None, updated_at: Number | None, inactive_before: float) -> str:
    if amount is not None and amount < 0:
        return "e"
    return "i" if updated_at is not None and updated_at < inactive_before else "a"


def _status_rows(keys: Sequence[Key]) -> list[tuple[str, ...]]:
    return [(key[0], state, *key[1:]) for key in keys for state in STATES]


def _flags(letters: str) -> list[int]:
    return [int(letter == state) for letter in letters for state in _LETTERS]
