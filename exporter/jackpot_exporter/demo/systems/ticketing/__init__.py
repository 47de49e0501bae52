"""A simulated ticketing platform: sales, payments, a chain, queues, workers and 21 services."""

from __future__ import annotations

from typing import Any

from ....packsettings import PACKS
from ...simulation import System
from ...system_stack import RunningSystem
from .faults import FAULTS
from .life import TicketingLife
from .services import CRITICAL, SERVICES


def _settings(running: RunningSystem) -> dict[str, Any]:
    pid_file = running.folder / "service.pid"
    pid_file.write_text(str(running.service.pid))
    return {
        "services": [
            {"name": name, "health_url": f"{running.service.url}/services/{name}/health", "critical": name in CRITICAL}
            for name in SERVICES
        ],
        "logs": [
            {
                "path": str(running.service.log_file),
                "fields": {"stage": "action", "error_type": "errorType"},
                "operations": {"purchase": "purchase", "refund": "refund"},
            }
        ],
        "processes": [{"name": "ticketing", "pid_file": str(pid_file)}],
    }


SYSTEM = System(
    name="ticketing",
    title="ticketing platform",
    folder=PACKS / "ticketing",
    simulation=TicketingLife,
    faults=FAULTS,
    settings=_settings,
    ready=(
        f"count(ticketing_service_up) == {len(SERVICES)} and on () ticketing_up and on () ticketing_tickets_sold_total"
        " and on () ticketing_worker_last_success_timestamp_seconds and on () ticketing_http_requests_total"
    ),
)
