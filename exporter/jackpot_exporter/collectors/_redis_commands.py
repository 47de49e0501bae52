"""Statistics by command and by error: calls, time, latencies. The labels come from clients, so there is a cap.

A name once shown keeps its series, and what comes later over the cap is added up as `other`: were the greatest
shown each time, a counter would fall whenever a name changes sides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from ..errors import BadDataError
from ..model import (
    Bucket,
    Column,
    Frame,
    Histogram,
    Item,
    MetricSpec,
    Note,
    Number,
    Summary,
    counter,
    histogram,
    summary,
)
from ._redis_answers import divided, integer, number, pairs, sequence, settings
from ._redis_info import Info

CALLS = counter("redis_commands_total", "Calls of the command.", "cmd")
SECONDS = counter("redis_commands_duration_seconds_total", "Time spent in the command.", "cmd")
REJECTED = counter("redis_commands_rejected_calls_total", "Calls refused before they ran.", "cmd")
FAILED = counter("redis_commands_failed_calls_total", "Calls that failed while they ran.", "cmd")
PERCENTILES = summary("redis_latency_percentiles_usec", "Microseconds of the command, by quantile.", "cmd")
LATENCIES = histogram("redis_commands_latencies_usec", "Microseconds of the command.", "cmd")
ERRORS = counter("redis_errors_total", "Error replies, by the first word of the error.", "err")

METRICS: tuple[MetricSpec, ...] = (CALLS, SECONDS, REJECTED, FAILED, PERCENTILES, LATENCIES, ERRORS)

_OTHER = "other"
_MAX_COMMANDS = 300
_MAX_ERRORS = 40
_MAX_BOUNDS = 64
_CALLS_COLUMNS = {"calls": (CALLS, 1), "usec": (SECONDS, 1_000_000), "rejected_calls": (REJECTED, 1),
                  "failed_calls": (FAILED, 1)}  # fmt: skip

Row = dict[str, Number]


class CommandStatistics:
    """Knows which names it has shown."""

    def __init__(self) -> None:
        self._commands = _Admission(_MAX_COMMANDS)
        self._errors = _Admission(_MAX_ERRORS)
        self._bounds: set[int] = set()

    def read(self, info: Info) -> Iterator[Item]:
        """Calls, errors and percentiles from INFO."""
        calls = _rows(info.sections.get("commandstats", {}), "cmdstat_")
        shown = self._commands.add_up(calls)
        if shown:
            yield Frame([(name,) for name in shown], tuple(_columns(list(shown.values()))))
        yield from self._commands.notes("commands", calls)
        yield from self._percentiles(info, calls)
        errors = _rows(info.sections.get("errorstats", {}), "errorstat_")
        for name, row in self._errors.add_up(errors).items():
            yield ERRORS.sample(row.get("count", 0), name)
        yield from self._errors.notes("errors", errors)

    def histograms(self, answer: object, info: Info) -> Iterator[Item]:
        """The answer of LATENCY HISTOGRAM; the sums are those of the calls, as it has none.

        Redis leaves out buckets that add nothing. All bounds seen so far are filled in for every command: only
        histograms with the same bounds can be added up, and one must not gain bounds while it is watched.
        """
        times = _rows(info.sections.get("commandstats", {}), "cmdstat_")
        commands = {name: _Buckets(value) for name, value in pairs(answer).items() if name in self._commands}
        self._bounds.update(*(buckets.upto for buckets in commands.values()))
        if len(self._bounds) > _MAX_BOUNDS:
            raise BadDataError(f"LATENCY HISTOGRAM has {len(self._bounds)} bounds")
        bounds = sorted(self._bounds)
        for name, buckets in commands.items():
            yield LATENCIES.sample(buckets.histogram(bounds, times.get(name, {}).get("usec", 0)), name)

    def _percentiles(self, info: Info, calls: Mapping[str, Row]) -> Iterator[Item]:
        for name, row in _rows(info.sections.get("latencystats", {}), "latency_percentiles_usec_").items():
            if name in calls and name in self._commands:
                # As parts of one, not percents: OpenMetrics has no quantile above 1.
                percents = {number(key[1:]): float(value) for key, value in row.items()}
                quantiles = tuple((round(p / 100, 9), v) for p, v in percents.items() if p is not None)
                sums = calls[name]
                yield PERCENTILES.sample(
                    Summary(quantiles, float(sums.get("usec", 0)), int(sums.get("calls", 0))), name
                )


class _Admission:
    """Admits names until the cap is reached; who is in stays in."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def add_up(self, rows: Mapping[str, Row]) -> dict[str, Row]:
        """The rows of those admitted, and the sum of all others under `other`."""
        shown: dict[str, Row] = {}
        for name, row in rows.items():
            if name not in self._names and name != _OTHER and len(self._names) < self._limit:
                self._names.add(name)
            if name in self._names:
                shown[name] = row
            else:
                other = shown.setdefault(_OTHER, {})
                for field, amount in row.items():
                    other[field] = other.get(field, 0) + amount
        return shown

    def notes(self, key: str, rows: Mapping[str, Row]) -> Iterator[Note]:
        dropped = len(rows.keys() - self._names)
        if dropped:
            yield Note(key, f"{dropped} {key} over the cap of {self._limit} are added up as other", dropped=dropped)


class _Buckets:
    """One command of LATENCY HISTOGRAM."""

    def __init__(self, answer: object) -> None:
        parts = pairs(answer)
        self.calls = integer(parts.get("calls"))
        flat = [integer(value) for value in sequence(parts.get("histogram_usec"))]
        self.upto = dict(zip(flat[::2], flat[1::2], strict=False))

    def histogram(self, bounds: list[int], total: Number) -> Histogram:
        """With these bounds; a bound that is not its own has the count of the one below."""
        counts = accumulate((self.upto.get(bound, 0) for bound in bounds), max)
        buckets = [Bucket(float(bound), count) for bound, count in zip(bounds, counts, strict=True)]
        return Histogram((*buckets, Bucket(float("inf"), self.calls)), float(total))


def _rows(section: Mapping[str, str], prefix: str) -> dict[str, Row]:
    return {
        key.removeprefix(prefix): {
            field: amount for field, value in settings(text).items() if (amount := number(value)) is not None
        }
        for key, text in section.items()
    }


def _columns(rows: list[Row]) -> Iterator[Column]:
    for field, (spec, divisor) in _CALLS_COLUMNS.items():
        amounts = (row.get(field) for row in rows)
        yield Column(spec, [None if amount is None else divided(amount, divisor) for amount in amounts])
