"""The last ten minutes of a target, in a ring: enough for small curves and for growth, without Prometheus.

It fills always, not only while somebody watches: who opens the page at night asks how it came to this. A point takes
16 bytes a pool: 40 points of at most 1,000 pools, over all targets, are 0.7 MB, and the CPU of it is not measurable
beside the collections.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from .pools import Amounts, told_apart

STEP_SECONDS = 15.0
POINTS = 40
_GROWTH_SECONDS = 300.0
_DIGITS = 6


@dataclass(frozen=True, slots=True)
class _Point:
    """`at` is in Unix seconds; `gained` is what each pool has gained since it was first seen, its wins left out."""

    at: float
    keys: tuple[bytes, ...]
    amounts: array[float]
    gained: array[float]
    figures: Mapping[str, float]


class History:
    """The ring of one target."""

    def __init__(self, points: int = POINTS) -> None:
        self._points: deque[_Point] = deque(maxlen=points)

    @property
    def last_at(self) -> float:
        """When the newest point was taken; 0 before the first."""
        return self._points[-1].at if self._points else 0.0

    def add(self, at: float, amounts: Amounts, figures: Mapping[str, float]) -> None:
        """One more point. What is not younger than the last one is not taken."""
        if at > self.last_at:
            gained = self._gained(amounts)
            self._points.append(_Point(at, amounts.keys, amounts.values, gained, figures))

    def growth(self, at: float, amounts: Amounts) -> list[float | None]:
        """Cents a minute of each pool over the last minutes, wins left out; None of a pool that is new."""
        start = next((point for point in self._points if at - point.at <= _GROWTH_SECONDS), None)
        if start is None or at <= start.at:
            return [None] * len(amounts.keys)
        minutes = (at - start.at) / 60
        before = _aligned(start.keys, start.gained, amounts.keys)
        return [
            None if then is None else round((now - then) / minutes, 2)
            for now, then in zip(self._gained(amounts), before, strict=True)
        ]

    def document(self) -> dict[str, Any]:
        """Columns for the page: times, the pools' amounts and the figures, None where there was none."""
        names = dict.fromkeys(name for point in self._points for name in point.figures)
        return {
            "times": [round(point.at, 1) for point in self._points],
            "names": ["\0".join(told_apart(key)) for key in self._points[-1].keys] if self._points else [],
            "amounts": self._curves(),
            "figures": {name: [_short(point.figures.get(name)) for point in self._points] for name in names},
        }

    def _curves(self) -> list[list[float | None]]:
        """A curve for each pool of the newest point, in its order."""
        if not self._points:
            return []
        keys = self._points[-1].keys
        columns = [_aligned(point.keys, point.amounts, keys) for point in self._points]
        return [list(map(_whole, curve)) for curve in zip(*columns, strict=True)]

    def _gained(self, amounts: Amounts) -> array[float]:
        if not self._points:
            return array("d", bytes(8 * len(amounts.keys)))
        last = self._points[-1]
        held = _aligned(last.keys, last.amounts, amounts.keys)
        gained = _aligned(last.keys, last.gained, amounts.keys)
        return array(
            "d",
            [
                0.0 if then is None or so_far is None else so_far + max(0.0, now - then)
                for now, then, so_far in zip(amounts.values, held, gained, strict=True)
            ],
        )


def _aligned(keys: tuple[bytes, ...], values: Sequence[float], wanted: tuple[bytes, ...]) -> Iterable[float | None]:
    """The values in the order of other keys; nearly always the order is the same."""
    if keys == wanted:
        return values
    found = dict(zip(keys, values, strict=True))
    return map(found.get, wanted, repeat(None))


def _whole(value: float | None) -> float | None:
    return int(value) if value is not None and value.is_integer() else value


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, _DIGITS)
