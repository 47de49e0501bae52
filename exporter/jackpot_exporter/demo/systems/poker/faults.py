"""What can go wrong on the platform, each with the alert that it must bring."""

from __future__ import annotations

from collections.abc import Mapping

from ...outages import lost, outdated, stopped
from ...simulation import SystemFault
from .outside import BACKUP, cache_not_saved, restarting

BREACH = "breach"
CONFIG_CHANGED = "config-changed"
CONNECTIONS_BUSY = "connections-busy"
CONNECTIONS_EXHAUSTED = "connections-exhausted"
DATA_CORRUPT = "data-corrupt"
ENGINE_ERRORS = "engine-errors"
PLAYERS_MANY = "players-many"
REGISTRATIONS_BURST = "registrations-burst"
REQUESTS_FAILING = "requests-failing"
REQUESTS_SLOW = "requests-slow"
SLOW_HANDS = "slow-hands"
TASK_STALLED = "task-stalled"
WEBHOOK_FAILING = "webhook-failing"
WEBSOCKETS_BREAKING = "websockets-breaking"

FAULTS: Mapping[str, SystemFault] = {
    "service-down": SystemFault(
        "the platform's process is stopped", "PokerServiceDown", lambda running: stopped(running.service)
    ),
    "database-down": SystemFault("PostgreSQL is stopped", "PokerDatabaseDown", lambda running: lost(running.postgres)),
    "restart-loop": SystemFault("the platform is killed as often as it starts", "PokerRestartLoop", restarting),
    "backup-old": SystemFault(
        "the last backup is too old", "PokerBackupMissing", lambda running: outdated(running.folder / BACKUP)
    ),
    "cache-not-saved": SystemFault(
        "Redis cannot put its snapshot in place", "PokerRedisPersistenceFailing", cache_not_saved
    ),
    BREACH: SystemFault("somebody acts with rights that are not theirs", "PokerSecurityBreachIndicated"),
    CONFIG_CHANGED: SystemFault("the configuration changes", "PokerChanged"),
    CONNECTIONS_BUSY: SystemFault("nine of ten connections to the database are in use", "PokerResourceUsageHigh"),
    CONNECTIONS_EXHAUSTED: SystemFault("no connection to the database is free", "PokerDatabasePoolExhausted"),
    DATA_CORRUPT: SystemFault("chips of a hand do not add up", "PokerDataCorruption"),
    ENGINE_ERRORS: SystemFault("the engine meets a state that it does not know", "PokerEngineErrors"),
    PLAYERS_MANY: SystemFault("nearly as many players as there is room for", "PokerCapacityMilestone"),
    REGISTRATIONS_BURST: SystemFault("accounts are made in bulk", "PokerUnusualActivity"),
    REQUESTS_FAILING: SystemFault("a tenth of the requests fails", "PokerErrorRatioHigh"),
    REQUESTS_SLOW: SystemFault("requests take a second", "PokerLatencyHigh"),
    SLOW_HANDS: SystemFault("hands keep the engine busy for two seconds", "PokerHandProcessingSlow"),
    TASK_STALLED: SystemFault("the worker that makes snapshots hangs", "PokerBackgroundTaskStale"),
    WEBHOOK_FAILING: SystemFault("the messenger's updates do not arrive", "PokerWebhookDeliveryFailing"),
    WEBSOCKETS_BREAKING: SystemFault("WebSocket connections break off", "PokerWebhookDeliveryFailing"),
}
