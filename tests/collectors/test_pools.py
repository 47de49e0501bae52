"""The pools collector on a real PostgreSQL: good data, bad data, and a table that it may not read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from conftest import Database
from harness.pool_table import TABLE
from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors import discover
from jackpot_exporter.collectors._pools.settings import PoolsSettings
from jackpot_exporter.collectors.pools import TYPE
from jackpot_exporter.config import compose
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.exposition import Format, Known, document
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect
from jackpot_exporter.store import Batch

ROW = "insert into jackpots values (%s, %s, %s, %s, null, null, 1, now(), now())"

TIMEOUT_SECONDS = 30.0

Collect = Callable[..., Any]


@pytest.fixture
async def pools(database: Database) -> AsyncIterator[Callable[..., Pools]]:
    database.execute(TABLE)
    async with AsyncExitStack() as stack:

        def make(dsn: str = database.dsn, **settings: Any) -> Pools:
            made = Pools(dsn, settings)
            stack.push_async_callback(made.clients.close)
            return made

        yield make


class Pools:
    """One collector that is asked round after round."""

    def __init__(self, dsn: str, settings: dict[str, Any]) -> None:
        target = compose([kind.section for kind in discover()]).model_validate({"postgres": {"dsn": dsn}})
        self.clients = Clients(target)
        collector = TYPE.build(PoolsSettings.model_validate(settings), TIMEOUT_SECONDS, self.clients)
        assert collector is not None
        self.job = Job("pools", collector, 15, TIMEOUT_SECONDS)

    async def round(self) -> Batch:
        return await collect(self.job, "jackpot")

    async def values(self) -> dict[tuple[str, ...], float]:
        batch = await self.round()
        assert batch.outcome is Outcome.OK, batch.message
        return values_of(batch)


def values_of(batch: Batch) -> dict[tuple[str, ...], float]:
    text = document(batch.families.values(), Format.TEXT).decode()
    return {
        (sample.name.removeprefix("jackpot_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_every_family_of_a_pool(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(
        "insert into jackpots values ('mega', 500, 900, 2, 400, '2026-01-02 03:04:05+00', 7,"
        " '2026-01-01 00:00:00+00', now())"
    )

    found = await pools().values()

    assert found["pool_amount_cents", "mega"] == 500
    assert found["contributions_cents_total", "mega"] == 900
    assert found["wins_total", "mega"] == 2
    assert found["pool_last_won_amount_cents", "mega"] == 400
    assert found["pool_last_won_timestamp_seconds", "mega"] == 1767323045
    assert found["pool_created_timestamp_seconds", "mega"] == 1767225600
    assert found["pool_version", "mega"] == 7
    assert found["pool_status", "mega", "active"] == 1
    assert found["pool_status", "mega", "error"] == 0
    assert found["table_accessible",] == 1
    assert found["integrity_violations", "conservation"] == 0


async def test_null_gives_no_sample(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute("insert into jackpots values ('mega', null, null, null, null, null, null, null, null)")

    found = await pools().values()

    assert {key[0] for key in found} == {"pool_status", "table_accessible", "integrity_violations"}


async def test_an_empty_table_is_no_failure(pools: Callable[..., Pools]) -> None:
    found = await pools().values()

    assert found["table_accessible",] == 1


@pytest.mark.parametrize(
    "name",
    ['quo"te', "new\nline", "tab\there", "back\\slash", "\\N", "\\.", "emoji 🎰", "", " ", "x" * 5000, "\x01\x7f"],
)
async def test_any_name_survives(database: Database, pools: Callable[..., Pools], name: str) -> None:
    database.execute(ROW, (name, 5, 5, 0))

    found = await pools().values()

    assert found["pool_amount_cents", name] == 5


async def test_bytes_that_are_no_utf8_become_replacement_characters(
    postgres: PostgresServer, pools: Callable[..., Pools]
) -> None:
    postgres.execute("create database raw_bytes encoding 'SQL_ASCII' locale 'C' template template0")
    try:
        for statement in (TABLE, ROW.replace("%s, %s, %s, %s", r"convert_from('\xff41', 'SQL_ASCII'), 5, 5, 0")):
            postgres.execute(statement, database="raw_bytes")
        found = await pools(postgres.dsn_of("raw_bytes")).values()
    finally:
        postgres.drop_database("raw_bytes")

    assert found["pool_amount_cents", "\ufffdA"] == 5


@pytest.mark.parametrize(
    ("amount", "contributions", "shown", "counted"),
    [
        pytest.param(-5, 5, -5.0, 5.0, id="negative amount"),
        pytest.param(2**62, 2**53 + 9, float(2**62), 9.0, id="beyond 2 to 53"),
        pytest.param(0, 0, 0.0, 0.0, id="zero"),
    ],
)
async def test_amounts(
    database: Database, pools: Callable[..., Pools], amount: int, contributions: int, shown: float, counted: float
) -> None:
    database.execute(ROW, ("mega", amount, contributions, 0))

    found = await pools().values()

    assert found["pool_amount_cents", "mega"] == shown
    assert found["contributions_cents_total", "mega"] == counted
    assert found["pool_status", "mega", "error"] == float(amount < 0)
    assert found["integrity_violations", "negative_amount"] == float(amount < 0)


async def test_a_counter_below_zero_is_left_out_and_said(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(ROW, ("mega", 5, -5, 0))
    database.execute(ROW, ("minor", 5, 5, 0))

    batch = await pools().round()
    found = values_of(batch)

    assert ("contributions_cents_total", "mega") not in found
    assert found["contributions_cents_total", "minor"] == 5
    assert [(note.key, note.outcome) for note in batch.notes] == [("contributions_cents_total", Outcome.BAD_DATA)]


async def test_numeric_and_uuid_columns(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(
        'alter table jackpots alter "group" type uuid using null,'
        " alter current_amount type numeric, alter total_contributions type numeric(20, 2)"
    )
    database.execute(ROW, ("123e4567-e89b-12d3-a456-426614174000", "12.50", "7.25", 0))
    database.execute(ROW, ("123e4567-e89b-12d3-a456-426614174001", "NaN", "1e17", 0))

    found = await pools().values()

    assert found["pool_amount_cents", "123e4567-e89b-12d3-a456-426614174000"] == 12.5
    assert found["contributions_cents_total", "123e4567-e89b-12d3-a456-426614174000"] == 7.25
    amount = found["pool_amount_cents", "123e4567-e89b-12d3-a456-426614174001"]
    assert amount != amount  # noqa: PLR0124 - NaN


async def test_a_column_of_words_hurts_its_own_family_only(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute("alter table jackpots alter version type text")
    database.execute("insert into jackpots values ('mega', 5, 5, 0, null, null, 'v1', now(), now())")

    batch = await pools().round()

    assert batch.outcome is Outcome.OK
    assert [note.key for note in batch.notes] == ["pool_version"]
    assert ("pool_amount_cents", "mega") in values_of(batch)


async def test_other_names_and_further_labels(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute('create schema "Odd"; create table "Odd"."t ""x" (name text, cents int, game int)')
    database.execute("""insert into "Odd"."t ""x" values ('mega', 5, 1), ('mega', 6, 2), ('mega', 7, null)""")
    columns = {
        "pool": "name", "amount": "cents", "contributions": None, "wins": None, "last_won_amount": None,
        "last_won_at": None, "version": None, "created_at": None, "updated_at": None,
    }  # fmt: skip

    found = await pools(table='Odd.t "x', columns=columns, labels={"game_id": "game"}).values()

    amounts = {key: value for key, value in found.items() if key[0] == "pool_amount_cents"}
    assert amounts == {
        ("pool_amount_cents", "mega", "1"): 5,
        ("pool_amount_cents", "mega", "2"): 6,
        ("pool_amount_cents", "mega", ""): 7,
    }


async def test_rows_of_equal_labels_are_added_up_and_said(database: Database, pools: Callable[..., Pools]) -> None:
    for amount in (5, 6):
        database.execute(ROW, ("mega", amount, 10, 1))

    batch = await pools().round()
    found = values_of(batch)

    assert found["pool_amount_cents", "mega"] == 11
    assert found["wins_total", "mega"] == 2
    assert ("pool_version", "mega") not in found
    assert [note.key for note in batch.notes] == ["duplicates"]


async def test_pools_over_the_cap_are_added_up_as_other(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(
        "insert into jackpots select 'p' || lpad(n::text, 4, '0'), n, n, 1, null, null, 1, now(), now()"
        " from generate_series(1, 100) n"
    )
    collector = pools(max_series=110)

    batch = await collector.round()
    found = values_of(batch)

    shown = [key for key in found if key[0] == "pool_amount_cents"]
    assert len(shown) == 10
    assert sum(found[key] for key in shown) == 5050
    assert sum(value for key, value in found.items() if key[0] == "wins_total") == 100
    assert batch.notes[0].dropped == 91 * 11
    assert sum(family.series for family in batch.families.values()) <= 110 + 10


async def test_a_pool_once_shown_stays_shown(database: Database, pools: Callable[..., Pools]) -> None:
    for name in "bcdefghijkl":
        database.execute(ROW, (name, 1, 1, 0))
    collector = pools(max_series=110)
    before = {key[1] for key in await collector.values() if key[0] == "pool_amount_cents"}

    database.execute(ROW, ("a", 1, 1, 0))
    after = {key[1] for key in await collector.values() if key[0] == "pool_amount_cents"}

    assert after == before


@pytest.mark.parametrize(
    ("ruin", "outcome", "words"),
    [
        pytest.param("drop table jackpots", Outcome.MISSING, "no table public.jackpots in database", id="table"),
        pytest.param(
            "alter table jackpots rename version to revision",
            Outcome.MISSING,
            "public.jackpots has no column version; it has created_at, current_amount",
            id="column",
        ),
    ],
)
async def test_what_is_missing_is_named_and_its_return_is_seen(
    database: Database, pools: Callable[..., Pools], ruin: str, outcome: Outcome, words: str
) -> None:
    collector = pools()
    await collector.values()

    database.execute(ruin)
    await collector.round()  # may fail on what was known of the table before
    batch = await collector.round()

    assert batch.outcome is outcome
    assert words in batch.message
    assert values_of(batch) == {("table_accessible",): 0}

    database.execute("drop table if exists jackpots")
    database.execute(TABLE)
    assert (await collector.values())["table_accessible",] == 1


async def test_a_missing_grant_is_told(
    postgres: PostgresServer, database: Database, pools: Callable[..., Pools]
) -> None:
    postgres.create_role("reader_without_grant", "pw")
    collector = pools(postgres.dsn_of(database.name, "reader_without_grant", "pw"))

    batch = await collector.round()

    assert batch.outcome is Outcome.PERMISSION
    assert "run: grant select on public.jackpots to reader_without_grant" in batch.message
    assert values_of(batch) == {("table_accessible",): 0}


async def test_one_locked_round_is_a_migration_two_are_a_fault(database: Database, pools: Callable[..., Pools]) -> None:
    collector = pools()
    await collector.values()

    with database.server.connect(database.name) as locker:
        locker.execute("begin; lock table jackpots in access exclusive mode")
        first, second = await collector.round(), await collector.round()

    assert (first.outcome, second.outcome) == (Outcome.TIMEOUT, Outcome.TIMEOUT)
    assert values_of(first) == {}
    assert values_of(second) == {("table_accessible",): 0}
    assert first.seconds < 4
    assert (await collector.values())["table_accessible",] == 1


async def test_a_hundred_thousand_pools(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(
        "insert into jackpots select n::text, 1, 1, 0, null, null, 1, now(), now() from generate_series(1, 100000) n"
    )

    found = await pools().values()

    amounts = {key: value for key, value in found.items() if key[0] == "pool_amount_cents"}
    assert sum(amounts.values()) == 100_000
    assert len(amounts) == 20_000 // 11


VIOLATION = "update jackpots set updated_at = clock_timestamp(), version = version + 1, "


@pytest.mark.parametrize(
    ("change", "check"),
    [
        pytest.param(VIOLATION + "current_amount = current_amount - 3", "conservation", id="money vanished"),
        pytest.param(VIOLATION + "current_amount = current_amount + 3", "conservation", id="money from nowhere"),
        pytest.param(
            VIOLATION.replace("+ 1", "- 1").rstrip(", "), "version_regression", id="an older version came back"
        ),
        pytest.param(
            "update jackpots set current_amount = current_amount + 1, total_contributions = total_contributions + 1",
            "stale_update",
            id="time of update not written",
        ),
        pytest.param(
            VIOLATION + "total_wins = total_wins + 1, last_won_amount = 10, last_won_at = now()",
            "win_without_reset",
            id="win not taken out of the pool",
        ),
        pytest.param(
            "alter table jackpots add constraint c check (version < 0) not valid",
            "unvalidated_constraint",
            id="constraint",
        ),
    ],
)
async def test_each_corruption_raises_its_own_check_and_keeps_it(
    database: Database, pools: Callable[..., Pools], change: str, check: str
) -> None:
    database.execute(ROW, ("mega", 1000, 5000, 3))
    database.execute(ROW, ("minor", 1000, 5000, 3))
    collector = pools()
    await collector.values()

    database.execute(change if "alter" in change else change + " where \"group\" = 'mega'")

    for _round in range(3):
        found = await collector.values()
        raised = {key[1] for key, value in found.items() if key[0] == "integrity_violations" and value}
        assert raised == {check}


async def test_contributions_and_wins_violate_nothing(database: Database, pools: Callable[..., Pools]) -> None:
    database.execute(ROW, ("mega", 1000, 5000, 3))
    collector = pools()
    await collector.values()

    for change in (
        VIOLATION + "current_amount = current_amount + 7, total_contributions = total_contributions + 7",
        VIOLATION + "current_amount = 100, total_wins = total_wins + 1, last_won_amount = 1007, last_won_at = now()",
        VIOLATION + "current_amount = current_amount + 9, total_contributions = total_contributions + 9",
    ):
        database.execute(change.rstrip(", "))
        found = await collector.values()
        assert not any(value for key, value in found.items() if key[0] == "integrity_violations")


PLAY = "update jackpots set current_amount = current_amount + 7, total_contributions = total_contributions + 7"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(PLAY + " where \"group\" like 'p%7'", id="some rows change"),
        pytest.param("delete from jackpots where \"group\" = 'p0003'", id="a row goes, all behind it move"),
        pytest.param("insert into jackpots values ('p0003b', 1, 2, 3, null, null, 1, now(), now())", id="a row comes"),
        pytest.param("update jackpots set current_amount = -5 where \"group\" = 'p1500'", id="below zero"),
        pytest.param("update jackpots set total_wins = -1 where \"group\" = 'p1500'", id="nonsense"),
        pytest.param("update jackpots set last_won_amount = null, last_won_at = null", id="values go"),
        pytest.param("update jackpots set updated_at = updated_at - interval '2 days'", id="pools become inactive"),
    ],
)
async def test_a_change_shows_what_a_new_collector_would_show(
    database: Database, pools: Callable[..., Pools], change: str
) -> None:
    database.execute(
        "insert into jackpots select 'p' || lpad(n::text, 4, '0'), n, n, 1, 5, now(), 1, now(), now()"
        " from generate_series(1, 2100) n"
    )
    collector = pools(max_series=1_000_000)
    known = Known()
    await collect(collector.job, "jackpot", known)

    database.execute(change)
    after = values_of(await collect(collector.job, "jackpot", known))

    fresh = values_of(await pools(max_series=1_000_000).round())
    assert {k: v for k, v in after.items() if k[0] != "integrity_violations"} == {
        k: v for k, v in fresh.items() if k[0] != "integrity_violations"
    }
