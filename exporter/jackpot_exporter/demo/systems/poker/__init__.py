"""A simulated poker platform: its API, bot, mini-app and engine, its tables and hands, its work in the background."""

from __future__ import annotations

from typing import Any

from ....packsettings import PACKS
from ....tools import find
from ...process import run_as
from ...simulation import System
from ...system_stack import RunningSystem
from .faults import FAULTS
from .history import usual_evenings
from .life import PokerLife
from .outside import BACKUP


def _settings(running: RunningSystem) -> dict[str, Any]:
    backup = running.folder / BACKUP
    backup.parent.mkdir(parents=True)
    dsn = running.postgres.dsn_of(running.database)
    run_as(None, running.folder, str(find("pg_dump")), "-Fc", f"--dbname={dsn}", f"--file={backup}")
    # Found by what it is called: after a restart it has another number.
    command = rf"system_service poker .*--port {running.service.port}\b"
    return {
        "logs": [
            {
                "path": str(running.service.log_file),
                "fields": {"stage": "action", "error_type": "errorType"},
                "operations": {name: name for name in ("hand", "login", "buy_in", "command")},
            }
        ],
        "backups": [{"name": "nightly", "path": str(backup.parents[1]), "pattern": "*/*.dump", "settle": "1s"}],
        "processes": [{"name": "poker", "command": command, "interval": "1s"}],
        "host": {"filesystems": {"database": str(running.postgres.folder)}},
    }


SYSTEM = System(
    name="poker",
    title="poker platform",
    folder=PACKS / "poker",
    simulation=PokerLife,
    faults=FAULTS,
    settings=_settings,
    ready=(
        "poker_up and on () poker_backup_last_success_timestamp_seconds and on () poker_http_requests_total"
        " and on () poker_task_last_success_timestamp_seconds and on () increase(poker_hands_total[10s]) > 20"
    ),
    history=usual_evenings,
)
