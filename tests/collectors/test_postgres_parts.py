"""What cannot be had costs only itself."""

from __future__ import annotations

import psycopg
import pytest

from conftest import Database
from jackpot_exporter.clients.postgres import PostgresSession, Reader
from jackpot_exporter.collectors._postgres import Part, PartsCollector
from jackpot_exporter.collectors._postgres_views import Cap, View, frames, plain
from jackpot_exporter.config import PostgresSource
from jackpot_exporter.demo.servers import PostgresServer
from jackpot_exporter.errors import MissingError, RefusedError, SourceError
from jackpot_exporter.model import Frame, Item, Note, Outcome, Sample, gauge

ONE = gauge("one", "")
FOUND = gauge("found", "", "name")


async def one(reader: Reader) -> list[Item]:
    [(value,)] = await reader.rows("select 1")
    return [ONE.sample(value)]


async def forbidden(reader: Reader) -> list[Item]:
    await reader.rows("select * from forbidden")
    return []


async def missing(reader: Reader) -> list[Item]:
    await reader.rows("select * from nowhere")
    return []


async def locked(reader: Reader) -> list[Item]:
    await reader.rows("select * from locked")
    return []


@pytest.fixture
def dsn(database: Database) -> str:
    database.execute("create table forbidden (n int); create table locked (n int)")
    if not database.execute("select 1 from pg_roles where rolname = 'blind'"):
        database.server.create_role("blind", "sightless")
    database.execute("grant select on locked to blind")
    return database.server.dsn_of(database.name, "blind", "sightless")


async def collect(dsn: str, *parts: Part) -> list[Item]:
    session = PostgresSession(PostgresSource(dsn=dsn, lock_timeout=0.1), "test", 30)
    try:
        return [item async for item in PartsCollector(session, *parts).collect()]
    finally:
        await session.close()


async def test_parts_around_one_that_cannot_be_had_are_there(dsn: str, database: Database) -> None:
    parts = (Part("a", one), Part("b", forbidden), Part("c", missing), Part("d", locked), Part("e", one))
    with psycopg.connect(database.dsn) as holder:
        holder.execute("lock table locked in access exclusive mode")

        items = await collect(dsn, *parts)

    notes = {item.key: item.outcome for item in items if isinstance(item, Note)}
    assert notes == {"b": Outcome.PERMISSION, "c": Outcome.MISSING, "d": Outcome.TIMEOUT}
    assert [item for item in items if isinstance(item, Sample)] == [ONE.sample(1)] * 2


async def test_parts_share_one_transaction_as_long_as_nothing_fails(dsn: str) -> None:
    seen: list[str] = []

    async def transaction(reader: Reader) -> list[Item]:
        [(name,)] = await reader.rows("select pg_current_snapshot()::text || now()")
        seen.append(name)
        return []

    await collect(dsn, Part("a", transaction), Part("b", transaction))

    assert len(seen) == 2
    assert len(set(seen)) == 1


@pytest.mark.parametrize(
    ("address", "error"),
    [("postgresql://127.0.0.1:1/x", RefusedError), ("postgresql://postgres@127.0.0.1:{port}/nowhere", MissingError)],
    ids=["server", "database"],
)
async def test_what_cannot_be_connected_to_fails_the_whole_and_not_each_part(
    postgres: PostgresServer, address: str, error: type[SourceError]
) -> None:
    with pytest.raises(error):
        await collect(address.format(port=postgres.port), Part("a", one), Part("b", one))


async def test_connection_is_kept_and_idle_when_the_caller_did_not_like_an_answer(database: Database) -> None:
    session = PostgresSession(PostgresSource(dsn=database.dsn), "test", 5)
    pids = []

    async def dislike() -> None:
        async with session.read() as reader:
            pids.extend(await reader.rows("select pg_backend_pid()"))
            raise MissingError("the table has no column pool")

    for _ in range(2):
        with pytest.raises(MissingError):
            await dislike()

    [(state,)] = database.execute("select state from pg_stat_activity where pid = %s", pids[0])
    assert state == "idle"
    assert pids[0] == pids[1]
    await session.close()


async def test_changed_shape_of_a_view_is_learnt_by_the_next_round(database: Database) -> None:
    view = View("public.shape", ("'x'",), (plain(FOUND, "old"), plain(gauge("more", "", "name"), "new")))
    session = PostgresSession(PostgresSource(dsn=database.dsn), "test", 5)
    collector = PartsCollector(session, Part("shape", view.read))
    database.execute("create view shape as select 1 as old")

    async def families() -> list[str]:
        items = [item async for item in collector.collect()]
        names = [column.spec.name for item in items if isinstance(item, Frame) for column in item.columns]
        return names or [type(item).__name__ for item in items]

    assert await families() == ["found"]
    database.execute("drop view shape; create view shape as select 2 as new")
    assert await families() == ["Note"]
    assert await families() == ["more"]
    await session.close()


async def test_changed_type_of_a_prepared_result_costs_one_round(database: Database) -> None:
    view = View("public.shape", ("'x'",), (plain(FOUND, "n"),))
    session = PostgresSession(PostgresSource(dsn=database.dsn), "test", 5)
    collector = PartsCollector(session, Part("shape", view.read))
    database.execute("create view shape as select 1::int as n")
    for _ in range(3):
        assert [type(item) async for item in collector.collect()] == [Frame]
    database.execute("drop view shape; create view shape as select 2::bigint as n")

    first = [type(item) async for item in collector.collect()]
    second = [type(item) async for item in collector.collect()]

    assert first == [Note]
    assert second == [Frame]
    await session.close()


def test_rows_with_the_same_labels_give_one_series() -> None:
    [frame] = frames([("a", 1), ("a", 2), ("b", 3)], [FOUND], 1)

    assert list(frame.rows) == [("a",), ("b",)]
    assert list(frame.columns[0].values) == [1, 3]


def test_view_whose_labels_do_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="found has labels"):
        View("pg_catalog.pg_class", (), (plain(FOUND, "relpages"),))


def test_cap_keeps_who_is_in_and_gives_free_places_to_others() -> None:
    cap = Cap(2)

    assert cap.admit(["a", "b", "c"]) == {"a", "b"}
    assert cap.admit(["c", "b", "a"]) == {"a", "b"}
    assert cap.admit(["c", "b"]) == {"b", "c"}
