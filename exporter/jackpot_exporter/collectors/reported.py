"""What the watched service measures of itself, from its metrics document in JSON.

These are averages and quantiles over a time that only the service knows: good to look at, not to alert on. The
histograms made from its log are for that. A document in Prometheus' own format is not read here: Prometheus can.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ..clients import Clients
from ..clients.http_exchange import Request, raise_for_status
from ..config import CollectorSection, Schedule, section
from ..errors import BadDataError
from ..model import Collector, Item, MetricSpec, Note, Outcome, counter, gauge
from ._base import CollectorType
from ._health_tree import Tree, find, find_seconds, normalised
from ._health_words import number_of, ratio_of, split_unit
from ._json_text import read_json
from ._service_families import AVERAGE, ERROR_RATIO, HIT_RATIO, USERS
from ._service_settings import ServiceSettings

if TYPE_CHECKING:
    from ..clients.http import HttpClient

PER_SECOND = gauge(
    "reported_operations_per_second", "Operations a second, as the service reports.", "operation", own=True
)
REQUESTS = counter("reported_requests_total", "Requests since the service started, as it reports.", own=True)
TIMEOUT_RATIO = gauge("reported_timeout_ratio", "Share of operations that time out, as the service reports.", own=True)
ERRORS = counter("reported_errors_total", "Errors since the service started, as it reports.", own=True)
ERROR_TYPES = counter(
    "reported_errors_by_type_total", "Errors since the service started by type, as it reports.", "type", own=True
)
MEMORY = gauge("reported_memory_bytes", "Memory in use, as the service reports.", own=True)
CPU = gauge("reported_cpu_ratio", "Use of the processor, 1 being one whole core, as the service reports.", own=True)
CONNECTIONS = gauge("reported_database_connections", "Open database connections, as the service reports.", own=True)
POOL_TOTAL = gauge("reported_pool_amount_cents", "All pools together, as the service reports.", own=True)
POOL_GROWTH = gauge("reported_pool_growth_ratio", "Growth of all pools together, as the service reports.", own=True)
CONTRIBUTIONS = gauge("reported_daily_contributions", "Contributions of the day, as the service reports.", own=True)
VALUE = gauge("reported_value", "A number of the document that `values` names.", "name", own=True)
UPTIME = gauge("uptime_seconds", "Time since the service started, as it reports.", own=True)

METRICS: tuple[MetricSpec, ...] = (
    AVERAGE, PER_SECOND, REQUESTS, ERROR_RATIO, TIMEOUT_RATIO, ERRORS, ERROR_TYPES, MEMORY, CPU, CONNECTIONS, HIT_RATIO,
    POOL_TOTAL, POOL_GROWTH, CONTRIBUTIONS, USERS, VALUE, UPTIME,
)  # fmt: skip

_RESPONSE_TIMES = ("response_times", "response_time", "latency", "latencies")
_STATS = {
    "average": "average", "avg": "average", "mean": "average", "min": "min", "max": "max", "p50": "p50",
    "median": "p50", "p75": "p75", "p90": "p90", "p95": "p95", "p99": "p99", "p999": "p999",
}  # fmt: skip
_PER = {"per_second": 1.0, "per_minute": 60.0, "per_hour": 3600.0}
_COUNTERS = {
    REQUESTS: ("throughput.total_requests", "total_requests", "requests.total"),
    ERRORS: ("errors.total_errors", "total_errors", "errors.total"),
}
_GAUGES = {
    CONNECTIONS: ("resources.database_connections", "database_connections"),
    POOL_TOTAL: ("business.total_jackpot_amount", "total_jackpot_amount"),
    POOL_GROWTH: ("business.jackpot_growth_rate", "jackpot_growth_rate"),
    CONTRIBUTIONS: ("business.daily_contributions", "daily_contributions"),
    USERS: ("business.active_users", "active_users"),
}
_RATIOS = {
    ERROR_RATIO: ("errors.error_rate", "error_rate"),
    TIMEOUT_RATIO: ("errors.timeout_rate", "timeout_rate"),
    HIT_RATIO: ("resources.cache_hit_rate", "cache_hit_rate", "cache_hit_ratio"),
}
_BYTES = {"bytes": 1, "kb": 1024, "kib": 1024, "mb": 1024**2, "mib": 1024**2, "gb": 1024**3, "gib": 1024**3}
_OTHER = "other"


class ReportedSettings(Schedule):
    """The metrics document of the service (`metrics_url`)."""

    values: dict[str, str] = Field(
        default_factory=dict, description="further numbers by name, as tickets_sold: business.totalTicketsSold"
    )
    max_operations: int = Field(50, ge=1, le=1000, description="operations beyond are left out and counted")
    max_error_types: int = Field(50, ge=1, le=1000, description="error types beyond are added up as `other`")


class ReportedCollector:
    """Reads one metrics document."""

    def __init__(
        self, service: ServiceSettings, url: str, settings: ReportedSettings, client: HttpClient, within_seconds: float
    ) -> None:
        self._service = service
        self._url = url
        self._settings = settings
        self._client = client
        self._within = within_seconds

    async def collect(self) -> AsyncGenerator[Item, None]:
        answer = await self._client.fetch(Request(self._url), self._service, self._within)
        raise_for_status(answer)
        if answer.body.lstrip().startswith(b"#"):
            raise BadDataError("metrics_url answers in Prometheus' own format: let Prometheus scrape it")
        tree, oddities = await read_json(answer.body, normalised)
        for text in sorted(oddities):
            yield Note(f"json: {text}", f"the metrics document has {text}", Outcome.BAD_DATA)
        if not isinstance(tree, dict):
            raise BadDataError("the metrics document is no JSON object")
        if isinstance(inner := tree.get("data"), dict):
            tree = {**tree, **inner}
        unit = 0.001 if self._service.time_unit == "ms" else 1.0
        for item in (*self._times(tree, unit), *_numbers(tree), *self._errors(tree), *self._values(tree)):
            yield item

    def _times(self, tree: Tree, unit: float) -> Iterator[Item]:
        found: Tree = next((tree[name] for name in _RESPONSE_TIMES if isinstance(tree.get(name), dict)), {})
        # Either an object of statistics for each operation, or the statistics of all operations together.
        operations = {name: stats for name, stats in found.items() if isinstance(stats, dict)} or {"all": found}
        most = self._settings.max_operations
        for operation, stats in list(operations.items())[:most]:
            seen: set[str] = set()
            for key in stats:
                stat = _STATS.get(split_unit(key)[0])
                seconds = find_seconds(stats, (key,), unit) if stat else None
                if stat and seconds is not None and stat not in seen:
                    seen.add(stat)
                    yield AVERAGE.sample(seconds, operation, stat)
        if len(operations) > most:
            dropped = len(operations) - most
            yield Note("max_operations", f"{dropped} operations are more than max_operations", dropped=dropped)

    def _errors(self, tree: Tree) -> Iterator[Item]:
        found = find(tree, "errors.error_types")
        counts = {name: number_of(value) for name, value in found.items()} if isinstance(found, dict) else {}
        known = sorted((name, n) for name, n in counts.items() if n is not None and n >= 0 and name != _OTHER)
        most = self._settings.max_error_types
        for name, number in known[:most]:
            yield ERROR_TYPES.sample(number, name[:64])
        rest = known[most:]
        if rest or counts.get(_OTHER):
            yield ERROR_TYPES.sample(sum(n for _, n in rest) + (counts.get(_OTHER) or 0), _OTHER)
        if rest:
            yield Note("max_error_types", f"{len(rest)} error types are added up as other", dropped=len(rest))

    def _values(self, tree: Tree) -> Iterator[Item]:
        for name, path in self._settings.values.items():
            value = number_of(find(tree, path))
            if value is None:
                yield Note(f"values.{name}", f"the document has no number at {path}", Outcome.MISSING)
            else:
                yield VALUE.sample(value, name)


def _numbers(tree: Tree) -> Iterator[Item]:
    for spec, places in {**_COUNTERS, **_GAUGES}.items():
        value = _first(number_of(find(tree, place)) for place in places)
        if value is not None and (spec not in _COUNTERS or value >= 0):
            yield spec.sample(value)
    for spec, places in _RATIOS.items():
        value = _first(ratio_of(find(tree, place), is_percent="percent" in place) for place in places)
        if value is not None:
            yield spec.sample(value)
    uptime = find_seconds(tree, ("uptime", "process.uptime"), 1.0)
    if uptime is not None:
        yield UPTIME.sample(uptime)
    yield from _resources(find(tree, "resources"))
    yield from _throughput(find(tree, "throughput"))


def _resources(found: Any) -> Iterator[Item]:
    values: dict[MetricSpec, float] = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        number = number_of(value)
        name, _, unit = key.rpartition("_")
        if number is None or number < 0:
            continue
        if name in ("memory_usage", "memory", "memory_used") and unit in _BYTES:
            values.setdefault(MEMORY, number * _BYTES[unit])
        elif key in ("cpu_usage_percent", "cpu_percent"):
            values.setdefault(CPU, number / 100)
    yield from (spec.sample(value) for spec, value in values.items())


def _throughput(found: Any) -> Iterator[Item]:
    """`contributionsPerSecond` and `winsPerMinute` are the same family for two operations."""
    rates: dict[str, float] = {}
    for key, value in found.items() if isinstance(found, dict) else ():
        for ending, seconds in _PER.items():
            number = number_of(value)
            if key.endswith(f"_{ending}") and number is not None and number >= 0:
                rates.setdefault(_singular(key.removesuffix(f"_{ending}")), number / seconds)
    for operation, rate in list(rates.items())[:50]:
        yield PER_SECOND.sample(rate, operation[:64])


def _singular(name: str) -> str:
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name


def _first(values: Iterator[float | None]) -> float | None:
    return next((value for value in values if value is not None), None)


def _build(settings: ReportedSettings, timeout_seconds: float, clients: Clients) -> Collector | None:
    service: ServiceSettings | None = section(clients.target, ("service",))
    if service is None or service.metrics_url is None:
        return None
    return ReportedCollector(service, service.metrics_url, settings, clients.http, timeout_seconds * 0.9)


TYPE = CollectorType(
    name="reported",
    help="averages, percentiles and rates that the watched service reports of itself",
    section=CollectorSection(("service", "reported"), ReportedSettings),
    metrics=METRICS,
    build=_build,
)
