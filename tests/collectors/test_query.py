"""SQL of packs and sites: what its rows become, and that what is wrong hurts no more than itself."""

from __future__ import annotations

from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import Database
from harness.monitor import monitor_dsn
from harness.rounds import Round, Target
from jackpot_exporter.collectors import postgres, query
from jackpot_exporter.demo.servers import PgBouncerServer
from jackpot_exporter.model import Outcome

GAUGE = {"help": "A thing."}


def settings(database: Database, **queries: object) -> dict[str, Any]:
    return {"postgres": {"dsn": monitor_dsn(database.server, database.name)}, "queries": queries}


async def ask(database: Database, sql: str, metrics: dict[str, Any], **more: object) -> Round:
    block = {"sql": sql, "metrics": metrics, **more}
    async with Target(settings(database, one=block), postgres.TYPE, query.TYPE) as target:
        return await target.collect("query_one")


async def test_rows_become_series_labelled_by_columns(database: Database) -> None:
    sql = "select * from (values ('won', true, 3), ('lost', false, 4)) as t(state, big, bets)"

    found = await ask(database, sql, {"shop_bets": {"help": "Bets.", "labels": ["state", "big"]}})

    assert found.outcome is Outcome.OK
    assert found.value("shop_bets", state="won", big="true") == 3
    assert found.value("shop_bets", state="lost", big="false") == 4


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("12.5::numeric", 12.5),
        ("9007199254740000::numeric", 9007199254740000),
        ("true", 1),
        ("'infinity'::float", float("inf")),
        ("to_timestamp(1700000000.25)", 1700000000.25),
        ("interval '1 minute 30 seconds'", 90),
    ],
)
async def test_what_stands_for_a_number(database: Database, value: str, expected: float) -> None:
    found = await ask(database, f"select {value} as x", {"shop_x": GAUGE})

    assert found.value("shop_x") == expected


async def test_null_is_no_sample_and_no_error(database: Database) -> None:
    found = await ask(database, "select null::int as x, 2 as y", {"shop_x": GAUGE, "shop_y": GAUGE})

    assert found.outcome is Outcome.OK
    assert found.notes == {}
    assert found.names == {"shop_y"}


async def test_a_counter_is_there_before_its_first_row(database: Database) -> None:
    always = {"band": ["small", "large"]}
    metrics = {"shop_bets_total": {"type": "counter", "help": "B.", "labels": ["band"], "always": always}}

    found = await ask(database, "select 'small' as band, 7 as bets_total", metrics)

    assert found.by("shop_bets_total", "band") == {"small": 7, "large": 0}


async def test_a_histogram_from_an_array(database: Database) -> None:
    sql = "select array[1, 3] as wait_seconds_bucket, 12.5 as wait_seconds_sum, 4 as wait_seconds_count"
    metrics = {"shop_wait_seconds": {"type": "histogram", "help": "W.", "buckets": [1, 10]}}

    found = await ask(database, sql, metrics)

    [family] = text_string_to_metric_families(found.text)
    buckets = {sample.labels["le"]: sample.value for sample in family.samples if sample.name.endswith("_bucket")}
    assert {float(le): value for le, value in buckets.items()} == {1: 1, 10: 3, float("inf"): 4}
    assert found.value("shop_wait_seconds_sum") == 12.5


@pytest.mark.parametrize(
    ("sql", "family", "why"),
    [
        ("select 'x' as bad, 1 as good", GAUGE, "not str"),
        ("select now()::timestamp as bad, 1 as good", GAUGE, "use timestamptz"),
        ("select 1 as other, 1 as good", GAUGE, "has no column bad"),
        ("select 1 as bad, 2 as bad, 1 as good", GAUGE, "has two columns bad"),
        (
            "select s as bad, s, 1 as good from (values (1), (1)) as t(s) limit 1",
            {"help": "x", "labels": ["t"]},
            "has no column t",
        ),
        ("select -1 as bad, 1 as good", {**GAUGE, "type": "counter"}, "never below zero"),
        ("select 1 as bad_bucket, 1 as good", {**GAUGE, "type": "histogram", "buckets": [1]}, "has no column bad_sum"),
        (
            "select array[5, 3] as bad_bucket, 1 as bad_sum, 9 as bad_count, 1 as good",
            {**GAUGE, "type": "histogram", "buckets": [1, 2]},
            "not cumulative",
        ),
    ],
)
async def test_a_wrong_family_hurts_only_itself(database: Database, sql: str, family: dict[str, Any], why: str) -> None:
    found = await ask(database, sql, {"shop_bad": family, "shop_good": GAUGE})

    assert found.notes == {"shop_bad": Outcome.BAD_DATA}
    assert why in found.batch.notes[0].message
    assert found.names == {"shop_good"}
    assert found.value("shop_good") == 1


