"""The simulated service's log agrees with its pools and keeps users out where the guide does."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

from harness.jackpot import Client, Database, log_entries, total
from jackpot_exporter.demo.journal import Journal


async def test_log_matches_the_totals(client: Client, database: Database, log_file: Path) -> None:
    await asyncio.gather(*(client.contribute(wager_amount=500 + number) for number in range(20)))
    await client.contribute(wager_amount=0)
    await client.win("major", "player-7")
    await client.get("/api/jackpot/pools")
    await client.post("/api/jackpot/config", group="minor", shareBasisPoints=200, userId="operator")

    entries = log_entries(log_file)
    counts = Counter((entry["operation"], entry["metadata"]["action"]) for entry in entries)
    contributed = sum(entry["metadata"].get("contributionAmount", 0) for entry in entries)
    paid = sum(entry["metadata"].get("actualWinAmount", 0) for entry in entries)

    assert counts == {
        ("jackpot_contribution", "START"): 21,
        ("jackpot_contribution", "SUCCESS"): 20,
        ("jackpot_contribution", "ERROR"): 1,
        ("jackpot_win", "START"): 1,
        ("jackpot_win", "SUCCESS"): 1,
        ("jackpot_pool_query", "SUCCESS"): 1,
        ("config_change", "configuration_update"): 1,
    }
    assert contributed == total(database, "total_contributions")
    assert paid == total(database, "last_won_amount")


async def test_log_names_a_user_only_where_the_guide_does(client: Client, log_file: Path) -> None:
    await client.contribute(userId="player-7")
    await client.win("minor", "player-7")
    await client.post("/api/jackpot/config", group="minor", shareBasisPoints=200, userId="player-7")

    named = {entry["operation"] for entry in log_entries(log_file) if "player-7" in json.dumps(entry)}

    assert named == {"jackpot_win", "config_change"}


async def test_start_and_end_share_the_callers_correlation_id(client: Client, log_file: Path) -> None:
    headers = {"X-Correlation-ID": "trace-1"}
    body = {"gameId": "starlight", "wagerAmount": 1_000}

    await client.session.post(client.service.url + "/api/jackpot/contribute", json=body, headers=headers)

    start, end = log_entries(log_file)
    assert (start["correlationId"], end["correlationId"]) == ("trace-1", "trace-1")
    assert "duration" not in start
    assert end["duration"] > 0


def test_full_log_is_renamed_and_begun_anew(log_file: Path) -> None:
    journal = Journal(log_file, max_bytes=2_000)

    for number in range(40):
        journal.configuration_change({"minor.shareBasisPoints": number}, "operator", f"change-{number}")
    journal.close()

    older, newer = log_entries(log_file.with_name("application.log.1")), log_entries(log_file)
    assert newer[-1]["correlationId"] == "change-39"
    assert older[-1]["correlationId"] == f"change-{39 - len(newer)}"
    assert log_file.stat().st_size <= 2_000
