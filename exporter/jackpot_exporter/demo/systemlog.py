"""The JSON log of a simulated system: one entry an operation, in the form that the monitoring guide gives."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path


class SystemLog:
    """Appends to one file."""

    def __init__(self, path: Path, service: str) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._service = service

    def operation(
        self, name: str, outcome: str, seconds: float, *, error: str | None = None, trace: str = "", **more: object
    ) -> None:
        """One that has ended; `outcome` is SUCCESS, ERROR or TIMEOUT."""
        level = "info" if outcome == "SUCCESS" else "error"
        entry = {"operation": name, "action": outcome, "duration": round(seconds * 1000, 3), "errorType": error, **more}
        self.write(level, f"{name} {outcome.lower()}", correlationId=trace or None, **entry)

    def write(self, level: str, message: str, **more: object) -> None:
        """Any other entry; what is None is left out."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        entry = {"timestamp": now, "level": level, "service": self._service, "message": message, **more}
        self._file.write(json.dumps({key: value for key, value in entry.items() if value is not None}) + "\n")

    def close(self) -> None:
        self._file.close()
