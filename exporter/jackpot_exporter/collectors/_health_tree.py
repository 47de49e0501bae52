"""A JSON document with its keys in one spelling, and finding things in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from ._health_words import Status, seconds_of, snake, split_unit, status_of, unit_seconds
from ._json_text import Json

Tree = dict[str, Any]

_DEPTH_MAX: Final = 12
_NODES_MAX: Final = 5000

STATUS_KEYS: Final = (
    "status", "overall_status", "health_status", "state", "serving_status", "health", "overall", "healthy",
    "is_healthy", "ok", "up", "is_up", "alive", "connected", "is_connected", "available", "reachable", "passing",
    "success", "result",
)  # fmt: skip


def normalised(document: Json) -> Any:
    """The document with snake-case keys; what is nested or numerous beyond reason is left out.

    A colon in a key stays: in health+json it parts the component from what is measured.
    """
    left = [_NODES_MAX]

    def copy(value: Any, depth: int) -> Any:
        left[0] -= 1
        if depth > _DEPTH_MAX or left[0] < 0:
            return None
        if isinstance(value, dict):
            return {_key(key): copy(inner, depth + 1) for key, inner in _few(value.items(), left)}
        if isinstance(value, list):
            return [copy(inner, depth + 1) for inner in _few(value, left)]
        return value

    return copy(document, 0)


def _few(values: Any, left: list[int]) -> Iterator[Any]:
    for value in values:
        if left[0] < 0:
            return
        yield value


def _key(key: str) -> str:
    return ":".join(map(snake, key.split(":", 1))) if ":" in key else snake(key)


def find(tree: Any, path: str) -> Any:
    """What stands at `details.pool`, None when nothing does. A path may be in any spelling."""
    for step in path.split("."):
        if not isinstance(tree, dict):
            return None
        tree = tree.get(step, tree.get(_key(step)))
    return tree


def find_seconds(tree: Tree, paths: Sequence[str], default_unit: float) -> float | None:
    """The first time found at these paths, each with or without a unit at its end (`uptime`, `uptime_ms`)."""
    for path in paths:
        place, _, name = path.rpartition(".")
        inner = find(tree, place) if place else tree
        if isinstance(inner, dict):
            seconds = _time_member(inner, snake(name), default_unit)
            if seconds is not None:
                return seconds
    return None


def _time_member(tree: Tree, name: str, default_unit: float) -> float | None:
    for key, value in tree.items():
        base, unit = split_unit(key)
        if name in (key, base):
            seconds = _seconds(value, default_unit if unit is None else unit)
            if seconds is not None:
                return seconds
    return None


def _seconds(value: Any, unit: float) -> float | None:
    if isinstance(value, list) and value and isinstance(value[0], dict):  # health+json
        return seconds_of(value[0].get("observed_value"), unit_seconds(value[0].get("observed_unit")) or unit)
    return seconds_of(value, unit)


def first_status(
    tree: Tree, words: Mapping[str, Status], keys: Sequence[str] = STATUS_KEYS
) -> tuple[Status | None, str | None]:
    """The state that an object names, or else the first word for it that is not known."""
    unknown = None
    for key in keys:
        value = tree.get(key)
        if isinstance(value, str | bool):
            status = status_of(value, words)
            if status is not None:
                return status, None
            unknown = unknown or str(value)[:40]
    return None, unknown
