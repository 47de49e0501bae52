"""Families about the watched service that more than one collector can give."""

from __future__ import annotations

from ..model import gauge

HIT_RATIO = gauge("cache_hit_ratio", "Share of cache lookups that hit, as the service reports.", own=True)
USERS = gauge("active_users", "Users that are active, as the service reports.", own=True)
RATE = gauge("requests_per_second", "Requests a second, as the service reports.", own=True)
AVERAGE = gauge(
    "reported_response_seconds",
    "Response times as the service reports them, for each operation and as a whole (all).",
    "operation",
    "stat",
    own=True,
)
ERROR_RATIO = gauge("reported_error_ratio", "Share of operations that fail, as the service reports.", own=True)
SERVICE_UP = gauge("service_up", "Whether this service of the platform works.", "service_name", own=True)
