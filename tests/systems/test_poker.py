"""The poker platform under its pack: what rules read is there, health is silent, each fault reaches its people."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.systems import PAGERDUTY, TELEGRAM, Page, WatchedSystem, watched_system
from harness.waiting import eventually
from jackpot_exporter.demo.simulation import systems

ADMIN, SECURITY, WEBHOOK = "-1000000000002", "security@example.com", "alerts"
PAGED = {PAGERDUTY, TELEGRAM}
PAGES = {
    "service-down": Page({*PAGED, WEBHOOK}, "PokerServiceDown", "health endpoint of poker"),
    "database-down": Page({*PAGED, WEBHOOK}, "PokerDatabaseDown", "refuses connections"),
    "restart-loop": Page({*PAGED, WEBHOOK}, "PokerRestartLoop", "was seen to start"),
    "backup-old": Page({ADMIN, WEBHOOK}, "PokerBackupMissing", "backup nightly"),
    "cache-not-saved": Page({ADMIN}, "PokerRedisPersistenceFailing", "snapshot"),
    "breach": Page({*PAGED, SECURITY}, "PokerSecurityBreachIndicated", "signs of a breach"),
    "config-changed": Page({ADMIN}, "PokerChanged", "another configuration"),
    "connections-busy": Page({ADMIN, WEBHOOK}, "PokerResourceUsage", "resource connections"),
    "connections-exhausted": Page(PAGED, "PokerDatabasePool", "no connection to the database"),
    "data-corrupt": Page({*PAGED, WEBHOOK}, "PokerDataCorruption", "check hand_chips"),
    "engine-errors": Page(PAGED, "PokerEngineErrors", "kind exception"),
    "players-many": Page({ADMIN}, "PokerCapacityMilestone", "80 %"),
    "registrations-burst": Page({ADMIN, WEBHOOK}, "PokerUnusualActivity", "registrations"),
    "requests-failing": Page({ADMIN, WEBHOOK}, "PokerErrorRatio", "%"),
    "requests-slow": Page({ADMIN, WEBHOOK}, "PokerLatency", "One request in twenty"),
    "slow-hands": Page({ADMIN}, "PokerHandProcessingSlow", "One hand in twenty"),
    "task-stalled": Page({ADMIN}, "PokerBackgroundTaskStale", "task snapshot"),
    "webhook-failing": Page({ADMIN, WEBHOOK}, "PokerWebhookDeliveryFailing", "by bot_webhook"),
    "websockets-breaking": Page({ADMIN, WEBHOOK}, "PokerWebhookDeliveryFailing", "by websocket"),
}
ALONE = ("database-down", "restart-loop", "service-down")
"""These would hide others."""
SECOND = ("connections-busy", "websockets-breaking")
"""Each looks like one of the first."""
TOGETHER = tuple(name for name in PAGES if name not in {*ALONE, *SECOND})
RECORDED = {"poker_activity_zscore", "poker_resource_usage_ratio"}
"""The pack's own recordings, which nobody exports."""


@pytest.fixture(scope="module")
def poker() -> Iterator[WatchedSystem]:
    with watched_system("poker") as watched:
        yield watched


def test_every_fault_has_its_page() -> None:
    assert PAGES.keys() == systems()["poker"].faults.keys()


def test_what_rules_and_dashboards_read_is_exported(poker: WatchedSystem) -> None:
    assert len(list(poker.selectors())) > 100
    eventually(lambda: poker.broken_promises(RECORDED) == [], within=60)
    assert all(poker.prometheus.query(name) for name in RECORDED)


def test_no_panel_is_empty(poker: WatchedSystem) -> None:
    assert len(poker.dashboards()) == 4
    eventually(lambda: poker.empty_panels() == [], within=60)


def test_a_healthy_platform_is_silent(poker: WatchedSystem) -> None:
    eventually(lambda: not poker.firing(), within=90)

    assert poker.noise(15) == set()


@pytest.mark.parametrize("names", [TOGETHER, SECOND, *((name,) for name in ALONE)], ids=["together", "second", *ALONE])
def test_faults_reach_their_people_and_their_end_does(names: tuple[str, ...], poker: WatchedSystem) -> None:
    poker.suffer({name: PAGES[name] for name in names})
