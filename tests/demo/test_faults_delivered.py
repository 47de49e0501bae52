"""Each fault of the demo brings its page to the people who must know, quickly, and its end is told too.

One demo suffers them all.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pytest

from harness.waiting import eventually
from jackpot_exporter.demo.fault_control import controlled
from jackpot_exporter.demo.fault_switches import FAULTS, Switches
from jackpot_exporter.demo.notifications import Notification
from jackpot_exporter.demo.servers import PrometheusServer
from jackpot_exporter.demo.stack import Stack, running_stack

ONCALL, OPS, DBA = "oncall@example.com", "ops@example.com", "dba@example.com"
SLACK, PAGERDUTY, TELEGRAM = "#jackpot-ops", "pagerduty-key", "-1000000000001"
EXPECTED = {
    "database-down": (
        {ONCALL, PAGERDUTY, SLACK, TELEGRAM, DBA},
        "JackpotDatabaseDown on jackpot",
        "refuses connections",
    ),
    "database-slow": ({ONCALL, PAGERDUTY, DBA}, "JackpotDatabaseSlow on jackpot", "jackpot"),
    "table-locked": (
        {ONCALL, PAGERDUTY, SLACK, TELEGRAM, DBA},
        "JackpotIntegrityViolation on jackpot",
        "table_accessible",
    ),
    "redis-down": ({SLACK}, "JackpotCacheDown on jackpot", "The cache of jackpot"),
    "service-down": (
        {ONCALL, PAGERDUTY, SLACK, TELEGRAM},
        "JackpotServiceDown on jackpot",
        "The health endpoint of jackpot",
    ),
    "error-burst": ({ONCALL, PAGERDUTY, SLACK}, "JackpotErrorRatio on jackpot", "%"),
    "slow-contributions": ({ONCALL, PAGERDUTY, SLACK}, "JackpotContributionLatency on jackpot", "jackpot"),
    "pool-exhausted": (
        {ONCALL, PAGERDUTY, DBA},
        "JackpotDatabasePool on jackpot",
        "wait for a connection and none is idle",
    ),
    "pool-negative": ({ONCALL, PAGERDUTY, SLACK}, "JackpotPoolNegative on jackpot", "cents"),
    "disk-full": ({ONCALL, PAGERDUTY, DBA}, "JackpotDatabaseDisk on jackpot", "jackpot"),
    "backup-missing": ({OPS, DBA}, "JackpotBackupMissing on jackpot", "jackpot"),
    "config-churn": ({OPS, SLACK}, "JackpotConfigChangesFrequent on jackpot", "jackpot"),
}
WITHIN_SECONDS = 5.0
TOGETHER_SECONDS = 10.0
"""Of seven that come at once each waits for the others' switches, and for the service that suffers them all."""
ROUNDS = (
    ("backup-missing", "config-churn", "disk-full", "error-burst", "pool-negative", "redis-down", "slow-contributions"),
    ("database-down",),
    ("database-slow",),
    ("pool-exhausted",),
    ("service-down",),
    ("table-locked",),
)
"""Faults that do not hide each other are suffered at once."""


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo, and what it had told when it was ready."""

    stack: Stack
    switches: Switches
    early: list[str]

    @property
    def prometheus(self) -> PrometheusServer:
        assert self.stack.prometheus
        return self.stack.prometheus

    def pages(self, name: str, since: float, status: str) -> dict[str, Notification]:
        """What a fault has brought, by whom it reached; the first of each."""
        title = EXPECTED[name][1]
        found = [one for one in self.stack.sink.received() if one.at > since and one.status == status]
        return {one.to: one for one in reversed(found) if title in one.title and one.to not in ("log", "watchdog")}

    def has_told(self, names: Iterable[str], since: float, status: str) -> bool:
        """All who must know do; AssertionError with those who do not."""
        ignorant = {name: EXPECTED[name][0] - self.pages(name, since, status).keys() for name in names}
        assert not any(ignorant.values()), ignorant
        return True

    def is_calm(self, names: Iterable[str]) -> bool:
        """Nothing that the faults bring, or that would hide it, still fires from those before."""
        alerts = "|".join((*(FAULTS[name].alert for name in names), "JackpotServiceDown", "JackpotDatabaseDown"))
        return not self.prometheus.query(f'ALERTS{{alertstate="firing",alertname=~"{alerts}"}}')


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running_stack(rate=15, error_share=0, say=lambda _what: None) as stack:
        switches = Switches(stack)
        demo = Demo(stack, switches, [])
        api = demo.prometheus.api
        eventually(lambda: api("/api/v1/alertmanagers")["data"]["activeAlertmanagers"], within=60)
        eventually(lambda: demo.prometheus.query("jackpot_operations_total > 20"), within=60)
        eventually(lambda: [one for one in stack.sink.received() if one.to == "watchdog"], within=60)
        demo.early.extend(one.title for one in stack.sink.received() if one.to not in ("log", "watchdog"))
        with controlled(switches, stack.folder):
            yield demo
            switches.close()


def test_every_fault_has_its_expectation_and_its_round() -> None:
    assert EXPECTED.keys() == FAULTS.keys()
    assert sorted(name for names in ROUNDS for name in names) == sorted(FAULTS)


def test_nobody_is_paged_at_the_start_for_what_has_not_been_scraped_yet(demo: Demo) -> None:
    absent = [title for title in demo.early if "ServiceDown" in title or "BackupMissing" in title]

    assert absent == []


@pytest.mark.parametrize("names", ROUNDS, ids=lambda names: names[0] if len(names) == 1 else "together")
def test_faults_page_and_their_end_is_told(names: tuple[str, ...], demo: Demo) -> None:
    eventually(lambda: demo.is_calm(names), within=150)
    began = time.time()

    for name in names:
        demo.switches.switch(name, on=True)

    eventually(lambda: demo.has_told(names, began, "firing"), within=150)
    for name in names:
        pages = {to: one for to, one in demo.pages(name, began, "firing").items() if to in EXPECTED[name][0]}
        assert all(EXPECTED[name][2] in one.text for one in pages.values()), pages
        limit = WITHIN_SECONDS if len(names) == 1 else TOGETHER_SECONDS
        assert min(one.at for one in pages.values()) - began < limit * crowd(), name

    ended = time.time()
    for name in names:
        demo.switches.switch(name, on=False)
    eventually(lambda: demo.has_told(names, ended, "resolved"), within=150)


def crowd() -> float:
    """How many share the processor: what others take from the machine is not the demo's."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


def test_a_second_command_finds_the_demo_and_switches_its_faults(demo: Demo) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "jackpot_exporter", "demo", "fault", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    began = time.time()
    switched = run("redis-down", "on")
    eventually(lambda: demo.has_told(["redis-down"], began, "firing"), within=150)
    listed = run()
    back = run("redis-down", "off")
    eventually(lambda: demo.has_told(["redis-down"], began, "resolved"), within=150)

    assert switched.returncode == 0, switched.stderr
    assert "redis-down           on " in listed.stdout
    assert "redis-down           off" in back.stdout
    assert run("no-such-fault", "on").returncode == 2


def test_without_a_demo_the_command_says_how_to_start_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "jackpot_exporter", "demo", "fault"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("empty"))},
    )

    assert done.returncode == 1
    assert "no demo is running here; start one with `jackpot-exporter demo`" in done.stderr
