"""Counts the entries of a log.

Entries that look alike (same level, operation, stage, success, error type) share a route: what to count was worked
out once, and for each entry there is only a lookup and an increment.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ...model import Exemplar
from ...observations import Observations
from ...operations import LONGEST_SECONDS, Outcome, failure_outcome
from ...words import FAILURES, ErrorTypes, correlation_label, level_of, unix_seconds
from .entry import BadLineError, EntryReader, Key
from .settings import LogSettings
from .totals import Totals, TotalsState

_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MOST_ROUTES = 500
_LONG_KEY = 200


@dataclass(slots=True)
class _Route:
    """What one look of entries counts towards."""

    cells: tuple[tuple[dict[Any, int], Any], ...]
    durations: Observations | None
    latest: dict[int, Any] | None
    entries: int = 0


class Counts:
    """Counts lines into `totals`, going on from saved ones."""

    def __init__(self, settings: LogSettings, state: TotalsState) -> None:
        names = dict.fromkeys(settings.operations.values())
        self._settings = settings
        self._reader = EntryReader(settings.fields)
        self._factor = _SECONDS[settings.duration_unit]
        self._error_types = ErrorTypes(settings.error_types, settings.max_error_types)
        self._routes: dict[Key, _Route] = {}
        self._is_odd = False
        self._latest: dict[str, dict[int, Any]] = {name: {} for name in names}
        self.last_entry_at: float | None = None
        self.totals = Totals(names, self._error_types)
        self.totals.restore(state)
        for name in state.errors:
            self._error_types.admit(name)

    def count(self, lines: Iterable[bytes]) -> None:
        """Count complete lines. Empty ones are none."""
        read, key_of, duration_of, routes = self._reader.read, self._reader.key, self._reader.duration, self._routes
        factor = self._factor
        longest = LONGEST_SECONDS / factor
        entry = None
        for line in lines:
            try:
                entry = read(line)
            except BadLineError:
                if line.strip(b" \t\r\0"):
                    self.totals.bad_lines["not_json"] += 1
                continue
            key = key_of(entry)
            route = routes.get(key) or self._add_route(key, entry)
            route.entries += 1
            if route.durations is not None and (duration := duration_of(entry)) is not None:
                if type(duration) in (int, float) and 0 <= duration <= longest:  # type: ignore[operator]
                    route.latest[route.durations.observe(duration * factor)] = entry  # type: ignore[index, operator]
                else:
                    self.totals.bad_lines["duration"] += 1
        self._settle(entry)

    def count_last(self, line: bytes) -> None:
        """Count what stands behind the last line break of a finished file: a whole entry, or a cut one."""
        try:
            self._reader.read(line)
        except BadLineError:
            self.totals.bad_lines["unfinished"] += bool(line.strip(b" \t\r\0"))
        else:
            self.count([line])

    def _add_route(self, key: Key, entry: Any) -> _Route:
        if len(self._routes) >= _MOST_ROUTES:
            self._sum_up()
            self._routes.clear()
        # A log may hold endless different words, and long ones: those are not kept beyond these lines.
        self._is_odd |= sum(len(part) for part in key if isinstance(part, str)) > _LONG_KEY
        route = self._routes[key] = self._route(key, self._reader.personal(entry))
        return route

    def _route(self, key: Key, personal: Sequence[str]) -> _Route:
        level, operation, stage, success, error_type = key
        settings = self._settings
        cells: list[tuple[dict[Any, int], Any]] = [(self.totals.messages, level_of(level))]
        name = settings.operations.get(str(operation))
        if name is not None and str(stage) in settings.not_finished:
            return _Route(tuple(cells), None, None)
        is_failure = level_of(level) in FAILURES
        if name is not None:
            outcome = self._outcome(stage, success, error_type, is_failure=is_failure)
            is_failure = outcome is not Outcome.SUCCESS
            cells.append((self.totals.operations, (name, outcome.value)))
            if name in settings.database.operations and (served := self._served(error_type, is_failure=is_failure)):
                cells.append((self.totals.database, served.value))
        if is_failure:
            label = self._error_types.label(error_type, personal)
            self.totals.errors.setdefault(label, 0)
            cells.append((self.totals.errors, label))
        if str(operation) in settings.config_changes and not is_failure:
            cells.append((self.totals.config_changes, ()))
        return _Route(tuple(cells), self.totals.durations.get(name or ""), self._latest.get(name or ""))

    def _outcome(self, stage: object, success: object, error_type: object, *, is_failure: bool) -> Outcome:
        # 0 and 1 are equal to False and True, and such entries share a route.
        said = self._settings.outcomes.get(str(stage))
        if success == 0 and said in (None, Outcome.SUCCESS):
            said = Outcome.ERROR
        if said is None and success != 1:
            said = Outcome.ERROR if is_failure else Outcome.SUCCESS
        return failure_outcome(error_type) if said is Outcome.ERROR else said or Outcome.SUCCESS

    def _served(self, error_type: object, *, is_failure: bool) -> Outcome | None:
        if not is_failure:
            return Outcome.SUCCESS
        return Outcome.ERROR if error_type in self._settings.database.error_types else None

    def _settle(self, entry: Any) -> None:
        """After some lines: sums up the routes, and turns the last entry of each bucket into its exemplar."""
        self._sum_up()
        if entry is not None:
            self.last_entry_at = unix_seconds(self._reader.timestamp(entry)) or self.last_entry_at
        for name, latest in self._latest.items():
            for index, seen in latest.items():
                self._mark(self.totals.durations[name], index, seen)
            latest.clear()

    def _sum_up(self) -> None:
        for route in self._routes.values():
            if route.entries:
                for cells, key in route.cells:
                    cells[key] += route.entries
                route.entries = 0
        if self._is_odd:
            self._routes.clear()
            self._is_odd = False

    def _mark(self, durations: Observations, index: int, entry: Any) -> None:
        reader = self._reader
        found = correlation_label(reader.correlation_id(entry), reader.personal(entry))
        if found is not None:
            value = float(reader.duration(entry) or 0) * self._factor
            durations.mark(index, Exemplar((("correlation_id", found),), value, unix_seconds(reader.timestamp(entry))))
