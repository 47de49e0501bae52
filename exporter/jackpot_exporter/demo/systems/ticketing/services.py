"""The services of the platform. Their names only: the simulation answers for all of them."""

from __future__ import annotations

SERVICES = (
    "api-gateway",
    "auth-service",
    "venue-service",
    "event-service",
    "ticket-service",
    "order-service",
    "payment-service",
    "marketplace-service",
    "transfer-service",
    "minting-service",
    "blockchain-service",
    "blockchain-indexer",
    "notification-service",
    "search-service",
    "file-service",
    "scanning-service",
    "analytics-service",
    "compliance-service",
    "integration-service",
    "queue-service",
    "monitoring-service",
)

CRITICAL = frozenset({"api-gateway", "auth-service", "order-service", "payment-service", "ticket-service"})
"""Without which nobody buys."""
