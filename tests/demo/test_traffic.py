"""The players keep their rate, count what happens to them, and outlive the service."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from harness.jackpot import Client, Database
from harness.waiting import eventually, eventually_async
from jackpot_exporter.demo.measurements import Operation
from jackpot_exporter.demo.servers import free_port
from jackpot_exporter.demo.service import JackpotService, ServiceSettings
from jackpot_exporter.demo.traffic import Habits, Traffic


def reached(traffic: Traffic, **counts: int) -> Callable[[], Awaitable[bool]]:
    """Whether the traffic counted so much; `contribute_200=5` stands for `contribute.200`."""

    async def probe() -> bool:
        return all(traffic.counts[name.replace("_", ".")] >= count for name, count in counts.items())

    return probe


async def test_players_count_what_the_service_booked(client: Client, database: Database) -> None:
    habits = Habits(wins=0.2, pool_queries=0.5, statistics=0.2, config_changes=0.1)
    traffic = Traffic(client.service.url, rate=60, habits=habits)

    async with traffic.running():
        await eventually_async(
            reached(traffic, contribute_200=60, win_200=3, pools_200=10, statistics_200=3, config_200=3)
        )

    assert database.execute("select sum(total_contributions) from jackpots") == [(traffic.contributed_cents,)]
    assert database.execute("select sum(paid_amount) from jackpot_wins") == [(traffic.paid_cents,)]
    assert set(traffic.counts) == {f"{what}.200" for what in ("contribute", "win", "pools", "statistics", "config")}


async def test_error_share_is_rejected(client: Client, database: Database) -> None:
    traffic = Traffic(client.service.url, rate=100, error_share=1)

    async with traffic.running():
        await eventually_async(reached(traffic, contribute_422=10))

    assert traffic.counts["contribute.200"] == 0
    assert database.execute("select sum(total_contributions) from jackpots") == [(0,)]


async def test_rate_holds_and_changes_while_running(client: Client) -> None:
    traffic = Traffic(client.service.url, rate=0)
    clock = asyncio.get_running_loop().time

    async with traffic.running():
        traffic.rate = 50
        started = clock()
        await eventually_async(reached(traffic, contribute_200=50))
        elapsed = clock() - started

    assert 0.8 < elapsed < 10


async def test_players_outlive_a_service_that_is_not_there(settings: ServiceSettings) -> None:
    port = free_port()
    traffic = Traffic(f"http://127.0.0.1:{port}", rate=50)

    async with traffic.running():
        await eventually_async(reached(traffic, contribute_unreachable=3))
        async with JackpotService(replace(settings, port=port)):
            await eventually_async(reached(traffic, contribute_200=3))
        gone = traffic.counts["contribute.unreachable"]
        await eventually_async(reached(traffic, contribute_unreachable=gone + 3))


async def test_requests_under_way_are_bounded(client: Client) -> None:
    await client.switch("slow-contributions", on=True)
    traffic = Traffic(client.service.url, rate=1_000)

    async with traffic.running():
        await eventually_async(reached(traffic, left_out=1))
        contributions = client.service.measurements.operations[Operation.CONTRIBUTION]
        assert contributions.in_flight <= 200


@pytest.mark.parametrize("rate", [-1, 1e9, float("nan")])
def test_impossible_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="rate"):
        Traffic("http://127.0.0.1:1", rate=rate)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
def test_impossible_error_share_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        Traffic("http://127.0.0.1:1", error_share=share)


def test_process_takes_orders_and_ends_on_sigterm() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "jackpot_exporter.demo.traffic", "--url", url, "--rate", "0"]
    with ExitStack() as stack:
        process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        assert process.stdout is not None
        control = json.loads(process.stdout.readline())["controlUrl"]

        assert _order(control, rate=100, errorShare=0.5)["errorShare"] == 0.5
        eventually(lambda: _order(control)["counts"].get("contribute.unreachable", 0) > 3)
        with pytest.raises(urllib.error.HTTPError, match="400") as refused:
            _order(control, rate=-1)
        refused.value.close()
        process.send_signal(signal.SIGTERM)

        assert process.wait(60) == 0


def _order(control: str, **order: float) -> Any:
    request = urllib.request.Request(control, data=json.dumps(order).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)
