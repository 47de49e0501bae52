"""Instrumentation for services in Python: the families of the log tail, counted in the service itself.

    from jackpot_exporter.instrument import ServiceMetrics

    metrics = ServiceMetrics()
    metrics.record_contribution(0.042, True)
    with metrics.measure("win"):
        ...

The methods are those of the monitoring guide's collector class, with two differences. Durations are in seconds, as
everywhere in Prometheus. And the values belong to the registry, not to the object: it may be made anew for every
request and counts on. A service uses this or is followed by its log, not both: everything would count twice.

With PROMETHEUS_MULTIPROC_DIR set before prometheus_client is imported, all processes of the service count together
and any of them answers for all; exemplars are left out then, as prometheus_client has no place for them. Loads
nothing but prometheus_client; nothing here raises because of what is recorded.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from weakref import WeakKeyDictionary

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from .operations import DURATION_BOUNDS, LONGEST_SECONDS, OPERATIONS, Outcome, failure_outcome
from .words import LEVELS, OTHER, ErrorTypes, correlation_label, level_of

_MOST_ERROR_TYPES = 50
_made: WeakKeyDictionary[CollectorRegistry, dict[str, _Families]] = WeakKeyDictionary()
_making = threading.Lock()


class _Families:
    """The families in one registry, with the known label sets at 0."""

    def __init__(self, namespace: str, operations: Iterable[str], registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, namespace=namespace, registry=registry)

        self.operations = counter("operations_total", "Finished operations.", "operation", "outcome")
        self.errors = counter("errors_total", "Errors; types over the cap, or that are no words, are other.", "type")
        self.config_changes = counter("config_changes_total", "Changes of the configuration.")
        self.database = counter("database_operations_total", "Operations on the database.", "outcome")
        self.messages = counter("log_messages_total", "Log entries.", "level")
        self.durations = Histogram(
            "operation_duration_seconds",
            "Time that operations took.",
            ["operation"],
            namespace=namespace,
            registry=registry,
            buckets=DURATION_BOUNDS,
        )
        self.names = frozenset(operations)
        self.types = ErrorTypes((), _MOST_ERROR_TYPES)
        for name in self.names:
            self.durations.labels(name)
            for outcome in Outcome:
                self.operations.labels(name, outcome.value)
        for label in self.types:
            self.errors.labels(label)
        for outcome in (Outcome.SUCCESS, Outcome.ERROR):
            self.database.labels(outcome.value)
        for level in (*LEVELS, OTHER):
            self.messages.labels(level)


class ServiceMetrics:
    """Records what a service does. `operations` are fixed by the first object of a registry and namespace."""

    def __init__(
        self,
        namespace: str = "jackpot",
        operations: Iterable[str] = OPERATIONS,
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        self._registry = registry
        with _making:
            made = _made.setdefault(registry, {})
            if namespace not in made:
                made[namespace] = _Families(namespace, operations, registry)
            self._families = made[namespace]

    def record_contribution(
        self, duration_seconds: float, success: bool, *, error_type: str = "", correlation_id: str = ""
    ) -> None:
        """Count a contribution that ended; `error_type` says why it failed, one ending in timeout is a time-out."""
        self.record("contribution", duration_seconds, success, error_type=error_type, correlation_id=correlation_id)

    def record_win(
        self, duration_seconds: float, success: bool, *, error_type: str = "", correlation_id: str = ""
    ) -> None:
        """Count a win that was processed, well or badly."""
        self.record("win", duration_seconds, success, error_type=error_type, correlation_id=correlation_id)

    def record_pool_query(
        self, duration_seconds: float, success: bool = True, *, error_type: str = "", correlation_id: str = ""
    ) -> None:
        """Count a query of the pools."""
        self.record("pool_query", duration_seconds, success, error_type=error_type, correlation_id=correlation_id)

    def record(
        self, operation: str, duration_seconds: float, success: bool, *, error_type: str = "", correlation_id: str = ""
    ) -> None:
        """Count an operation; one that was not declared is counted as `other`."""
        families = self._families
        name = operation if operation in families.names else OTHER
        outcome = Outcome.SUCCESS if success else failure_outcome(error_type)
        families.operations.labels(name, outcome.value).inc()
        if not success:
            families.errors.labels(families.types.label(error_type)).inc()
        if 0 <= duration_seconds <= LONGEST_SECONDS:
            found = correlation_label(correlation_id)
            exemplar = {"correlation_id": found} if found is not None else None
            families.durations.labels(name).observe(duration_seconds, exemplar)

    def record_config_change(self) -> None:
        """Count a change of the configuration."""
        self._families.config_changes.inc()

    def record_database_operation(self, success: bool) -> None:
        """Count an operation on the database, by whether the database did it."""
        self._families.database.labels((Outcome.SUCCESS if success else Outcome.ERROR).value).inc()

    @contextmanager
    def measure(self, operation: str, *, correlation_id: str = "") -> Iterator[None]:
        """Record the block as one operation; an exception counts as its failure, by the name of its class."""
        started = time.perf_counter()
        error_type = ""
        try:
            yield
        except BaseException as error:
            error_type = "timeout" if isinstance(error, TimeoutError) else type(error).__name__
            raise
        finally:
            seconds = time.perf_counter() - started
            self.record(operation, seconds, not error_type, error_type=error_type, correlation_id=correlation_id)

    def log_handler(self) -> logging.Handler:
        """A handler that counts what is logged, by level; add it to the root logger."""
        return _LevelCounter(self._families.messages)

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """The answer to a scrape with this Accept header, and its content type; for all processes together."""
        registry = self._registry
        if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        encode, content_type = choose_encoder(accept)
        return encode(registry), content_type


class _LevelCounter(logging.Handler):
    def __init__(self, messages: Counter) -> None:
        super().__init__()
        self._messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        self._messages.labels(level_of(record.levelname)).inc()
