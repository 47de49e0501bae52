"""What the exporter says about itself: collections, scrapes and reloads, as `jackpot_exporter_*`."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator
from enum import StrEnum
from functools import cache

from prometheus_client import PLATFORM_COLLECTOR, PROCESS_COLLECTOR
from prometheus_client.registry import Collector as PromCollector

from . import __version__
from .exposition import Family, join_disjoint, render_now
from .model import FAILURE_REASONS, Column, Frame, Kind, MetricSpec, Outcome, Sample, counter, gauge, histogram
from .observations import Observations

_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_SCRAPE_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_SCRAPE_CODES = ("200", "404", "503")
_REFUSALS = "refusals"

_P = "jackpot_exporter_"
BUILD_INFO = gauge(f"{_P}build_info", "The version that runs; always 1.", "version", "revision", "python_version")
UP = gauge(f"{_P}collector_up", "1 when the last collection succeeded.", "collector")
DURATION = histogram(f"{_P}collector_duration_seconds", "Time of one collection.", "collector", buckets=_BOUNDS)
LAST_SUCCESS = gauge(f"{_P}collector_last_success_timestamp_seconds", "End of the last success.", "collector")
AGE = gauge(f"{_P}collector_age_seconds", "Time since the collection that is being shown, at scrape time.", "collector")
FAILURES = counter(f"{_P}collector_failures_total", "Collections, or parts of one, that failed.", "collector", "reason")
SERIES = gauge(f"{_P}collector_series", "Series of the last collection.", "collector")
DROPPED = counter(f"{_P}series_dropped_total", "Series over a cap, left out or put into other.", "collector")
SCRAPES = counter(f"{_P}scrapes_total", "Answers to scrapes, by HTTP status.", "code")
SCRAPE_DURATION = histogram(
    f"{_P}scrape_duration_seconds", "Time to make one answer, without sending it.", "code", buckets=_SCRAPE_BOUNDS
)
RELOAD_OK = gauge(f"{_P}config_last_reload_successful", "1 when the settings in force are those of the file.")
CERTIFICATE_EXPIRY = gauge(
    f"{_P}web_certificate_expiry_timestamp_seconds", "When the first certificate of our own chain ends, with TLS."
)
REFUSALS = counter(f"{_P}web_refusals_total", "Requests not answered and connections not kept, by reason.", "reason")
RELOAD_TIME = gauge(f"{_P}config_last_reload_success_timestamp_seconds", "When the settings in force were read.")

METRICS: tuple[MetricSpec, ...] = (
    BUILD_INFO, UP, DURATION, LAST_SUCCESS, AGE, FAILURES, SERIES, DROPPED, SCRAPES, SCRAPE_DURATION,
    RELOAD_OK, RELOAD_TIME, CERTIFICATE_EXPIRY, REFUSALS,
)  # fmt: skip


class Refusal(StrEnum):
    """Why a request is not answered, or a connection not kept; values of the label `reason`."""

    METHOD = "method"
    BODY = "body"
    NETWORK = "network"
    CREDENTIALS = "credentials"
    LOGINS = "logins"
    """Too many unknown logins wait to be checked."""
    BUSY = "busy"
    """Too many requests at a time."""
    MALFORMED = "malformed"
    CROWD = "crowd"
    """Too many connections."""
    HANDSHAKE = "handshake"
    """TLS could not be agreed upon."""
    SLOW = "slow"
    """The request did not arrive in time."""
    UNREAD = "unread"
    """The answer was not taken in time."""


class CollectorRecord:
    """The history of one collector."""

    def __init__(self) -> None:
        self.outcome: Outcome | None = None
        self.durations = Observations(_BOUNDS)
        self.failures = dict.fromkeys(FAILURE_REASONS, 0)
        self.last_success: float | None = None
        self.succeeded_at: float | None = None
        """The same on a clock that nobody sets: an age must not leap when the wall clock does."""
        self.series = 0
        self.dropped = 0


class Telemetry:
    """The exporter's counts for one target. Kept over a reload, so that counters go on."""

    def __init__(self) -> None:
        self._records: dict[str, CollectorRecord] = {}

    def expect(self, collectors: Iterable[str]) -> None:
        """Set which collectors there are: counters exist at 0 before the first event."""
        self._records = {name: self._records.get(name) or CollectorRecord() for name in collectors}

    def records(self) -> Iterable[tuple[str, CollectorRecord]]:
        return self._records.items()

    def of(self, collector: str) -> CollectorRecord:
        return self._records[collector]

    @property
    def is_complete(self) -> bool:
        """Every collector has finished once, well or badly."""
        return all(record.outcome is not None for record in self._records.values())

    def after_collection(self, name: str) -> Iterator[Sample]:
        """What changes only when a collection of this collector ends."""
        record = self._records[name]
        if record.outcome is not None:
            yield UP.sample(int(record.outcome.is_success), name)
        yield DURATION.sample(record.durations.histogram(), name)
        if record.last_success is not None:
            yield LAST_SUCCESS.sample(round(record.last_success, 3), name)
        for reason, count in record.failures.items():
            yield FAILURES.sample(count, name, reason.value)
        yield SERIES.sample(record.series, name)
        yield DROPPED.sample(record.dropped, name)

    def ages(self, now: float) -> Frame:
        """What changes with time alone; `now` is on the clock of `succeeded_at`."""
        ends = {name: record.succeeded_at for name, record in self._records.items() if record.succeeded_at is not None}
        ages = [round(max(0.0, now - end), 3) for end in ends.values()]
        return Frame([(name,) for name in ends], (Column(AGE, ages),))


