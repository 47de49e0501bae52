"""What can go wrong in the back office, each with the alert that it must bring."""

from __future__ import annotations

from ...simulation import SystemFault

REQUESTS_SLOW = "requests-slow"
TRAFFIC_LOST = "traffic-lost"
REQUESTS_FAILING = "requests-failing"
RUSH = "rush"

SETTLEMENT_OVERDUE = "settlement-overdue"
COLLECTION_FAILED = "collection-failed"
SETTLEMENTS_WAITING = "settlements-waiting"
SETTLEMENTS_SLOW = "settlements-slow"
COLLECTIONS_FAILING = "collections-failing"

LARGE_PAYMENT_FAILED = "large-payment-failed"
REVENUE_DIFFERS = "revenue-differs"
PAYMENTS_SLOW = "payments-slow"
PAYMENTS_WAITING = "payments-waiting"
PROVIDER_DOWN = "provider-down"

BONUS_ABUSED = "bonus-abused"
BUDGET_EXCEEDED = "budget-exceeded"
BONUSES_EXPIRING = "bonuses-expiring"
BONUSES_IGNORED = "bonuses-ignored"

ACCOUNT_DIFFERS = "account-differs"
FRAUD = "fraud"
ODD_TRANSACTION = "odd-transaction"
LARGE_TRANSACTION = "large-transaction"

LARGE_ADJUSTMENT = "large-adjustment"
DISPUTE_FORGOTTEN = "dispute-forgotten"
APPROVAL_FORGOTTEN = "approval-forgotten"
APPROVAL_LATE = "approval-late"
ADJUSTMENTS_REJECTED = "adjustments-rejected"

FAULTS = {
    REQUESTS_SLOW: SystemFault("requests take seconds", "BackofficeLatencyCritical"),
    TRAFFIC_LOST: SystemFault("most requests do not arrive", "BackofficeThroughputLow"),
    REQUESTS_FAILING: SystemFault("one request in ten fails", "BackofficeErrorRatioHigh"),
    RUSH: SystemFault("more load than all replicas are made for", "BackofficeAtMaxReplicas"),
    SETTLEMENT_OVERDUE: SystemFault("an urgent settlement is a day old", "CollectionsSettlementOverdue"),
    COLLECTION_FAILED: SystemFault("a payment of $2,500 is refused", "CollectionsPaymentFailed"),
    SETTLEMENTS_WAITING: SystemFault("nobody works on settlements", "CollectionsQueueBackup"),
    SETTLEMENTS_SLOW: SystemFault("settlements take an hour", "CollectionsProcessingDelay"),
    COLLECTIONS_FAILING: SystemFault("one settlement in five fails", "CollectionsErrorRatioHigh"),
    LARGE_PAYMENT_FAILED: SystemFault("a payment of $75,000 is lost", "DistributionsHighValuePaymentFailed"),
    REVENUE_DIFFERS: SystemFault("the ledger books $20,000 twice", "DistributionsRevenueDiscrepancy"),
    PAYMENTS_SLOW: SystemFault("payments take five hours", "DistributionsProcessingDelay"),
    PAYMENTS_WAITING: SystemFault("nobody pays recipients", "DistributionsPaymentQueueBackup"),
    PROVIDER_DOWN: SystemFault("a payment provider is down", "DistributionsCircuitOpen"),
    BONUS_ABUSED: SystemFault("a bonus of $1,500 is abused", "FreePlayBonusAbuseDetected"),
    BUDGET_EXCEEDED: SystemFault("a campaign spends what it has not", "FreePlayCampaignBudgetExceeded"),
    BONUSES_EXPIRING: SystemFault("bonuses run out before they can be used", "FreePlayExpirationRatioHigh"),
    BONUSES_IGNORED: SystemFault("nobody wants the bonuses", "FreePlayRedemptionRatioLow"),
    ACCOUNT_DIFFERS: SystemFault("an account has $1,200 too many", "BalanceDiscrepancy"),
    FRAUD: SystemFault("a withdrawal of $900 looks like fraud", "BalanceFraudDetected"),
    ODD_TRANSACTION: SystemFault("a customer does what they never did", "BalanceUnusualActivity"),
    LARGE_TRANSACTION: SystemFault("somebody deposits $60,000", "BalanceLargeTransaction"),
    LARGE_ADJUSTMENT: SystemFault("an adjustment of $12,000 is proposed", "AdjustmentHighValuePending"),
    DISPUTE_FORGOTTEN: SystemFault("a dispute is three days old", "AdjustmentDisputeStale"),
    APPROVAL_FORGOTTEN: SystemFault("an adjustment has waited for a day", "AdjustmentApprovalDelay"),
    APPROVAL_LATE: SystemFault("a supervisor has not looked for two hours", "AdjustmentApprovalEscalation"),
    ADJUSTMENTS_REJECTED: SystemFault("half of the adjustments are rejected", "AdjustmentRejectionRatioHigh"),
}
