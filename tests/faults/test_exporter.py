"""Faults of the exporter's own machine: its disk, its log, its clock."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.ledger import Entry, Ledger
from faults.rig import INTERVAL, Rig
from harness.exporter import ExporterProcess
from harness.faketime import SteppedClock
from harness.readings import Reading
from harness.waiting import eventually
from jackpot_exporter.demo.servers import RedisServer

HOUR = 3600
_LATEST = 60 * INTERVAL
_ENTRY = {"level": "info", "operation": "jackpot_contribution", "duration": 5, "metadata": {"action": "SUCCESS"}}


def read(exporter: ExporterProcess) -> Reading:
    return Reading(exporter.get("/metrics"))


# --- the disk ---------------------------------------------------------------------------------------------------


def test_a_full_disk_costs_what_was_to_be_kept_and_nothing_that_is_shown(rig: Rig, ledger: Ledger) -> None:
    before = rig.read()
    rig.exporter.fill_disk()
    began = time.monotonic()
    try:
        eventually(lambda: rig.read().failures("logs")["refused"] > before.failures("logs")["refused"], within=5)
        noticed = time.monotonic() - began
        with rig.service.log_file.open("a") as log:
            log.write(json.dumps(_ENTRY) + "\n")
        eventually(lambda: _operations(rig.read()) == _operations(before) + 1, within=20 * INTERVAL)
        assert rig.read().is_up("logs")
    finally:
        rig.exporter.free_disk()
    freed = time.monotonic()
    eventually(lambda: _saved(rig) == _operations(rig.read()), within=20 * INTERVAL)

    words = "positions in logs are not saved, and `logs` says so with `refused`; it goes on reading and counting"
    ledger.entries.append(Entry("exporter", "disk is full", words, noticed, time.monotonic() - freed))


_COUNTED = ("contribution", "success")


def _operations(reading: Reading) -> float:
    return reading.value("jackpot_operations_total", operation=_COUNTED[0], outcome=_COUNTED[1]) or 0


def _saved(rig: Rig) -> int:
    [state] = rig.exporter.disk.glob("log-*.json")
    operations = json.loads(state.read_text())["totals"]["operations"]
    return sum(count for operation, outcome, count in operations if (operation, outcome) == _COUNTED)


def test_a_log_that_cannot_be_written_ends_nothing(private_redis: RedisServer, ledger: Ledger) -> None:
    settings = {"interval": f"{INTERVAL}s", "redis": {"url": private_redis.url}}
    with _Unheard(settings) as exporter:
        eventually(lambda: read(exporter).is_up("redis"), within=20)
        private_redis.stop()
        eventually(lambda: not read(exporter).is_up("redis"), within=20 * INTERVAL)
        private_redis.start()
        eventually(lambda: read(exporter).is_up("redis"), within=20 * INTERVAL)

    words = "nothing is logged; everything else goes on, also when it would have something to say"
    ledger.entries.append(Entry("exporter", "log cannot be written", words, None, None))


class _Unheard(ExporterProcess):
    """Everything it says goes to a disk that is always full."""

    def command(self) -> list[str]:
        return ["sh", "-c", 'exec "$@" >/dev/full 2>&1', "sh", *super().command()]


# --- the clock --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["ahead", "back"])
def test_a_stepped_clock_costs_no_collection(
    step: int, tmp_path: Path, redis_server: RedisServer, ledger: Ledger
) -> None:
    clock = SteppedClock(tmp_path)
    settings = {"interval": f"{INTERVAL}s", "redis": {"url": redis_server.url}, "backups": []}
    with ExporterProcess(settings, environment=clock.environment) as exporter:
        eventually(lambda: all(map(read(exporter).is_up, ("redis", "host"))), within=20)
        before = read(exporter)

        clock.step(step)
        readings = list(_readings(exporter, until=before.rounds("redis") + 5))

        eventually(lambda: _is_seen(exporter, step), within=60)
        for name in ("redis", "host"):
            ages = [reading.age(name) for reading in readings]
            assert 0 <= min(ages) <= max(ages) < _LATEST, f"{name}: {max(ages)} s"
            assert max(ages) > 0
            # A crowded machine may be late at any time; nothing else may go wrong.
            assert _but_late(readings[-1].failures(name)) == _but_late(before.failures(name))
        assert readings[-1].rounds("host") > before.rounds("host") + 1
        fresh = [reading for reading in readings if reading.age("redis") < 2 * INTERVAL]
        assert fresh
        assert all(reading.value("redis_up") is not None for reading in fresh)

    words = "no collection is lost, no value withdrawn, and ages stay what they are"
    ledger.entries.append(
        Entry("exporter", f"clock is set an hour {'ahead' if step > 0 else 'back'}", words, None, None)
    )


def _readings(exporter: ExporterProcess, until: int) -> Iterator[Reading]:
    """All that a scrape says until so many rounds are over."""
    deadline = time.monotonic() + 120 * INTERVAL
    while time.monotonic() < deadline:
        try:
            yield (reading := read(exporter))
        except TimeoutError:  # now and then libfaketime itself keeps a crowded process waiting
            continue
        if reading.rounds("redis") >= until:
            return
        time.sleep(0.02)
    raise AssertionError("the collections have stopped")


def _but_late(failures: dict[str, int]) -> dict[str, int]:
    return {reason: count for reason, count in failures.items() if reason != "timeout"}


def _is_seen(exporter: ExporterProcess, step: int) -> bool:
    """Whether the exporter's clock stands from ours as it should: without this, nothing would have been tested."""
    seen = read(exporter).value("jackpot_exporter_collector_last_success_timestamp_seconds", collector="redis")
    return seen is not None and abs(seen - time.time() - step) < HOUR / 10
