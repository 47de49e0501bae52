"""The checks of a health document: where they are listed, what each says, and which are groups of others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from ._health_tree import STATUS_KEYS, Tree, find, find_seconds, first_status
from ._health_words import Status, check_name, seconds_of, snake, status_of, unit_seconds, worst

_CONTAINERS: Final = (
    "checks", "components", "entries", "results", "dependencies", "services", "health_checks", "subsystems",
    "external_services", "indicators", "details",
)  # fmt: skip
"""Where checks are listed."""
_SECOND_CHOICE: Final = ("info", "error")
"""Where Terminus lists them as well, apart by their state."""
_FAILURES: Final = "failures"

_MEMBERS: Final = ("details.services", "services", "components", "details.components", "checks", "dependencies")
"""Where a check lists the members of which it is made."""
_GROUPS: Final = {
    "external_services", "externals", "external", "dependencies", "services", "downstream", "third_party", "partners",
    "integrations",
}  # fmt: skip
"""Checks that are nothing but their members, which stand for themselves."""

_NAMES: Final = ("name", "id", "component", "service", "service_name", "check", "check_id", "component_id", "title")
_TIMES: Final = (
    "response_time", "latency", "duration", "elapsed", "elapsed_time", "took", "ping", "round_trip_time",
    "details.response_time", "details.latency", "details.duration", "data.response_time", "data.latency",
)  # fmt: skip
_NO_CHECKS: Final = {"uptime", "metrics", "data", "info", "environment"}
_WELL_KNOWN: Final = {"database", "cache"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that the service looked at."""

    name: str
    status: Status | None
    response_seconds: float | None
    source: Tree
    """The object it was read from, for what is particular to a database or a cache."""
    unknown_word: str | None = None
    is_group: bool = False


@dataclass(frozen=True, slots=True)
class _Reader:
    words: Mapping[str, Status]
    names: Mapping[str, str]
    unit: float

    def container(self, found: Any, prefix: str = "") -> Iterator[Check]:
        if isinstance(found, dict):
            for key, value in found.items():
                yield from self.check(key, value, prefix)
        elif isinstance(found, list):
            for value in found:
                name = next((value[k] for k in _NAMES if isinstance(value.get(k), str)), None) if _is(value) else None
                if name:
                    yield from self.check(name, value, prefix)

    def check(self, name: str, value: Any, prefix: str = "") -> Iterator[Check]:
        """The check and, when it is a group, its members. Nothing when this is no check."""
        label = self.name(name.partition(":")[0], prefix)
        if not label or label in _NO_CHECKS:
            return
        if isinstance(value, list):
            yield from self.measurements(label, name, value)
        elif isinstance(value, dict):
            yield from self.detailed(label, value)
        elif (status := status_of(value, self.words)) is not None:
            yield Check(label, status, None, {})

    def name(self, name: str, prefix: str = "") -> str:
        plain = check_name(name)
        plain = self.names.get(snake(name), self.names.get(plain, plain))
        return f"{prefix}_{plain}" if prefix else plain

    def detailed(self, label: str, value: Tree) -> Iterator[Check]:
        status, unknown = first_status(value, self.words)
        seconds = find_seconds(value, _TIMES, self.unit)
        members = next((m for m in (find(value, place) for place in _MEMBERS) if isinstance(m, dict | list)), None)
        is_group = label in _GROUPS
        found = list(self.container(members, "" if is_group else label)) if members is not None else []
        if status is not None or seconds is not None or unknown is not None:
            yield Check(label, status, seconds, value, unknown, is_group=is_group and bool(found))
        yield from found

    def measurements(self, label: str, name: str, values: list[Any]) -> Iterator[Check]:
        """Those of one component in health+json: the worst state, and the time when it is one."""
        statuses, times, source = [], [], {}
        for value in filter(_is, values):
            statuses.append(first_status(value, self.words)[0])
            source = value
            unit = unit_seconds(value.get("observed_unit"))
            if unit is not None and _TIME_NAMES.intersection(snake(name.partition(":")[2]).split("_")):
                times.append(seconds_of(value.get("observed_value"), unit))
        status = worst(*statuses)
        if status is not None:
            yield Check(label, status, max((t for t in times if t is not None), default=None), source)


_TIME_NAMES: Final = {"time", "latency", "duration"}


def checks_of(root: Any, words: Mapping[str, Status], names: Mapping[str, str], unit: float) -> Iterator[Check]:
    """The checks that a document lists, each name once: the worst state and the longest time count."""
    reader = _Reader(words, names, unit)
    merged: dict[str, Check] = {}
    for check in _listed(root, reader):
        known = merged.get(check.name)
        merged[check.name] = check if known is None else _merge(known, check)
    yield from merged.values()


def _listed(root: Any, reader: _Reader) -> Iterator[Check]:
    if isinstance(root, list):
        yield from reader.container(root)
        return
    if not isinstance(root, dict):
        return
    found: list[Check] = []
    for name in _CONTAINERS:
        found += reader.container(root.get(name))
    if not found:
        for name in _SECOND_CHOICE:
            found += reader.container(root.get(name))
    failures = root.get(_FAILURES)
    if isinstance(failures, dict):
        found += [Check(reader.name(name), Status.UNHEALTHY, None, {}) for name in failures if reader.name(name)]
    yield from found or _at_the_top(root, reader)


def _at_the_top(root: Tree, reader: _Reader) -> Iterator[Check]:
    """Checks that stand beside the overall state: `{"database": "ok"}`."""
    has_state = first_status(root, reader.words)[0] is not None
    for key, value in root.items():
        if key in STATUS_KEYS or key in _NO_CHECKS:
            continue
        name = reader.name(key)
        # A word beside an overall state may mean anything (`"mode": "active"`), except for what is well known.
        is_plain = isinstance(value, str) and (not has_state or name in _WELL_KNOWN)
        if is_plain or (isinstance(value, dict) and isinstance(value.get("status"), str)):
            yield from (check for check in reader.check(key, value) if check.status is not None)


def _merge(one: Check, other: Check) -> Check:
    times = [t for t in (one.response_seconds, other.response_seconds) if t is not None]
    return replace(
        one,
        status=worst(one.status, other.status),
        response_seconds=max(times, default=None),
        source=one.source or other.source,
        unknown_word=one.unknown_word or other.unknown_word,
    )


def _is(value: Any) -> bool:
    return isinstance(value, dict)
