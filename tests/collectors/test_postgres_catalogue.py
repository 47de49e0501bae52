"""Views of every version of PostgreSQL give their families; columns that a version lacks only lack their family.

15 and 18 are real servers. The others are known by their catalogue, from which relations of the same shape are made
on a real server, so that each statement really runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import Database
from jackpot_exporter.collectors import (
    postgres_database,
    postgres_io,
    postgres_replication,
    postgres_tables,
    postgres_vacuum,
    postgres_wal,
)
from jackpot_exporter.collectors._postgres_views import View
from jackpot_exporter.demo.servers import PostgresServer

GOLDEN = Path(__file__).parent.parent / "golden" / "postgres_catalogue.txt"
VIEWS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in (
        postgres_database,
        postgres_io,
        postgres_replication,
        postgres_tables,
        postgres_vacuum,
        postgres_wal,
    )
    for name, value in vars(module).items()
    if isinstance(value, View) and value.relation != "pg_catalog.pg_database"
}


def catalogue() -> dict[int, dict[str, dict[str, str]]]:
    """Version, view, column, type."""
    found: dict[int, dict[str, dict[str, str]]] = {}
    for line in GOLDEN.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        version, view, *columns = line.replace("double precision", "float8").split(" ")
        found.setdefault(int(version), {})[view] = dict(column.split(":", 1) for column in columns)
    return found


CATALOGUE = catalogue()


def families(version: int, *names: str) -> set[str]:
    """The families that the views named give on this version."""
    found = set()
    for name in names:
        view = VIEWS[name]
        columns = frozenset(CATALOGUE[version][view.relation.removeprefix("pg_catalog.")])
        found |= {measure.spec.name for measure in view.present(columns)}
    return found


@pytest.fixture(scope="module", params=[15, 18])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    with PostgresServer(version=request.param, settings={"shared_preload_libraries": "pg_stat_statements"}) as started:
        started.execute("create extension pg_stat_statements")
        yield started


@pytest.fixture(scope="module")
def scratch(postgres: PostgresServer) -> Iterator[Database]:
    """One database for all shapes; each test makes its schema anew."""
    name = "test_shapes"
    yield Database(postgres, name, postgres.create_database(name))
    postgres.drop_database(name)


def test_catalogue_is_that_of_real_servers(server: PostgresServer) -> None:
    [(number,)] = server.execute("select current_setting('server_version_num')::int / 10000")
    columns = "select attname from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped"

    real = {view: {name for (name,) in server.execute(columns, (view,))} for view in CATALOGUE[number]}

    assert real == {view: set(columns) for view, columns in CATALOGUE[number].items()}


@pytest.mark.parametrize("version", CATALOGUE)
@pytest.mark.parametrize("name", VIEWS)
def test_statement_runs_on_the_shape_of_every_version(scratch: Database, version: int, name: str) -> None:
    view = VIEWS[name]
    relation = view.relation.removeprefix("pg_catalog.")
    shapes = CATALOGUE[version]
    measures = view.present(frozenset(shapes[relation]))
    if not measures:
        assert not shapes[relation]
        return
    statement = view.statement(measures).replace("%s", "null")
    script = ["drop schema if exists shape cascade", "create schema shape"]
    for other, columns in shapes.items():
        name_of_view = rf"\bpg_catalog\.{other}\b"
        if columns and re.search(name_of_view, statement):
            # A view, as a table may not have a column called xmin.
            values = ", ".join(f"null::{kind} as {column}" for column, kind in columns.items())
            script.append(f"create view shape.{other} as select {values}")
            statement = re.sub(name_of_view, f"shape.{other}", statement)

    scratch.execute("; ".join([*script, statement]))

    assert "shape." in statement


def test_checkpoints_move_to_a_view_of_their_own_in_17() -> None:
    views = ("postgres_io.BGWRITER", "postgres_io.CHECKPOINTER")

    assert "pg_stat_bgwriter_checkpoints_timed_total" in families(16, *views)
    assert "pg_stat_checkpointer_num_timed_total" not in families(16, *views)
    assert "pg_stat_bgwriter_checkpoints_timed_total" not in families(17, *views)
    assert "pg_stat_checkpointer_num_timed_total" in families(17, *views)
    assert "pg_stat_bgwriter_buffers_clean_total" in families(13, *views) & families(18, *views)


def test_input_and_output_has_bytes_in_every_version_that_counts_it() -> None:
    assert families(15, "postgres_io.IO") == set()
    for version in (16, 17, 18):
        assert {"pg_stat_io_read_bytes_total", "pg_stat_io_reads_total"} <= families(version, "postgres_io.IO")


def test_no_version_gives_a_family_twice() -> None:
    for version, shapes in CATALOGUE.items():
        for view in VIEWS.values():
            columns = frozenset(shapes[view.relation.removeprefix("pg_catalog.")])
            names = [measure.spec.name for measure in view.present(columns)]
            assert len(names) == len(set(names)), (version, names)


def test_dead_rows_are_counted_before_and_after_17() -> None:
    for version in CATALOGUE:
        assert "pg_stat_progress_vacuum_num_dead_tuples" in families(version, "postgres_vacuum.PROGRESS")
