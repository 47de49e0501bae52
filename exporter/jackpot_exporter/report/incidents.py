"""What fired, as incidents with the time until someone took them and the time until they were over.

An incident is taken by the first silence on its name; Alertmanager forgets a silence some days after its end (120 h by
default), and what it no longer knows is told as not known rather than as not taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

from ..alerts.history import Episode
from ..alerts.incidents import Silence

_SEVERITIES = ("critical", "warning", "info")
_ESCALATION = "Escalation"
_REMEMBERS = timedelta(hours=120)


@dataclass(frozen=True, slots=True)
class Handled:
    """One incident from its first alert to the end of its last."""

    name: str
    service: str
    severity: str
    priority: str
    started_at: datetime
    ended_at: datetime | None
    taken_at: datetime | None = None
    taken_by: str = ""
    is_taking_known: bool = True

    @property
    def seconds_to_take(self) -> float | None:
        return None if self.taken_at is None else (self.taken_at - self.started_at).total_seconds()

    @property
    def seconds_to_end(self) -> float | None:
        return None if self.ended_at is None else (self.ended_at - self.started_at).total_seconds()


def handled(episodes: Iterable[Episode], silences: Sequence[Silence] | None, now: datetime) -> list[Handled]:
    """The latest first. Episodes of one incident that overlap are one; `silences` None: Alertmanager is silent."""
    groups: dict[tuple[str, str], list[Episode]] = {}
    for episode in episodes:
        if not episode.alert.startswith(_ESCALATION):
            groups.setdefault((episode.incident, episode.service), []).append(episode)
    merged = [run for members in groups.values() for run in _runs(members)]
    found = [_handled(run, silences, now) for run in merged]
    return sorted(found, key=lambda one: one.started_at, reverse=True)


def mean_seconds(spans: Iterable[float | None]) -> float | None:
    known = [span for span in spans if span is not None]
    return fmean(known) if known else None


def answered_late(incidents: Iterable[Handled], promised: Mapping[str, float], now: datetime) -> list[Handled]:
    """Taken after the time that is promised for their priority, or by then neither taken nor over."""
    return [one for one in incidents if one.is_taking_known and _waited(one, now) > promised.get(one.priority, 1e12)]


def _waited(one: Handled, now: datetime) -> float:
    return ((one.taken_at or one.ended_at or now) - one.started_at).total_seconds()


def _runs(episodes: Sequence[Episode]) -> list[list[Episode]]:
    runs: list[list[Episode]] = []
    until: datetime | None = None
    for episode in sorted(episodes, key=lambda one: one.started_at):
        if runs and (until is None or episode.started_at <= until):
            runs[-1].append(episode)
            until = None if until is None or episode.ended_at is None else max(until, episode.ended_at)
        else:
            runs.append([episode])
            until = episode.ended_at
    return runs


def _handled(run: Sequence[Episode], silences: Sequence[Silence] | None, now: datetime) -> Handled:
    worst = min(run, key=lambda one: _rank(one.severity))
    ends = [one.ended_at for one in run]
    ended = None if None in ends else max(end for end in ends if end is not None)
    started = min(one.started_at for one in run)
    taking = _taking(worst, started, ended or now, silences or ())
    is_known = silences is not None and (taking is not None or (ended or now) > now - _REMEMBERS)
    return Handled(
        worst.incident,
        worst.service,
        worst.severity,
        min((one.priority for one in run if one.priority), default=""),
        started,
        ended,
        None if taking is None else max(taking.starts_at, started),
        taking.author if taking else "",
        is_known,
    )


def _taking(episode: Episode, started: datetime, ended: datetime, silences: Sequence[Silence]) -> Silence | None:
    """The first acknowledgement in force while it lasted."""
    matching = [
        one
        for one in silences
        if one.matchers.get("incident") == episode.incident
        and one.matchers.get("service", episode.service) == episode.service
        and one.starts_at <= ended
        and one.ends_at > started
    ]
    return min(matching, key=lambda one: one.starts_at, default=None)


def _rank(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
