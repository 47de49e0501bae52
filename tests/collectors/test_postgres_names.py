"""Our families agree with postgres_exporter's in name, type and labels, but for what these tables name and why."""

from __future__ import annotations

from pathlib import Path

import pytest

from jackpot_exporter.collectors import discover
from jackpot_exporter.model import MetricSpec

GOLDEN = Path(__file__).parent.parent / "golden"

_OTHERS_OWN = "is about the other exporter; ours are jackpot_exporter_*"
MISSING = {
    "pg_exporter_last_scrape_duration_seconds": _OTHERS_OWN,
    "pg_exporter_last_scrape_error": _OTHERS_OWN,
    "pg_exporter_scrapes_total": _OTHERS_OWN,
    "pg_scrape_collector_duration_seconds": _OTHERS_OWN,
    "pg_scrape_collector_success": _OTHERS_OWN,
    "postgres_exporter_build_info": _OTHERS_OWN,
    "postgres_exporter_config_last_reload_success_timestamp_seconds": _OTHERS_OWN,
    "postgres_exporter_config_last_reload_successful": _OTHERS_OWN,
    "pgbouncer_stats_totals_queries_total": "its column `requests` is gone since PgBouncer 1.8",
}
"""Families of the other exporters that we do not have.

Besides, some differ in what they hold. NULL gives no sample where postgres_exporter shows 0 or NaN
(`pg_stat_archiver_last_archive_age`, `pg_stat_user_tables_last_vacuum`). Sessions of the exporter itself do not count
as long-running transactions. `pg_process_idle_seconds` counts idle sessions only, and all of them.
`pg_stat_replication_*` have the slot's name in `slot_name`, where postgres_exporter has a process id.
`pgbouncer_pools_client_maxwait_seconds` has the microseconds, which pgbouncer_exporter drops. Settings are those that
new sessions get, not those of the exporter's own session.
"""
DIFFERENT = {
    "pg_stat_database_conflicts_confl_active_logicalslot": "a counter as its siblings are; untyped there for want of a"
    " description",
}


def golden(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    lines = [line.split() for line in (GOLDEN / name).read_text("utf-8").splitlines() if not line.startswith("#")]
    return {name: (kind, frozenset(labels.split(",")) - {"-"}) for name, kind, labels in lines}


def ours() -> dict[str, MetricSpec]:
    sources = ("postgres", "pgbouncer")
    return {spec.name: spec for kind in discover() if kind.name.startswith(sources) for spec in kind.metrics}


FILES = ["postgres_exporter.txt", "postgres_exporter_more.txt", "pgbouncer_exporter.txt"]


@pytest.mark.parametrize("file", FILES)
def test_types_and_labels_agree(file: str) -> None:
    have = ours()

    differing = {
        name: (kind, labels, have[name])
        for name, (kind, labels) in golden(file).items()
        if name in have and (have[name].kind.value, frozenset(have[name].labels)) != (kind, labels)
    }

    assert differing.keys() == DIFFERENT.keys() & golden(file).keys()


@pytest.mark.parametrize("file", FILES)
def test_what_is_missing_is_known(file: str) -> None:
    named = golden(file)

    missing = {name for name in named.keys() - ours().keys() if not name.startswith("pg_settings_")}

    assert missing == MISSING.keys() & named.keys()


def test_all_default_families_but_those_about_the_exporter_are_there() -> None:
    named = golden("postgres_exporter.txt")

    about_databases = {name for name in named if MISSING.get(name) != _OTHERS_OWN}

    assert about_databases <= ours().keys()


def test_settings_bear_the_names_of_postgres_exporter() -> None:
    theirs = {name for name in golden("postgres_exporter_more.txt") if name.startswith("pg_settings_")}

    have = {name for name in ours() if name.startswith("pg_settings_")}

    assert have - theirs == {"pg_settings_pending_restart"}


def test_further_families_bear_the_name_of_postgresql_pgbouncer_or_of_the_service() -> None:
    assert {
        spec.name for spec in ours().values() if not spec.own and not spec.name.startswith(("pg_", "pgbouncer_"))
    } == set()


def test_no_family_is_declared_by_two_collectors_with_different_labels() -> None:
    kinds = [kind for kind in discover() if kind.name.startswith(("postgres", "pgbouncer"))]
    declared: dict[str, set[tuple[str, frozenset[str]]]] = {}
    for kind in kinds:
        for spec in kind.metrics:
            declared.setdefault(spec.name, set()).add((spec.kind.value, frozenset(spec.labels)))

    assert {name: shapes for name, shapes in declared.items() if len(shapes) > 1} == {}
