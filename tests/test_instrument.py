"""A service that instruments itself gives the families that its log would give."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

import instrumented_service
from jackpot_exporter.collectors.logs import CONFIG_CHANGES, DATABASE, DURATION, ERRORS, MESSAGES, OPERATIONS
from jackpot_exporter.instrument import ServiceMetrics
from jackpot_exporter.operations import DURATION_BOUNDS


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry: CollectorRegistry) -> ServiceMetrics:
    return ServiceMetrics(registry=registry)


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def families(metrics: ServiceMetrics) -> dict[str, Metric]:
    body, _ = metrics.exposition()
    return {family.name: family for family in text_string_to_metric_families(body.decode())}


def test_families_are_those_of_the_log_tail(metrics: ServiceMetrics) -> None:
    found = families(metrics)

    for spec in (OPERATIONS, DURATION, ERRORS, CONFIG_CHANGES, DATABASE, MESSAGES):
        family = found[spec.full_name("jackpot").removesuffix("_total")]
        assert family.type == spec.kind.value
        labels = {name for sample in family.samples for name in sample.labels} - {"le"}
        assert labels == set(spec.labels)


def test_known_label_sets_stand_at_zero_from_the_start(registry: CollectorRegistry, metrics: ServiceMetrics) -> None:
    for operation in ("contribution", "win", "pool_query"):
        for outcome in ("success", "error", "timeout"):
            assert value(registry, "jackpot_operations_total", operation=operation, outcome=outcome) == 0
        assert value(registry, "jackpot_operation_duration_seconds_count", operation=operation) == 0
    assert value(registry, "jackpot_config_changes_total") == 0


def test_records_as_the_guide_does_in_seconds(registry: CollectorRegistry, metrics: ServiceMetrics) -> None:
    metrics.record_contribution(0.02, True)
    metrics.record_win(0.2, False, error_type="validation")
    metrics.record_pool_query(0.001)

    assert value(registry, "jackpot_operations_total", operation="contribution", outcome="success") == 1
    assert value(registry, "jackpot_operations_total", operation="win", outcome="error") == 1
    assert value(registry, "jackpot_operations_total", operation="pool_query", outcome="success") == 1
    assert value(registry, "jackpot_errors_total", type="validation") == 1
    assert value(registry, "jackpot_operation_duration_seconds_bucket", operation="win", le="0.2") == 1
    assert value(registry, "jackpot_operation_duration_seconds_bucket", operation="win", le="0.15") == 0
    assert value(registry, "jackpot_operation_duration_seconds_sum", operation="contribution") == 0.02


def test_bucket_bounds_are_those_of_the_log_tail(metrics: ServiceMetrics) -> None:
    samples = families(metrics)["jackpot_operation_duration_seconds"].samples

    bounds = {float(sample.labels["le"]) for sample in samples if sample.name.endswith("_bucket")}
    assert bounds == {*DURATION_BOUNDS, float("inf")}


def test_a_new_object_counts_on(registry: CollectorRegistry) -> None:
    for _ in range(3):
        ServiceMetrics(registry=registry).record_pool_query(0.01)

    assert value(registry, "jackpot_operations_total", operation="pool_query", outcome="success") == 3


def test_namespaces_stand_side_by_side(registry: CollectorRegistry) -> None:
    ServiceMetrics("poker", ["hand"], registry).record("hand", 0.1, True)
    ServiceMetrics("jackpot", registry=registry).record_win(0.1, True)

    assert value(registry, "poker_operations_total", operation="hand", outcome="success") == 1
    assert value(registry, "jackpot_operations_total", operation="win", outcome="success") == 1


@pytest.mark.parametrize(
    ("error", "outcome", "label"),
    [
        (TimeoutError(), "timeout", "timeout"),
        (KeyError("x"), "error", "KeyError"),
        (asyncio.CancelledError(), "error", "CancelledError"),
    ],
    ids=repr,
)
def test_a_measured_block_that_raises_is_a_failure(
    registry: CollectorRegistry, metrics: ServiceMetrics, error: BaseException, outcome: str, label: str
) -> None:
    with pytest.raises(type(error)), metrics.measure("win"):
        raise error

    assert value(registry, "jackpot_operations_total", operation="win", outcome=outcome) == 1
    assert value(registry, "jackpot_errors_total", type=label) == 1
    assert value(registry, "jackpot_operation_duration_seconds_count", operation="win") == 1


@pytest.mark.parametrize("seconds", [-1.0, float("nan"), float("inf"), 1e300])
def test_an_insane_duration_counts_but_is_no_observation(
    registry: CollectorRegistry, metrics: ServiceMetrics, seconds: float
) -> None:
    metrics.record_win(seconds, True)

    assert value(registry, "jackpot_operations_total", operation="win", outcome="success") == 1
    assert value(registry, "jackpot_operation_duration_seconds_count", operation="win") == 0


def test_operations_and_types_from_outside_make_no_endless_series(
    registry: CollectorRegistry, metrics: ServiceMetrics
) -> None:
    for number in range(200):
        name = f"{chr(97 + number // 26)}{chr(97 + number % 26)}"
        metrics.record(name, 0.1, False, error_type=name)
    metrics.record_win(0.1, False, error_type="user 17 not found")

    assert value(registry, "jackpot_operations_total", operation="other", outcome="error") == 200
    assert value(registry, "jackpot_errors_total", type="other") == 151


def test_the_correlation_id_is_an_exemplar_when_it_is_one(metrics: ServiceMetrics) -> None:
    metrics.record_win(0.2, True, correlation_id="req-0123456789")
    metrics.record_win(0.02, True, correlation_id="maria@example.com")

    text = metrics.exposition("application/openmetrics-text; version=1.0.0")[0].decode()
    assert '# {correlation_id="req-0123456789"} 0.2' in text
    assert "maria" not in text


def test_counts_what_is_logged(registry: CollectorRegistry, metrics: ServiceMetrics) -> None:
    logger = logging.Logger("service")
    logger.addHandler(metrics.log_handler())

    logger.warning("one")
    logger.critical("two")

    assert value(registry, "jackpot_log_messages_total", level="warn") == 1
    assert value(registry, "jackpot_log_messages_total", level="fatal") == 1


def test_forked_workers_count_together(tmp_path: Path) -> None:
    ended = _run([sys.executable, instrumented_service.__file__, "50"], PROMETHEUS_MULTIPROC_DIR=str(tmp_path))

    content_type, _, text = ended.partition("\n")
    samples = {
        (sample.name, *sample.labels.values()): sample.value
        for family in parse_openmetrics(text)  # type: ignore[no-untyped-call]
        for sample in family.samples
    }
    processes = instrumented_service.WORKERS + 1
    assert content_type.startswith("application/openmetrics-text")
    assert samples["jackpot_operations_total", "contribution", "success"] == 45 * processes
    assert samples["jackpot_operations_total", "contribution", "error"] == 5 * processes
    assert samples["jackpot_operations_total", "win", "timeout"] == 50 * processes
    assert samples["jackpot_operation_duration_seconds_count", "win"] == 50 * processes
    assert samples["jackpot_operations_total", "pool_query", "timeout"] == 0


def test_a_service_loads_nothing_of_the_exporter() -> None:
    code = "import sys, jackpot_exporter.instrument; print(*sys.modules)"

    loaded = set(_run([sys.executable, "-c", code]).split())

    assert not loaded & {"pydantic", "aiohttp", "msgspec", "psycopg", "redis", "structlog", "yaml"}


def _run(command: list[str], **environment: str) -> str:
    root = Path(__file__).parents[1]
    return subprocess.run(
        command,
        env={**os.environ, "PYTHONPATH": str(root / "exporter"), **environment},
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    ).stdout
