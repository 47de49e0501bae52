"""What a log adds up to, as numbers: to be saved, shown and summed up over several logs."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ...observations import Observations
from ...operations import DURATION_BOUNDS, Outcome
from ...words import LEVELS, OTHER


class TotalsState(msgspec.Struct):
    """The totals as they stand on disk."""

    operations: list[tuple[str, str, int]] = []
    database: dict[str, int] = {}
    errors: dict[str, int] = {}
    messages: dict[str, int] = {}
    bad_lines: dict[str, int] = {}
    config_changes: int = 0
    durations: dict[str, tuple[list[int], float]] = {}


class Totals:
    """Counts by label values; the known ones are there from the start, at 0."""

    def __init__(self, operations: Iterable[str] = (), error_types: Iterable[str] = ()) -> None:
        names = list(operations)
        self.operations = {(name, outcome.value): 0 for name in names for outcome in Outcome}
        self.database = {Outcome.SUCCESS.value: 0, Outcome.ERROR.value: 0}
        self.errors = dict.fromkeys(error_types, 0)
        self.messages = dict.fromkeys((*LEVELS, OTHER), 0)
        self.bad_lines = {"not_json": 0, "duration": 0, "too_long": 0, "unfinished": 0}
        self.config_changes = {(): 0}
        self.durations = {name: Observations(DURATION_BOUNDS) for name in names}

    def copy(self) -> Totals:
        """The same numbers, which no longer change."""
        return copy.deepcopy(self)

    def add(self, other: Totals) -> None:
        """Add another log's totals; label values that only it has are taken over."""
        for own, more in zip(self._counters(), other._counters(), strict=True):
            for key, count in more.items():
                own[key] = own.get(key, 0) + count
        for name, durations in other.durations.items():
            self.durations.setdefault(name, Observations(DURATION_BOUNDS)).merge(durations)

    def state(self) -> TotalsState:
        """What `restore` takes."""
        return TotalsState(
            [(*key, count) for key, count in self.operations.items()],
            self.database,
            self.errors,
            self.messages,
            self.bad_lines,
            self.config_changes[()],
            {name: durations.counted() for name, durations in self.durations.items()},
        )

    def restore(self, state: TotalsState) -> None:
        """Add saved totals; operations that the settings no longer have are left out."""
        for operation, outcome, count in state.operations:
            _add(self.operations, {(operation, outcome): count})
        _add(self.database, state.database)
        _add(self.messages, state.messages)
        _add(self.bad_lines, state.bad_lines)
        self.errors.update({name: self.errors.get(name, 0) + count for name, count in state.errors.items()})
        self.config_changes[()] += state.config_changes
        for name, (counts, total) in state.durations.items():
            if name in self.durations and len(counts) == len(DURATION_BOUNDS) + 1:
                self.durations[name].add(counts, total)

    def _counters(self) -> tuple[dict[Any, int], ...]:
        return self.operations, self.database, self.errors, self.messages, self.bad_lines, self.config_changes


def _add(counts: dict[Any, int], saved: Mapping[Any, int]) -> None:
    for key, count in saved.items():
        if key in counts:
            counts[key] += count
