"""When alerts fired, from the samples of `ALERTS` that Prometheus keeps; exact to its evaluation interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from statistics import median
from typing import Any

from .servers import Prometheus

_GAP = 2.5
"""In evaluation intervals: what is missing for longer has ended."""


@dataclass(frozen=True, slots=True)
class Episode:
    """One time that an alert fired; `ended_at` is None while it goes on."""

    alert: str
    incident: str
    service: str
    severity: str
    priority: str
    started_at: datetime
    ended_at: datetime | None


async def read_history(prometheus: Prometheus, seconds: float, now: datetime) -> list[Episode]:
    """Everything that fired in the `seconds` before `now`, the latest first."""
    selector = 'ALERTS{alertstate="firing",severity!="none"}'
    series = await prometheus.query(f"{selector}[{max(1, round(seconds))}s]", at=now.timestamp())
    found = [episode for one in series for episode in _episodes(one["metric"], one["values"], now)]
    return sorted(found, key=lambda episode: episode.started_at, reverse=True)


def _episodes(labels: Mapping[str, str], values: Sequence[Sequence[Any]], now: datetime) -> Iterator[Episode]:
    times = [float(at) for at, _ in values]
    steps = [later - earlier for earlier, later in pairwise(times)]
    # A lone sample tells nothing of the interval; a minute is the longest that the rules have.
    gap = _GAP * median(steps) if steps else 60.0
    start = times[0]
    for at, following in zip(times, [*times[1:], None], strict=True):
        if following is not None and following - at <= gap:
            continue
        has_ended = following is not None or now.timestamp() - at > gap
        yield _episode(labels, start, at if has_ended else None)
        start = following if following is not None else at


def _episode(labels: Mapping[str, str], start: float, end: float | None) -> Episode:
    return Episode(
        alert=labels["alertname"],
        incident=labels.get("incident", labels["alertname"]),
        service=labels.get("service", ""),
        severity=labels.get("severity", ""),
        priority=labels.get("priority", ""),
        started_at=datetime.fromtimestamp(start, UTC),
        ended_at=None if end is None else datetime.fromtimestamp(end, UTC),
    )
