"""Speaks with the simulated jackpot service, and looks at what it left in its database and log."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from jackpot_exporter.demo.service import JackpotService


@dataclass(frozen=True, slots=True)
class Answer:
    """The status and the JSON of a response."""

    status: int
    body: Any


@dataclass(frozen=True, slots=True)
class Client:
    """Asks one service; `path` begins with /api for the API and is a health path otherwise."""

    service: JackpotService
    session: aiohttp.ClientSession

    async def get(self, path: str) -> Answer:
        return await self._ask("GET", path)

    async def post(self, path: str, **body: object) -> Answer:
        return await self._ask("POST", path, body)

    async def contribute(self, wager_amount: int = 1_000, **body: object) -> Answer:
        return await self.post("/api/jackpot/contribute", gameId="starlight", wagerAmount=wager_amount, **body)

    async def win(self, group: str = "minor", user_id: str = "player-1") -> Answer:
        return await self.post("/api/jackpot/win", gameId="starlight", userId=user_id, group=group)

    async def switch(self, fault: str, *, on: bool) -> Answer:
        return await self.post("/demo/fault", name=fault, on=on)

    async def _ask(self, method: str, path: str, body: object | None = None) -> Answer:
        base = self.service.url if path.startswith("/api/") else self.service.health_url
        async with self.session.request(method, base + path, json=body) as response:
            return Answer(response.status, await response.json())


def log_entries(path: Path) -> list[dict[str, Any]]:
    """The entries of a service's log."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Database(Protocol):
    """The fixture `database`."""

    @property
    def dsn(self) -> str: ...

    def execute(self, statement: str) -> list[Any]: ...


def balances(database: Database) -> list[Any]:
    """The pools that do not hold what they should."""
    broken = "current_amount <> expected_amount or total_wins <> recorded_wins"
    return list(database.execute(f"select * from jackpot_balance where {broken}"))


def total(database: Database, column: str) -> int:
    return int(database.execute(f"select sum({column}) from jackpots")[0][0])


async def has_status(client: Client, code: int, status: str) -> bool:
    """Whether the health endpoint says so."""
    answer = await client.get("/health")
    return (answer.status, answer.body["status"]) == (code, status)