class ProcessTelemetry:
    """The exporter's counts that belong to no target: scrapes, reloads, the process itself.

    They are part of every scrape, so what a scrape does not change is rendered once.
    """

    def __init__(self) -> None:
        self._scrapes = {code: Observations(_SCRAPE_BOUNDS) for code in _SCRAPE_CODES}
        self._refusals = dict.fromkeys(Refusal, 0)
        self._rendered: dict[str, dict[str, Family]] = {}
        self._constant: dict[str, Family] = {}
        self._is_reloaded = True
        self._certificate_expiry: float | None = None
        self.set_reloaded(0.0)

    def count_scrape(self, code: int, seconds: float) -> None:
        key = str(code)
        self._scrapes.setdefault(key, Observations(_SCRAPE_BOUNDS)).observe(seconds)
        self._rendered.pop(key, None)

    def count_refusal(self, reason: Refusal) -> None:
        self._refusals[reason] += 1
        self._rendered.pop(_REFUSALS, None)

    def set_reloaded(self, at: float) -> None:
        """The settings in force were read at this Unix time."""
        self._reloaded_at = at
        self._is_reloaded = True
        self._render_constant()

    def set_reload_failed(self) -> None:
        """The settings in force are no longer those of the file."""
        self._is_reloaded = False
        self._render_constant()

    def set_certificate_expiry(self, at: float | None) -> None:
        """When the first certificate of our own chain ends, in Unix seconds; None without TLS."""
        self._certificate_expiry = at
        self._render_constant()

    def families(self) -> list[Family]:
        for code, observations in self._scrapes.items():
            if code not in self._rendered:
                self._rendered[code] = render_now(_scrape_samples(code, observations), "")
        if _REFUSALS not in self._rendered:
            self._rendered[_REFUSALS] = render_now(self._refusal_samples(), "")
        process = render_now(_client_samples(PROCESS_COLLECTOR), "")
        return [*self._constant.values(), *join_disjoint(self._rendered.values()), *process.values()]

    def _refusal_samples(self) -> Iterator[Sample]:
        for reason, count in self._refusals.items():
            yield REFUSALS.sample(count, reason.value)

    def _render_constant(self) -> None:
        self._constant = render_now(self._constant_samples(), "")

    def _constant_samples(self) -> Iterator[Sample]:
        yield BUILD_INFO.sample(1, __version__, "", platform.python_version())
        yield RELOAD_OK.sample(int(self._is_reloaded))
        yield RELOAD_TIME.sample(self._reloaded_at)
        if self._certificate_expiry is not None:
            yield CERTIFICATE_EXPIRY.sample(self._certificate_expiry)
        yield from _client_samples(PLATFORM_COLLECTOR)


def process_families() -> tuple[MetricSpec, ...]:
    """What prometheus_client says about a process."""
    sources = (PROCESS_COLLECTOR, PLATFORM_COLLECTOR)
    return tuple(sample.spec for source in sources for sample in _client_samples(source))


def _scrape_samples(code: str, observations: Observations) -> Iterator[Sample]:
    seconds = observations.histogram()
    yield SCRAPES.sample(seconds.buckets[-1].count, code)
    yield SCRAPE_DURATION.sample(seconds, code)


def _client_samples(source: PromCollector) -> Iterator[Sample]:
    """prometheus_client's families about this process (`process_*`, `python_info`), read anew."""
    for family in source.collect():
        for found in family.samples:
            kind = Kind.COUNTER if family.type == "counter" else Kind.GAUGE
            spec = _client_spec(found.name, kind, family.documentation, tuple(found.labels))
            yield spec.sample(found.value, *found.labels.values())


_client_spec = cache(MetricSpec)
