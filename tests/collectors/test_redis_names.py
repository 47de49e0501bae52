"""Our families agree with redis_exporter's in name, type and labels, but for what this table names with its reason."""

from __future__ import annotations

from pathlib import Path

from jackpot_exporter.collectors import redis, redis_keys
from jackpot_exporter.model import MetricSpec

GOLDEN = Path(__file__).parent.parent / "golden" / "redis_exporter.txt"

_OTHERS_OWN = "is about redis_exporter itself; ours are jackpot_exporter_*"
MISSING = {
    "redis_exporter_build_info": _OTHERS_OWN,
    "redis_exporter_last_scrape_connect_time_seconds": _OTHERS_OWN,
    "redis_exporter_last_scrape_duration_seconds": _OTHERS_OWN,
    "redis_exporter_last_scrape_error": _OTHERS_OWN,
    "redis_exporter_scrape_duration_seconds": _OTHERS_OWN,
    "redis_exporter_scrapes_total": _OTHERS_OWN,
    "redis_target_scrape_request_errors_total": _OTHERS_OWN,
}
"""Families of redis_exporter that we do not have.

Besides, two differ in what they hold: the quantiles of `redis_latency_percentiles_usec` are parts of one and not
percents, because OpenMetrics allows no others; and `redis_commands_latencies_usec` has the same bounds for every
command, where redis_exporter leaves out those that add nothing, so that its histograms cannot be added up.
"""


def _golden() -> dict[str, tuple[str, frozenset[str]]]:
    lines = [line.split() for line in GOLDEN.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {name: (kind, frozenset(labels.split(",")) - {"-"}) for name, kind, labels in lines}


def _ours() -> dict[str, MetricSpec]:
    return {spec.name: spec for spec in (*redis.METRICS, *redis_keys.METRICS)}


def test_types_and_labels_agree() -> None:
    ours = _ours()

    differing = {
        name: (kind, labels, ours[name])
        for name, (kind, labels) in _golden().items()
        if name in ours and (ours[name].kind.value, frozenset(ours[name].labels)) != (kind, labels)
    }

    assert differing == {}


def test_what_is_missing_is_known_and_little() -> None:
    golden = _golden()

    missing = golden.keys() - _ours().keys()

    assert missing == MISSING.keys()
    assert 1 - len(missing) / len(golden) >= 0.95


def test_further_families_bear_the_name_of_redis_or_of_the_service() -> None:
    strangers = {s.name for s in redis.METRICS if not s.own and not s.name.startswith("redis_")}

    assert strangers == set()
