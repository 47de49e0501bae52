"""A simulated sportsbook back office: settlements, payments, bonuses, balances, adjustments, and the API of all."""

from __future__ import annotations

from ....packsettings import PACKS
from ...simulation import System
from .faults import FAULTS
from .life import BackofficeLife

SYSTEM = System(
    name="backoffice",
    title="sportsbook back office",
    folder=PACKS / "backoffice",
    simulation=BackofficeLife,
    faults=FAULTS,
    ready=(
        "backoffice_up and on () backoffice_settlements and on () backoffice_revenue_dollars"
        " and on () backoffice_satisfaction_ratio and on () backoffice_http_requests_total"
    ),
)
