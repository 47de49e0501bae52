"""What can go wrong on the platform, each with the alert that it must bring."""

from __future__ import annotations

from ...outages import silent
from ...simulation import SystemFault

REFUND_WAVE = "refund-wave"
PRICES_WRONG = "prices-wrong"
USER_RUSH = "user-rush"
PAYMENTS_FAILING = "payments-failing"
SOLANA_FAILING = "solana-failing"
DATABASE_SLOW = "database-slow"
REQUESTS_FAILING = "requests-failing"
QUEUE_BACKUP = "queue-backup"
WORKER_STALLED = "worker-stalled"
SERVICE_UNHEALTHY = "service-unhealthy"
GATEWAY_DOWN = "gateway-down"
PLATFORM_SILENT = "platform-silent"


FAULTS = {
    REFUND_WAVE: SystemFault("half of the tickets are given back", "TicketingRefundRatioHigh"),
    PRICES_WRONG: SystemFault("every price loses a digit, off and on", "TicketingRevenueDrop"),
    USER_RUSH: SystemFault("a popular sale begins", "TicketingConcurrentUsersSpike"),
    PAYMENTS_FAILING: SystemFault("the gateway declines most payments", "TicketingPaymentFailureSpike"),
    SOLANA_FAILING: SystemFault("half of the transactions on the chain fail", "TicketingSolanaFailing"),
    DATABASE_SLOW: SystemFault("database queries take seconds", "TicketingDatabaseSlow"),
    REQUESTS_FAILING: SystemFault("a fifth of the requests fails", "TicketingApiErrorRatioHigh"),
    QUEUE_BACKUP: SystemFault("nobody works on the queue of e-mails", "TicketingQueueBackup"),
    WORKER_STALLED: SystemFault("a background worker hangs", "TicketingWorkerStale"),
    SERVICE_UNHEALTHY: SystemFault("the payment service says that it is unhealthy", "TicketingServiceUnhealthy"),
    GATEWAY_DOWN: SystemFault("the payment gateway does not answer the platform", "TicketingServiceUnhealthy"),
    PLATFORM_SILENT: SystemFault(
        "no service answers any more", "TicketingServiceUnhealthy", lambda running: silent(running.service)
    ),
}
