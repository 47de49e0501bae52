"""A health document of any known shape, read as one thing: the overall state, the checks, the numbers.

Tolerant on purpose: services differ in the names of fields, in what they leave out and in what they nest. What cannot
be understood is missing from the result, never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from ._health_checks import Check, checks_of
from ._health_tree import Tree, find, find_seconds, first_status, normalised
from ._health_words import Status, number_of, ratio_of, snake
from ._json_text import Json

_ENVELOPES: Final = ("data", "result", "health", "response", "payload")
_PLATFORM: Final = "services"


@dataclass(frozen=True, slots=True)
class Reading:
    """How the documents of one service are to be read, where they leave it open."""

    words: Mapping[str, Status] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    time_unit_seconds: float = 0.001


@dataclass(frozen=True, slots=True)
class Pool:
    """Connections of the service to its database."""

    by_state: Mapping[str, float]
    max: float | None


@dataclass(frozen=True, slots=True)
class HealthDocument:
    """What a document says; None where it says nothing."""

    status: Status | None
    unknown_word: str | None
    """The word for the overall state, where it means nothing here."""
    checks: Sequence[Check]
    services: Sequence[Check]
    """The services of a platform, when the document tells them from the dependencies."""
    version: str | None
    environment: str | None
    pool: Pool | None
    numbers: Mapping[str, float]
    """By field: uptime, cache_hit_ratio, active_users, requests_per_second, average_response, error_ratio."""


FIELDS: Final[Mapping[str, tuple[str, ...]]] = {
    "status": (),
    "checks": (),
    "version": (
        "release_id", "app_version", "service_version", "version", "build.version", "info.version", "info.app.version",
        "info.build.version", "app.version", "application.version", "service.version", "component.version", "release",
    ),
    "environment": ("environment", "env", "app.environment", "info.environment", "node_env", "stage", "deployment"),
    "uptime": ("uptime", "process.uptime", "system.uptime", "metrics.uptime", "checks.uptime", "info.uptime"),
    "pool": (
        "connection_pool", "pool", "pool_stats", "connection.pool_stats", "database_pool", "db_pool",
        "metrics.connection_pool",
    ),
    "cache_hit_ratio": (
        "cache_hit_rate", "cache_hit_ratio", "metrics.cache_hit_rate", "metrics.cache_hit_ratio",
    ),
    "active_users": ("metrics.active_users", "active_users", "metrics.concurrent_users", "concurrent_users"),
    "requests_per_second": ("metrics.requests_per_second", "requests_per_second", "metrics.rps", "rps"),
    "average_response": (
        "metrics.average_response_time", "average_response_time", "metrics.avg_response_time", "avg_response_time",
    ),
    "error_ratio": ("metrics.error_rate", "error_rate", "metrics.error_ratio", "error_ratio"),
}  # fmt: skip
"""The fields that are looked for, each at these places."""

_POOL_IN_CHECK: Final = (
    "details.connection_pool", "connection_pool", "details.pool", "pool", "details.pool_stats", "pool_stats",
    "details.connections", "connections", "data.pool", "data.connection_pool", "data.connections",
)  # fmt: skip
_HIT_RATIO_IN_CHECK: Final = tuple(
    f"{place}{name}" for place in ("details.", "", "data.") for name in ("hit_rate", "hit_ratio", "cache_hit_rate")
)
_POOL_STATES: Final = {
    "active": ("active", "in_use", "used", "busy", "acquired", "checked_out", "borrowed", "active_connections"),
    "idle": ("idle", "available", "free", "checked_in", "idle_connections"),
    "waiting": ("waiting", "pending", "queued", "awaiting", "threads_awaiting_connection", "waiting_requests"),
}
_POOL_MAX: Final = (
    "max", "max_size", "maximum", "limit", "max_connections", "max_open_connections", "capacity", "maximum_pool_size",
    "pool_size",
)  # fmt: skip


def read_document(document: Json, reading: Reading) -> HealthDocument:
    """What this document says. Never fails: what is not there is None or empty."""
    return _Document(normalised(document), reading).read()


class _Document:
    """One document with how it is to be read."""

    def __init__(self, root: Any, reading: Reading) -> None:
        self._root = _without_envelope(root, reading)
        self._tree: Tree = self._root if isinstance(self._root, dict) else {}
        self._reading = reading

    def read(self) -> HealthDocument:
        checks, services = self._checks()
        status, unknown = self._status()
        return HealthDocument(
            status,
            unknown,
            checks,
            services,
            self._text("version"),
            self._text("environment"),
            self._pool(_of(checks, "database")),
            dict(self._numbers(_of(checks, "cache"))),
        )

    def _places(self, name: str) -> tuple[str, ...]:
        own = self._reading.fields.get(name)
        return (own,) if own else FIELDS[name]

    def _checks(self) -> tuple[Sequence[Check], Sequence[Check]]:
        """The checks, and the services of a platform when the document tells them from its dependencies."""
        if "checks" in self._reading.fields:
            return self._listed(find(self._tree, self._reading.fields["checks"])), ()
        if _PLATFORM in self._tree and "dependencies" in self._tree:
            rest = {key: value for key, value in self._tree.items() if key != _PLATFORM}
            return self._listed(rest), self._listed(self._tree[_PLATFORM])
        return self._listed(self._root), ()

    def _listed(self, found: Any) -> Sequence[Check]:
        reading = self._reading
        return tuple(checks_of(found, reading.words, reading.names, reading.time_unit_seconds))

    def _status(self) -> tuple[Status | None, str | None]:
        path = self._reading.fields.get("status")
        if path is None:
            return first_status(self._tree, self._reading.words)
        place, _, name = path.rpartition(".")
        inner = find(self._tree, place) if place else self._tree
        return first_status(inner, self._reading.words, (snake(name),)) if isinstance(inner, dict) else (None, None)

    def _text(self, name: str) -> str | None:
        for place in self._places(name):
            value = find(self._tree, place)
            if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
                return str(value).strip()[:100]
        return None

    def _numbers(self, cache: Tree) -> Iterator[tuple[str, float]]:
        hit_ratio = None
        if "cache_hit_ratio" not in self._reading.fields:
            hit_ratio = _first_ratio(cache, _HIT_RATIO_IN_CHECK)
        found = {
            "uptime": find_seconds(self._tree, self._places("uptime"), 1.0),
            "average_response": find_seconds(
                self._tree, self._places("average_response"), self._reading.time_unit_seconds
            ),
            "cache_hit_ratio": self._ratio("cache_hit_ratio") if hit_ratio is None else hit_ratio,
            "error_ratio": self._ratio("error_ratio"),
            "active_users": _first_number(self._tree, self._places("active_users")),
            "requests_per_second": _first_number(self._tree, self._places("requests_per_second")),
        }
        yield from ((name, value) for name, value in found.items() if value is not None)

    def _ratio(self, name: str) -> float | None:
        return _first_ratio(self._tree, self._places(name))

    def _pool(self, database: Tree) -> Pool | None:
        candidates = [find(self._tree, place) for place in self._places("pool")]
        if "pool" not in self._reading.fields:
            candidates = [find(database, place) for place in _POOL_IN_CHECK] + candidates
        return next((pool for found in candidates if (pool := _read_pool(found)) is not None), None)


def _without_envelope(root: Any, reading: Reading) -> Any:
    """The document inside `{"success": true, "data": {...}}`."""
    if isinstance(root, dict):
        for key in _ENVELOPES:
            inner = root.get(key)
            if isinstance(inner, dict) and first_status(inner, reading.words)[0]:
                return {**root, **inner}
    return root


def _read_pool(found: Any) -> Pool | None:
    if not isinstance(found, dict):
        return None
    states = {state: _first_number(found, keys) for state, keys in _POOL_STATES.items()}
    by_state = {state: value for state, value in states.items() if value is not None}
    return Pool(by_state, _first_number(found, _POOL_MAX)) if by_state else None


def _of(checks: Sequence[Check], name: str) -> Tree:
    return next((check.source for check in checks if check.name == name), {})


def _first_number(tree: Tree, places: Sequence[str]) -> float | None:
    found = (number_of(find(tree, place)) for place in places)
    return next((value for value in found if value is not None and value >= 0), None)


def _first_ratio(tree: Tree, places: Sequence[str]) -> float | None:
    found = (ratio_of(find(tree, place), is_percent="percent" in place) for place in places)
    return next((ratio for ratio in found if ratio is not None), None)
