"""A log written as the service does, rotated in every way, and the collector that has to keep up with it."""

from __future__ import annotations

import itertools
import json
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

from harness.rounds import Round
from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors.logs import TYPE
from jackpot_exporter.config import compose
from jackpot_exporter.runtime import Job, collect

OPERATIONS = ("contribution", "win", "pool_query")
_OUTCOMES = {"SUCCESS": "success", "ERROR": "error"}


class LogWriter:
    """Appends the guide's entries and knows what they add up to."""

    def __init__(self, path: Path, seed: int = 7) -> None:
        self.path = path
        self.lines = 0
        self.operations: Counter[tuple[str, str]] = Counter()
        self._numbers = itertools.count()
        self._random = random.Random(seed)
        self._descriptor = -1
        self.reopen()

    def reopen(self) -> None:
        """As a service does after its log was renamed."""
        self.close()
        self._descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def write(self, entries: int = 1) -> None:
        os.write(self._descriptor, b"".join(self._line() for _ in range(entries)))

    def write_raw(self, data: bytes) -> None:
        """Something else than an entry; not counted here."""
        os.write(self._descriptor, data)

    def line(self) -> bytes:
        """An entry that counts as written, for the caller to write."""
        return self._line()

    def _line(self) -> bytes:
        self.lines += 1
        operation, action = (
            self._random.choice(OPERATIONS),
            self._random.choice(("START", "SUCCESS", "SUCCESS", "ERROR")),
        )
        if action in _OUTCOMES:
            self.operations[operation, _OUTCOMES[action]] += 1
        text = json.dumps(entry(operation, action, number=next(self._numbers)), separators=(",", ":"))
        return text.encode() + b"\n"


def entry(operation: str, action: str, *, number: int = 0, **fields: Any) -> dict[str, Any]:
    """One entry of the guide."""
    return {
        "timestamp": "2026-03-01T12:00:00.123Z",
        "level": "error" if action == "ERROR" else "info",
        "service": "jackpot-service",
        "operation": f"jackpot_{operation}",
        "correlationId": f"req-{number:012d}",
        "duration": number % 400 + 0.5,
        "metadata": {"action": action, "success": action == "SUCCESS"},
        "message": f"Jackpot {operation} {action.lower()}",
        **fields,
    }


class LogTail:
    """The collector; `restart` is what a new process would be."""

    def __init__(
        self, path: Path | str, folder: Path | str | None, *, timeout_seconds: float = 60.0, **settings: Any
    ) -> None:
        self._settings = {"path": str(path), "name": "test", "start": "beginning", **settings}
        self._folder = folder
        self._timeout_seconds = timeout_seconds
        self.restart()

    def restart(self) -> None:
        target: Any = compose([TYPE.section]).model_validate({"state_dir": self._folder, "logs": [self._settings]})
        collector = TYPE.build(target.logs, self._timeout_seconds, Clients(target))
        assert collector is not None
        self._job = Job(TYPE.name, collector, 15.0, 100.0)

    def log(self) -> Any:
        """The one log of the collector."""
        (found,) = self._job.collector._logs.values()  # type: ignore[attr-defined]
        return found

    async def collect(self) -> Round:
        return Round(await collect(self._job, "jackpot"))


def operations(found: Round) -> dict[tuple[str, str], float]:
    """The operations that were counted, without those at 0."""
    counted = {}
    for name in OPERATIONS:
        for outcome in ("success", "error", "timeout"):
            value = found.value("jackpot_operations_total", operation=name, outcome=outcome)
            assert value is not None, f"{name} {outcome} is not there"
            if value:
                counted[name, outcome] = value
    return counted


def tail(found: Round, what: str, **labels: str) -> float:
    """One of the families about the tail itself."""
    value = found.value(f"jackpot_exporter_log_{what}", log="test", **labels)
    assert value is not None, f"no {what}"
    return value


def assert_exact(found: Round, writer: LogWriter) -> None:
    """The totals are what was written; nothing was lost."""
    assert found.outcome.is_success, found.batch.message
    seen = {what: tail(found, what) for what in ("lines_total", "losses_total", "lost_bytes_total")}
    assert seen == {"lines_total": writer.lines, "losses_total": 0, "lost_bytes_total": 0}, (
        f"{seen} of {writer.lines} lines"
    )
    assert operations(found) == writer.operations
