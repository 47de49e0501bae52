"""What reading 10,000 large statements costs the server: time, and nothing on disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.monitor import monitor_dsn, run_script
from harness.rounds import Target
from jackpot_exporter.collectors import postgres, postgres_statements
from jackpot_exporter.demo.servers import PostgresServer

STATEMENTS = """
do $$ begin
    for i in 1..100 loop
        for j in 1..100 loop
            execute format('select c%s, c%s from wide /* %s */ limit 1', i, j, repeat('y', 4000));
        end loop;
    end loop;
end $$
"""


@pytest.fixture(scope="module")
def crowded() -> Iterator[PostgresServer]:
    settings: dict[str, str | int] = {
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.max": 12_000,
        "pg_stat_statements.track": "all",
        "log_temp_files": 0,
    }
    with PostgresServer(settings=settings) as started:
        started.create_database("jackpot")
        run_script(started, "exporter-statements.sql", "jackpot")
        columns = ", ".join(f"c{n} int" for n in range(1, 101))
        started.execute(f"create table wide ({columns})", database="jackpot")
        started.execute(STATEMENTS, database="jackpot")
        yield started


async def test_ten_thousand_large_statements_cost_no_temporary_file(crowded: PostgresServer) -> None:
    files = "select temp_files from pg_stat_database where datname = 'jackpot'"
    operations = {"first": "select c1, c1 from wide%", "last": "select c100, c100 from wide%"}
    settings = {"dsn": monitor_dsn(crowded, "jackpot"), "statements": {"operations": operations}}
    async with Target({"postgres": settings}, postgres.TYPE, postgres_statements.TYPE) as exporter:
        rounds = [await exporter.collect("postgres_statements") for _ in range(4)]

    assert (rounds[0].value("pg_stat_statements_tracked") or 0) >= 10_000
    assert crowded.execute(files) == [(0,)]
    assert "temporary file" not in crowded.log_text()
    assert {len(found.series) for found in rounds} == {5 * 100 + 3 + 3 * 2}
    assert rounds[-1].by("jackpot_database_statement_calls_total", "operation") == {"first": 1, "last": 1}
