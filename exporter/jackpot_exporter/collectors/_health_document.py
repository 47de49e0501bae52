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
    root = _without_envelope(normalised(document), reading)
    tree = root if isinstance(root, dict) else {}
    listed = find(tree, reading.fields["checks"]) if "checks" in reading.fields else root
    checks = tuple(checks_of(listed, reading.words, reading.names, reading.time_unit_seconds))
    status, unknown = _status(tree, reading)
    services: tuple[Check, ...] = ()
    if _PLATFORM in tree and "dependencies" in tree:
        services = tuple(checks_of(tree[_PLATFORM], reading.words, reading.names, reading.time_unit_seconds))
        rest = {key: value for key, value in tree.items() if key != _PLATFORM}
        checks = tuple(checks_of(rest, reading.words, reading.names, reading.time_unit_seconds))
    return HealthDocument(
        status,
        unknown,
        checks,
        services,
        _text(tree, "version", reading),
        _text(tree, "environment", reading),
        _pool(tree, checks, reading),
        dict(_numbers(tree, checks, reading)),
    )


def _without_envelope(root: Any, reading: Reading) -> Any:
    """The document inside `{"success": true, "data": {...}}`."""
    if not isinstance(root, dict):
        return root
    for key in _ENVELOPES:
        inner = root.get(key)
        if isinstance(inner, dict) and first_status(inner, reading.words)[0]:
            return {**root, **inner}
    return root


def _status(tree: Tree, reading: Reading) -> tuple[Status | None, str | None]:
    if path := reading.fields.get("status"):
        steps = path.rsplit(".", 1)
        inner = find(tree, steps[0]) if len(steps) == 2 else tree
        return first_status(inner, reading.words, (snake(steps[-1]),)) if isinstance(inner, dict) else (None, None)
    return first_status(tree, reading.words)


def _places(name: str, reading: Reading) -> tuple[str, ...]:
    own = reading.fields.get(name)
    return (own,) if own else FIELDS[name]


def _text(tree: Tree, name: str, reading: Reading) -> str | None:
    for place in _places(name, reading):
        value = find(tree, place)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            return str(value).strip()[:100]
    return None


def _numbers(tree: Tree, checks: Sequence[Check], reading: Reading) -> Iterator[tuple[str, float]]:
    uptime = find_seconds(tree, _places("uptime", reading), 1.0)
    average = find_seconds(tree, _places("average_response", reading), reading.time_unit_seconds)
    found = {
        "uptime": uptime,
        "average_response": average,
        "cache_hit_ratio": _first_ratio(_of(checks, "cache"), _HIT_RATIO_IN_CHECK)
        if "cache_hit_ratio" not in reading.fields
        else None,
        "error_ratio": _first_ratio(tree, _places("error_ratio", reading)),
        **{name: _first_number(tree, _places(name, reading)) for name in ("active_users", "requests_per_second")},
    }
    if found["cache_hit_ratio"] is None:
        found["cache_hit_ratio"] = _first_ratio(tree, _places("cache_hit_ratio", reading))
    yield from ((name, value) for name, value in found.items() if value is not None)


def _of(checks: Sequence[Check], name: str) -> Tree:
    return next((check.source for check in checks if check.name == name), {})


def _first_number(tree: Tree, places: Sequence[str]) -> float | None:
    found = (number_of(find(tree, place)) for place in places)
    return next((value for value in found if value is not None and value >= 0), None)


def _first_ratio(tree: Tree, places: Sequence[str]) -> float | None:
    for place in places:
        ratio = ratio_of(find(tree, place), is_percent="percent" in place)
        if ratio is not None:
            return ratio
    return None


def _pool(tree: Tree, checks: Sequence[Check], reading: Reading) -> Pool | None:
    candidates = [find(tree, place) for place in _places("pool", reading)]
    if "pool" not in reading.fields:
        candidates = [find(_of(checks, "database"), place) for place in _POOL_IN_CHECK] + candidates
    for found in candidates:
        if not isinstance(found, dict):
            continue
        states = {state: _first_number(found, keys) for state, keys in _POOL_STATES.items()}
        by_state = {state: value for state, value in states.items() if value is not None}
        if by_state:
            return Pool(by_state, _first_number(found, _POOL_MAX))
    return None
