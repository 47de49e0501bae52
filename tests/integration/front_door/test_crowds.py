"""Ten thousand clients at once: those who only come are sent away, those who may stay are held, and scrapes go on."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import psutil
import pytest

from harness.crowd import Crowd, many_descriptors
from harness.front_door import FrontDoorProcess
from harness.waiting import eventually

CLIENTS = 10_000
STEP = 1_000
ASKING = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
DESCRIPTORS = 20_000


@pytest.fixture(autouse=True)
def room() -> Iterator[None]:
    with many_descriptors(DESCRIPTORS):
        yield


def scrape(process: FrontDoorProcess) -> float:
    """Seconds of one, on a connection of its own."""
    started = time.perf_counter()
    assert process.ask().status == 200
    return time.perf_counter() - started


def tell(what: str, clients: int, seconds: list[float], process: FrontDoorProcess) -> None:
    memory = psutil.Process(process.pid).memory_info().rss / 2**20
    slowest = max(seconds) * 1000
    print(f"{clients} {what}; the slowest of {len(seconds)} scrapes took {slowest:.0f} ms; {memory:.0f} MiB")  # noqa: T201


def test_ten_thousand_who_only_come_are_sent_away_and_scrapes_go_on() -> None:
    with FrontDoorProcess() as process, Crowd(process.port) as crowd, contextlib.closing(process.connection()) as kept:
        kept.request("GET", "/-/healthy")
        kept.getresponse().read()
        seconds = []
        for _ in range(CLIENTS // STEP):
            crowd.come(STEP)
            seconds.append(scrape(process))

        assert psutil.Process(process.pid).num_fds() < 512 + 100, "descriptors are left for collectors"
        eventually(lambda: crowd.staying() <= 512, within=15)
        kept.request("GET", "/metrics")
        assert b"jackpot_exporter_build_info" in kept.getresponse().read(), "who has asked before is kept"
        refused = process.value("jackpot_exporter_web_refusals_total", reason="crowd") or 0
        tell(f"idle connections, {refused:.0f} of them sent away", len(crowd), seconds, process)
        assert refused >= CLIENTS - 512
        assert process.log_text().count("too many connections") == 1
        assert max(seconds) < 2


def test_ten_thousand_who_have_asked_are_held_and_scrapes_go_on() -> None:
    limits = {"max_connections": CLIENTS + 10, "idle_timeout": "10m"}
    with FrontDoorProcess(web=limits) as process, Crowd(process.port) as crowd:
        seconds = []
        for _ in range(CLIENTS // STEP - 1):
            crowd.come(STEP, ASKING)
            seconds.append(scrape(process))
        crowd.come(STEP - 20, ASKING)
        seconds += [scrape(process) for _ in range(10)]

        tell("connections held", crowd.staying(), seconds, process)
        assert crowd.staying() == len(crowd) == CLIENTS - 20
        assert process.value("jackpot_exporter_web_refusals_total", reason="crowd") == 0
        assert max(seconds) < 2
