"""The back office under its own pack: what is promised is there, a usual afternoon is calm, and each fault is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.systems import ONCALL, OPS, SLACK, Page, WatchedSystem, watched_system
from harness.waiting import eventually

SMS, PHONE = "+15550100", "pagerduty-phone-key"
SECURITY = ("security@example.com", "#security")
MANAGER, COMPLIANCE = "manager@example.com", "compliance@example.com"

PAGES = {
    "requests-slow": Page({PHONE, SLACK, SMS}, "BackofficeLatency", "take up to"),
    "traffic-lost": Page({OPS, SLACK}, "BackofficeThroughput", "requests a second"),
    "requests-failing": Page({OPS, SLACK}, "BackofficeErrorRatio", "%"),
    "rush": Page({SLACK}, "BackofficeAtMaxReplicas", "8 replicas"),
    "settlement-overdue": Page({ONCALL, SLACK, SMS}, "CollectionsSettlementOverdue", "1d 1h"),
    "collection-failed": Page({OPS, SLACK}, "CollectionsPaymentFailed", "$1,000"),
    "settlements-waiting": Page({SLACK}, "CollectionsQueueBackup", "settlements wait"),
    "settlements-slow": Page({SLACK}, "CollectionsProcessingDelay", "on average"),
    "collections-failing": Page({SLACK}, "CollectionsErrorRatio", "%"),
    "large-payment-failed": Page({ONCALL, PHONE, SLACK, SMS}, "DistributionsHighValuePaymentFailed", "$50,000"),
    "revenue-differs": Page({ONCALL, SLACK}, "DistributionsRevenueDiscrepancy", "20k dollars"),
    "payments-slow": Page({SLACK}, "DistributionsProcessingDelay", "on average"),
    "payments-waiting": Page({SLACK}, "DistributionsPaymentQueueBackup", "payments wait"),
    "provider-down": Page({SLACK}, "DistributionsCircuitOpen", "paypal"),
    "bonus-abused": Page({ONCALL, *SECURITY, SLACK}, "FreePlayBonusAbuseDetected", "suspicious"),
    "budget-exceeded": Page({ONCALL, SLACK}, "FreePlayCampaignBudgetExceeded", "derby-day"),
    "bonuses-expiring": Page({SLACK}, "FreePlayExpirationRatio", "%"),
    "bonuses-ignored": Page({SLACK}, "FreePlayRedemptionRatio", "%"),
    "account-differs": Page({ONCALL, *SECURITY, SLACK}, "BalanceDiscrepancy", "1.2k dollars"),
    "fraud": Page({ONCALL, COMPLIANCE, *SECURITY, SLACK}, "BalanceFraudDetected", "fraud score"),
    "odd-transaction": Page({*SECURITY, SLACK}, "BalanceUnusualActivity", "anomalies"),
    "large-transaction": Page({OPS, SLACK}, "BalanceLargeTransaction", "$50,000"),
    "large-adjustment": Page({ONCALL, MANAGER, SLACK}, "AdjustmentHighValuePending", "$10,000"),
    "dispute-forgotten": Page({OPS, SLACK}, "AdjustmentDisputeStale", "3d"),
    "approval-forgotten": Page({SLACK}, "AdjustmentApprovalDelay", "old"),
    "approval-late": Page({MANAGER}, "AdjustmentApprovalEscalation", "supervisor"),
    "adjustments-rejected": Page({SLACK}, "AdjustmentRejectionRatio", "%"),
}
API = (("requests-slow", "requests-failing"), ("traffic-lost",), ("rush",))
"""Faults of the API, which hide each other; those of the desks are suffered together with the first."""
ROUNDS = ((*API[0], *sorted(PAGES.keys() - {name for names in API for name in names})), *API[1:])


@pytest.fixture(scope="module")
def office() -> Iterator[WatchedSystem]:
    with watched_system("backoffice") as watched:
        yield watched


def test_every_fault_has_its_page(office: WatchedSystem) -> None:
    assert PAGES.keys() == office.demo.systems[0].system.faults.keys()


def test_what_rules_and_dashboards_read_is_exported(office: WatchedSystem) -> None:
    eventually(lambda: office.broken_promises() == [], within=60)


def test_no_panel_is_empty(office: WatchedSystem) -> None:
    assert len(office.dashboards()) == 6
    eventually(lambda: office.empty_panels() == [], within=60)


def test_a_usual_afternoon_is_calm(office: WatchedSystem) -> None:
    eventually(lambda: not office.firing(), within=90)

    assert office.noise(seconds=10) == set()


@pytest.mark.parametrize("names", ROUNDS, ids=lambda names: names[0])
def test_faults_are_told_to_whom_they_concern_and_so_is_their_end(
    names: tuple[str, ...], office: WatchedSystem
) -> None:
    office.suffer({name: PAGES[name] for name in names})