async def test_rows_of_the_same_labels_are_told_and_not_chosen_from(database: Database) -> None:
    sql = "select * from (values ('a', 1), ('a', 2)) as t(kind, x)"

    found = await ask(database, sql, {"shop_x": {**GAUGE, "labels": ["kind"]}})

    assert found.notes == {"shop_x": Outcome.BAD_DATA}
    assert found.names == set()


async def test_too_many_rows_are_no_sum_of_some(database: Database) -> None:
    sql = "select n as x, n::text as kind from generate_series(1, 1000000) as n"

    found = await ask(database, sql, {"shop_x": {**GAUGE, "labels": ["kind"]}}, max_rows=10)

    assert found.outcome is Outcome.BAD_DATA
    assert "max_rows, 10" in (found.batch.message or "")


@pytest.mark.parametrize(
    "sql",
    [
        "select 1 as x; create table stolen ()",
        "select 1 as x) as a; commit; create table stolen (); select * from (select 1 as x",
        "with gone as (delete from t returning 1) select count(*) as x from gone",
        "select nextval('numbers') as x",
    ],
)
async def test_nothing_is_written(database: Database, sql: str) -> None:
    database.execute("create table t as select 1 as n")
    database.execute("create sequence numbers")

    found = await ask(database, sql, {"shop_x": GAUGE})

    assert not found.outcome.is_success
    assert database.execute("select count(*) from t") == [(1,)]
    assert database.execute("select to_regclass('stolen')") == [(None,)]


async def test_nothing_is_written_behind_a_pooler(database: Database) -> None:
    """Which prepares nothing, and would take several statements at once."""
    with PgBouncerServer(database.server) as pooler:
        sql = "select 1 as x) as a; commit; create table stolen (); select * from (select 1 as x"
        block = {"sql": sql, "metrics": {"shop_x": GAUGE}}
        source = {"postgres": {"dsn": pooler.dsn_of(database.name)}, "queries": {"one": block}}
        async with Target(source, postgres.TYPE, query.TYPE) as target:
            found = await target.collect("query_one")

    assert not found.outcome.is_success
    assert database.execute("select to_regclass('stolen')") == [(None,)]


async def test_percent_signs_and_braces_are_the_querys_own(database: Database) -> None:
    found = await ask(database, "select 5 % 3 as x where 'a{b}' like 'a%' -- {} %s", {"shop_x": GAUGE})

    assert found.value("shop_x") == 2


async def test_a_slow_query_takes_a_connection_of_its_own_and_leaves_none(database: Database) -> None:
    slow = {"sql": "select pg_sleep(1)::text, 1 as x", "metrics": {"shop_x": GAUGE}, "interval": 10}
    quick = {"sql": "select 2 as y", "metrics": {"shop_y": GAUGE}, "interval": 3, "timeout": 2}
    async with Target(settings(database, slow=slow, quick=quick), postgres.TYPE, query.TYPE) as target:
        assert (await target.collect("query_slow")).value("shop_x") == 1
        assert (await target.collect("query_quick")).value("shop_y") == 2
        names = database.execute(
            "select application_name from pg_stat_activity where datname = current_database()"
            " and application_name like 'jackpot-exporter/%'"
        )

    assert names == [("jackpot-exporter/queries",)]


async def test_a_query_that_never_ends_is_ended_by_the_server(database: Database) -> None:
    found = await ask(database, "select pg_sleep(60)::text, 1 as x", {"shop_x": GAUGE}, interval=3, timeout=2)

    assert found.outcome is Outcome.TIMEOUT
    running = "select count(*) from pg_stat_activity where query like '%pg_sleep(60)%' and pid <> pg_backend_pid()"
    assert database.execute(f"{running} and state = 'active'") == [(0,)]


async def test_a_missing_grant_names_the_role(database: Database) -> None:
    database.execute("create table secret as select 1 as x")

    found = await ask(database, "select x from secret", {"shop_x": GAUGE})

    assert found.outcome is Outcome.PERMISSION
    assert "grant it to " in (found.batch.message or "")
