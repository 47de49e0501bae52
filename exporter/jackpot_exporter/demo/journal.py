"""The service's log: the entries of the monitoring guide as JSON lines, in a file that rotates by renaming.

A user stands only in the entries that have one in the guide (win, configuration change). Must not decide what
happened: it writes what it is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TextIO

SERVICE = "jackpot-service"


class Action(StrEnum):
    """The stage of an operation; only START has no duration."""

    START = "START"
    SUCCESS = "SUCCESS"
    ERROR = "ERROR"


def timestamp(at: datetime | None = None) -> str:
    """UTC with milliseconds and Z, as JavaScript's toISOString gives it."""
    return (at or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Journal:
    """Writes entries; at `max_bytes` the file is renamed to `<name>.1` and a new one begun."""

    def __init__(self, path: Path, *, max_bytes: int = 64 * 2**20) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._file = self._open()

    def contribution(
        self,
        action: Action,
        game_id: str,
        wager_amount: int,
        contributions: Mapping[str, int],
        correlation_id: str,
        *,
        duration: float | None = None,
        error_type: str | None = None,
    ) -> None:
        total = sum(contributions.values())
        self._write(
            action,
            "jackpot_contribution",
            correlation_id,
            {"gameId": game_id, "duration": duration},
            {
                "action": action,
                "wagerAmount": wager_amount,
                "contributionAmount": total,
                "contributions": dict(contributions),
                "success": action is Action.SUCCESS,
                "errorType": error_type,
            },
            f"Jackpot contribution {action.lower()}: {total} cents",
        )

    def win(
        self,
        action: Action,
        group: str,
        game_id: str,
        user_id: str,
        correlation_id: str,
        *,
        paid_amount: int = 0,
        remaining_amount: int = 0,
        duration: float | None = None,
        error_type: str | None = None,
    ) -> None:
        self._write(
            action,
            "jackpot_win",
            correlation_id,
            {"userId": user_id, "gameId": game_id, "duration": duration},
            {
                "action": action,
                "group": group,
                "winAmount": paid_amount,
                "actualWinAmount": paid_amount,
                "remainingAmount": remaining_amount,
                "success": action is Action.SUCCESS,
                "errorType": error_type,
            },
            f"Jackpot win {action.lower()}: {paid_amount} cents to {user_id}",
        )

    def pool_query(
        self, action: Action, correlation_id: str, *, duration: float, error_type: str | None = None
    ) -> None:
        """Not in the guide's logger, but its objective for pool queries can be measured nowhere else."""
        self._write(
            action,
            "jackpot_pool_query",
            correlation_id,
            {"duration": duration},
            {"action": action, "success": action is Action.SUCCESS, "errorType": error_type},
            f"Jackpot pool query {action.lower()}",
        )

    def configuration_change(self, changes: Mapping[str, object], user_id: str, correlation_id: str) -> None:
        self._write(
            Action.SUCCESS,
            "config_change",
            correlation_id,
            {"userId": user_id},
            {"changes": dict(changes), "action": "configuration_update"},
            f"Configuration updated by {user_id}",
        )

    def close(self) -> None:
        self._file.close()

    def _write(
        self,
        action: Action,
        operation: str,
        correlation_id: str,
        subject: Mapping[str, object],
        metadata: Mapping[str, object],
        message: str,
    ) -> None:
        entry = {
            "timestamp": timestamp(),
            "level": "error" if action is Action.ERROR else "info",
            "service": SERVICE,
            "operation": operation,
            "correlationId": correlation_id,
            **_known(subject),
            "metadata": _known(metadata),
            "message": message,
        }
        self._file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        if self._file.tell() > self._max_bytes:
            self._rotate()

    def _rotate(self) -> None:
        self._file.close()
        self._path.rename(self._path.with_name(self._path.name + ".1"))
        self._file = self._open()

    def _open(self) -> TextIO:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        return self._path.open("a", encoding="utf-8", buffering=1)


def _known(fields: Mapping[str, object]) -> dict[str, object]:
    """Without what is None, as JSON.stringify leaves out what is undefined."""
    return {name: value for name, value in fields.items() if value is not None}
