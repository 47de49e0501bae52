"""Players for the simulated service: contributions at a set rate, and with them wins, queries and rare changes.

    python -m jackpot_exporter.demo.traffic --url http://127.0.0.1:3000 [--rate 20] [--error-share 0.0005]

Open loop: a slow service does not slow the players down, but no more than `_IN_FLIGHT` requests wait at a time;
what would be over is left out and counted. A service that is down is a count too, and never an end. Rate and error
share change while it runs: by attribute, or with POST /demo/traffic at the address it prints.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Annotated

import aiohttp
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

MAXIMUM_RATE = 2_000.0
_IN_FLIGHT = 200
_REQUEST_SECONDS = 5.0
_IDLE_SECONDS = 0.1
_GAMES = ("starlight", "deep-dive", "lucky-mill", "seven-seas")
_PLAYERS = 150
_WAGERS = (100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_WAGER_WEIGHTS = (30, 25, 20, 12, 7, 4, 2)
_WIN_GROUPS = ("minor", "major", "mega")
_WIN_WEIGHTS = (90, 9, 1)
_SHARES = (190, 200, 210)


@dataclass(frozen=True, slots=True)
class Habits:
    """How often else something happens for each contribution."""

    wins: float = 0.002
    pool_queries: float = 0.25
    statistics: float = 0.02
    config_changes: float = 0.00002


class Traffic:
    """`rate` in contributions a second and `error_share` (0 to 1) take effect with the next request."""

    def __init__(
        self, url: str, *, rate: float = 20.0, error_share: float = 0.0005, habits: Habits | None = None
    ) -> None:
        self._url = url.rstrip("/")
        self._habits = habits or Habits()
        self._rate = 0.0
        self._error_share = 0.0
        self.rate = rate
        self.error_share = error_share
        self.counts: Counter[str] = Counter()
        """By `<what>.<status>`, `<what>.unreachable` and `left.out`."""
        self.contributed_cents = 0
        self.paid_cents = 0

    @property
    def rate(self) -> float:
        return self._rate

    @rate.setter
    def rate(self, rate: float) -> None:
        if not 0 <= rate <= MAXIMUM_RATE:
            raise ValueError(f"rate {rate} is not between 0 and {MAXIMUM_RATE:g} a second")
        self._rate = rate

    @property
    def error_share(self) -> float:
        return self._error_share

    @error_share.setter
    def error_share(self, share: float) -> None:
        if not 0 <= share <= 1:
            raise ValueError(f"error share {share} is not between 0 and 1")
        self._error_share = share

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Traffic]:
        """Traffic for the length of the block; what is under way at its end is awaited."""
        task = asyncio.create_task(self.run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def run(self) -> None:
        """Until cancelled."""
        timeout = aiohttp.ClientTimeout(total=_REQUEST_SECONDS)
        connector = aiohttp.TCPConnector(limit=_IN_FLIGHT)
        async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
            under_way: set[asyncio.Task[None]] = set()
            try:
                async for _ in self._ticks():
                    if len(under_way) >= _IN_FLIGHT:
                        self.counts["left.out"] += 1
                        continue
                    task = asyncio.create_task(self._play(session))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
            finally:
                await asyncio.gather(*under_way)

    async def _ticks(self) -> AsyncIterator[None]:
        """One for each contribution that is due; what was missed for long is not made up for."""
        clock = asyncio.get_running_loop().time
        last = clock()
        while True:
            pause = last + 1 / self._rate - clock() if self._rate else _IDLE_SECONDS
            if pause > 0:
                await asyncio.sleep(min(pause, _IDLE_SECONDS))
            else:
                last = max(last + 1 / self._rate, clock() - 1)
                yield

    async def _play(self, session: aiohttp.ClientSession) -> None:
        user = f"player-{random.randrange(_PLAYERS)}"
        game = random.choice(_GAMES)
        is_error = random.random() < self._error_share
        wager = 0 if is_error else random.choices(_WAGERS, _WAGER_WEIGHTS)[0]
        contribution = {"gameId": game, "wagerAmount": wager, "userId": user}
        answer = await self._post(session, "contribute", contribution)
        self.contributed_cents += _cents(answer, "totalContribution")
        habits = self._habits
        if random.random() < habits.wins:
            group = random.choices(_WIN_GROUPS, _WIN_WEIGHTS)[0]
            answer = await self._post(session, "win", {"gameId": game, "userId": user, "group": group})
            self.paid_cents += _cents(answer, "actualWinAmount")
        if random.random() < habits.pool_queries:
            await self._request(session, "GET", "pools")
        if random.random() < habits.statistics:
            await self._request(session, "GET", "statistics")
        if random.random() < habits.config_changes:
            change = {"userId": "operator", "group": "minor", "shareBasisPoints": random.choice(_SHARES)}
            await self._post(session, "config", change)

    async def _post(self, session: aiohttp.ClientSession, what: str, body: object) -> object:
        return await self._request(session, "POST", what, body)

    async def _request(
        self, session: aiohttp.ClientSession, method: str, what: str, body: object | None = None
    ) -> object:
        """The answer's JSON, None without a good one."""
        try:
            async with session.request(method, f"{self._url}/api/jackpot/{what}", json=body) as response:
                self.counts[f"{what}.{response.status}"] += 1
                return json.loads(await response.read()) if response.ok else None
        except (aiohttp.ClientError, OSError, ValueError):  # OSError includes TimeoutError
            self.counts[f"{what}.unreachable"] += 1
            return None


def _cents(answer: object, name: str) -> int:
    match answer:
        case {"data": {**data}} if isinstance(cents := data.get(name), int):
            return cents
        case _:
            return 0


class _Order(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")
    rate: Annotated[float, Field(ge=0, le=MAXIMUM_RATE)] | None = None
    error_share: Annotated[float, Field(ge=0, le=1)] | None = None


def control(traffic: Traffic) -> web.Application:
    """GET and POST /demo/traffic: what the traffic is, and what it shall be."""

    async def get(_: web.Request) -> web.Response:
        return web.json_response({"rate": traffic.rate, "errorShare": traffic.error_share, "counts": traffic.counts})

    async def post(request: web.Request) -> web.Response:
        try:
            order = _Order.model_validate_json(await request.read())
        except ValidationError as error:
            return web.json_response({"error": str(error)}, status=400)
        traffic.rate = traffic.rate if order.rate is None else order.rate
        traffic.error_share = traffic.error_share if order.error_share is None else order.error_share
        return await get(request)

    application = web.Application()
    application.router.add_get("/demo/traffic", get)
    application.router.add_post("/demo/traffic", post)
    return application


async def _serve(traffic: Traffic, port: int) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.AppRunner(control(traffic), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        async with traffic.running():
            host, bound = runner.addresses[0][:2]
            sys.stdout.write(json.dumps({"controlUrl": f"http://{host}:{bound}/demo/traffic"}) + "\n")
            sys.stdout.flush()
            await stop.wait()
    finally:
        await runner.cleanup()


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="jackpot-traffic", description="Players for the simulated service.")
    parser.add_argument("--url", required=True, help="of the service's API")
    parser.add_argument("--rate", type=float, default=20.0, help="contributions a second")
    parser.add_argument("--error-share", type=float, default=0.0005, help="of them that the service rejects")
    parser.add_argument("--control-port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args(arguments)
    try:
        traffic = Traffic(options.url, rate=options.rate, error_share=options.error_share)
    except ValueError as error:
        parser.error(str(error))
    asyncio.run(_serve(traffic, options.control_port))


if __name__ == "__main__":
    main()
