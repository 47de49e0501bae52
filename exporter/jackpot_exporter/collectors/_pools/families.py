"""The families of the pools collector."""

from __future__ import annotations

from ...model import MetricSpec, counter, gauge

AMOUNT = gauge("pool_amount_cents", "What the pool holds.", "pool", own=True)
CONTRIBUTIONS = counter(
    "contributions_cents_total", "Paid into the pool since it exists; wraps at 2^53.", "pool", own=True
)
WINS = counter("wins_total", "Wins paid by the pool since it exists; wraps at 2^53.", "pool", own=True)
WINS_CENTS = counter("wins_cents_total", "Won from the pool since it exists; wraps at 2^53.", "pool", own=True)
LAST_WON_AMOUNT = gauge("pool_last_won_amount_cents", "The last win.", "pool", own=True)
LAST_WON_AT = gauge("pool_last_won_timestamp_seconds", "When the pool was last won.", "pool", own=True)
VERSION = gauge("pool_version", "Version of the row, raised by every update.", "pool", own=True)
CREATED_AT = gauge("pool_created_timestamp_seconds", "When the pool was made.", "pool", own=True)
UPDATED_AT = gauge("pool_last_update_timestamp_seconds", "When the row was last written.", "pool", own=True)
STATUS = gauge(
    "pool_status", "1 for the state the pool is in: error below zero, else by age.", "pool", "status", own=True
)
ACCESSIBLE = gauge("table_accessible", "1 when the table of pools can be read.", own=True)
VIOLATIONS = gauge("integrity_violations", "Pools (or constraints) that violate the check.", "check", own=True)

METRICS: tuple[MetricSpec, ...] = (
    AMOUNT, CONTRIBUTIONS, WINS, WINS_CENTS, LAST_WON_AMOUNT, LAST_WON_AT, VERSION, CREATED_AT, UPDATED_AT, STATUS,
    ACCESSIBLE, VIOLATIONS,
)  # fmt: skip
