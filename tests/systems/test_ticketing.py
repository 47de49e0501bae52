"""The ticketing platform under its pack: what rules read is there, health is silent, each fault reaches its people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.systems import JACKPOT_ALERTS, ONCALL, OPS, PAGERDUTY, SLACK, Page, WatchedSystem, watched_system
from harness.waiting import eventually
from jackpot_exporter.collectors import discover
from jackpot_exporter.demo.simulation import systems
from jackpot_exporter.demo.systems.ticketing.services import CRITICAL, SERVICES
from jackpot_exporter.settings import load_settings

PAGE = Path(__file__).parents[2] / "docs" / "packs" / "ticketing.md"
PAGED = {ONCALL, PAGERDUTY, SLACK}
PAGES = {
    "refund-wave": Page({OPS, SLACK}, "TicketingRefundRatio on ticketing", "%"),
    "prices-wrong": Page({JACKPOT_ALERTS}, "TicketingRevenueDrop", "cents"),
    "user-rush": Page({SLACK}, "TicketingConcurrentUsersSpike on ticketing", "people"),
    "payments-failing": Page(PAGED, "TicketingPaymentFailureSpike on ticketing", "%"),
    "solana-failing": Page(PAGED, "TicketingSolanaFailing on ticketing", "chain"),
    "database-slow": Page({SLACK}, "TicketingDatabaseSlow on ticketing", "95%"),
    "requests-failing": Page({OPS, SLACK}, "TicketingApiErrorRatio on ticketing", "%"),
    "queue-backup": Page({SLACK}, "TicketingQueueBackup on ticketing", "queue email"),
    "worker-stalled": Page({SLACK}, "TicketingWorkerStale on ticketing", "worker ml-analysis"),
    "service-unhealthy": Page(PAGED, "TicketingServiceUnhealthy on ticketing", "payment-service"),
    "gateway-down": Page(PAGED, "TicketingServiceUnhealthy on ticketing", "does not answer"),
    "platform-silent": Page(PAGED, "TicketingServiceUnhealthy on ticketing", "does not answer"),
}
ALONE = ("gateway-down", "platform-silent")
"""These would hide another, or be hidden; a message names ten of what is down, so none is asked for by its name."""
TOGETHER = tuple(name for name in PAGES if name not in ALONE)


@pytest.fixture(scope="module")
def ticketing() -> Iterator[WatchedSystem]:
    with watched_system("ticketing") as watched:
        eventually(lambda: watched.prometheus.query("ticketing_payment_failure_total > 0"), within=60)
        yield watched


def test_every_fault_has_its_page() -> None:
    assert PAGES.keys() == systems()["ticketing"].faults.keys()


def test_what_rules_and_dashboards_read_is_exported(ticketing: WatchedSystem) -> None:
    assert len(list(ticketing.selectors())) > 60
    eventually(lambda: ticketing.broken_promises() == [], within=60)


def test_no_panel_is_empty(ticketing: WatchedSystem) -> None:
    assert len(ticketing.dashboards()) == 2
    eventually(lambda: ticketing.empty_panels() == [], within=60)


def test_a_healthy_platform_is_silent(ticketing: WatchedSystem) -> None:
    eventually(ticketing.is_calm, within=90)

    assert ticketing.noise(15) == set()


@pytest.mark.parametrize("names", [TOGETHER, *((name,) for name in ALONE)], ids=["together", *ALONE])
def test_faults_reach_their_people_and_their_end_does(names: tuple[str, ...], ticketing: WatchedSystem) -> None:
    ticketing.suffer({name: PAGES[name] for name in names})


def documented() -> list[dict[str, Any]]:
    """The settings that the pack's page gives as examples."""
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text(), re.DOTALL)]


def test_the_documented_list_names_every_service() -> None:
    listed = next(block["services"] for block in documented() if block.keys() == {"services"})

    assert {one["name"] for one in listed} == set(SERVICES)
    assert {one["name"] for one in listed if one.get("critical")} == CRITICAL
    assert len({one["health_url"] for one in listed}) == len(SERVICES) == 21


@pytest.mark.parametrize("part", ["redis", "services", "queries"])
def test_the_documented_settings_are_right(part: str, tmp_path: Path) -> None:
    block = next(block for block in documented() if part in block)
    file = tmp_path / "settings.yaml"
    file.write_text(yaml.safe_dump({"packs": ["ticketing"], "postgres": {"dsn": "postgresql://db/ticketing"}, **block}))

    settings = load_settings(file, [kind.section for kind in discover()], {})

    assert {"tickets", "payments"} <= set(settings.main.queries)  # type: ignore[attr-defined]
