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


@pytest.fixture(scope="module")
def quiet() -> Iterator[FrontDoorProcess]:
    """What nobody else asks: its scrapes tell how busy the machine is."""
    with FrontDoorProcess() as process:
        yield process


class Scrapes:
    """Scrapes of the crowded exporter, each beside one of the quiet one."""

    def __init__(self, crowded: FrontDoorProcess, quiet: FrontDoorProcess) -> None:
        self._processes = crowded, quiet
        self._seconds: list[tuple[float, float]] = []

    def go_on(self) -> None:
        """One of each, on connections of their own."""
        crowded, quiet = map(_seconds, self._processes)
        self._seconds.append((crowded, quiet))

    def assert_undisturbed(self) -> None:
        crowded, quiet = (sorted(times)[len(times) // 2] for times in zip(*self._seconds, strict=True))
        assert crowded < max(0.2, 4 * quiet)

    def tell(self, what: str) -> None:
        slowest = max(crowded for crowded, _ in self._seconds) * 1000
        memory = psutil.Process(self._processes[0].pid).memory_info().rss / 2**20
        print(f"{what}; the slowest of {len(self._seconds)} scrapes took {slowest:.0f} ms; {memory:.0f} MiB")  # noqa: T201


def _seconds(process: FrontDoorProcess) -> float:
    started = time.perf_counter()
    assert process.ask().status == 200
    return time.perf_counter() - started


def test_ten_thousand_who_only_come_are_sent_away_and_scrapes_go_on(quiet: FrontDoorProcess) -> None:
    with FrontDoorProcess() as process, Crowd(process.port) as crowd, contextlib.closing(process.connection()) as kept:
        scrapes = Scrapes(process, quiet)
        kept.request("GET", "/-/healthy")
        kept.getresponse().read()
        for _ in range(CLIENTS // STEP):
            crowd.come(STEP)
            scrapes.go_on()

        assert psutil.Process(process.pid).num_fds() < 512 + 100, "descriptors are left for collectors"
        eventually(lambda: crowd.staying() <= 512, within=15)
        kept.request("GET", "/metrics")
        assert b"jackpot_exporter_build_info" in kept.getresponse().read(), "who has asked before is kept"
        refused = process.value("jackpot_exporter_web_refusals_total", reason="crowd") or 0
        scrapes.tell(f"{len(crowd)} idle connections, {refused:.0f} of them sent away")
        assert refused >= CLIENTS - 512
        assert process.log_text().count("too many connections") == 1
        scrapes.assert_undisturbed()


def test_ten_thousand_who_have_asked_are_held_and_scrapes_go_on(quiet: FrontDoorProcess) -> None:
    limits = {"max_connections": CLIENTS + 10, "idle_timeout": "10m"}
    with FrontDoorProcess(web=limits) as process, Crowd(process.port) as crowd:
        scrapes = Scrapes(process, quiet)
        for number in (*[STEP] * (CLIENTS // STEP - 1), STEP - 20):
            crowd.come(number, ASKING)
            scrapes.go_on()

        scrapes.tell(f"{crowd.staying()} connections held")
        assert crowd.staying() == len(crowd) == CLIENTS - 20
        assert process.value("jackpot_exporter_web_refusals_total", reason="crowd") == 0
        scrapes.assert_undisturbed()
