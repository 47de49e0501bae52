"""No cent appears or vanishes in the simulated service, however many play at once."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psycopg

from harness.jackpot import Client, Database, balances, total
from harness.waiting import eventually_async
from jackpot_exporter.demo.service import JackpotService


async def test_money_is_conserved_under_fifty_contributors(client: Client, database: Database) -> None:
    before = total(database, "current_amount")

    async def play(player: int) -> tuple[int, int, int]:
        given = [(await client.contribute(wager_amount=777 + player)).body["data"] for _ in range(4)]
        won = (await client.win("minor", f"player-{player}")).body["data"] if player % 10 == 0 else None
        paid, reset = (won["actualWinAmount"], won["remainingAmount"]) if won else (0, 0)
        return sum(part["totalContribution"] for part in given), paid, reset

    rounds = await asyncio.gather(*(play(player) for player in range(50)))
    contributed, paid, reset = (sum(column) for column in zip(*rounds, strict=True))

    assert contributed == total(database, "total_contributions")
    assert contributed + reset == total(database, "current_amount") - before + paid
    assert database.execute("select sum(paid_amount), count(*) from jackpot_wins") == [(paid, 5)]
    assert balances(database) == []
    assert client.service.store.conflicts > 0


async def test_conflicting_contribution_is_tried_again(client: Client, database: Database) -> None:
    with psycopg.connect(database.dsn) as rival:
        rival.execute("""update jackpots set version = version + 1 where "group" = 'minor'""")
        contribution = asyncio.create_task(client.contribute(wager_amount=1_000))
        await eventually_async(lambda: asyncio.to_thread(_waits_for_a_lock, database))
        rival.commit()

        answer = await contribution

    assert (answer.status, answer.body["data"]["totalContribution"]) == (200, 40)
    assert client.service.store.conflicts == 1
    assert total(database, "total_contributions") == 40


def _waits_for_a_lock(database: Database) -> bool:
    statement = "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
    return bool(database.execute(statement))


async def test_win_pays_the_pool_and_resets_it(client: Client, database: Database) -> None:
    await client.contribute(wager_amount=10_000)

    data = (await client.win("minor")).body["data"]

    assert (data["actualWinAmount"], data["remainingAmount"]) == (50_200, 50_000)
    assert database.execute(
        """select current_amount, total_wins, last_won_amount from jackpots where "group" = 'minor'"""
    ) == [(50_000, 1, 50_200)]


async def test_changed_share_changes_the_next_contribution(client: Client, database: Database) -> None:
    change = {"group": "mega", "shareBasisPoints": 300, "userId": "operator"}

    await client.post("/api/jackpot/config", **change)
    data = (await client.contribute(wager_amount=1_000)).body["data"]

    assert data["contributions"] == {"minor": 20, "major": 10, "mega": 30}
    assert balances(database) == []


def test_balance_finds_money_that_appeared(database: Database) -> None:
    schema = Path(sys.modules[JackpotService.__module__].__file__ or "").with_name("schema.sql")
    database.execute(schema.read_text("utf-8"))

    database.execute("""update jackpots set current_amount = current_amount + 1 where "group" = 'mega'""")

    assert [row[0] for row in balances(database)] == ["mega"]
