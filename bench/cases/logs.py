"""What reading a log costs beside mtail: a burst that is there at once, and a service at its usual pace.

Each has a file of its own with the same entries, and one works while the other has nothing to read. A burst is over
when every operation of it is in a scrape, so whatever is faster has lost nothing.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from jackpot_exporter.demo.programs import ExporterProcess, fetch
from jackpot_exporter.demo.servers import ServerProcess
from jackpot_exporter.operations import DURATION_BOUNDS, OPERATIONS

from ..figures import Report, Table, Verdict, median, megabytes, milliseconds, times
from ..peers import MTAIL, Mtail
from ..processes import resident_bytes, spending
from ..scene import OURS, Effort, Scene, only

_ACTIONS = ("START", "SUCCESS", "SUCCESS", "ERROR")
_COUNTED = re.compile(rb"^(?:jackpot_)?operations_total\{.*\} (\S+)$", re.MULTILINE)
_PER_SECOND = 1000
_PATIENCE_SECONDS = 120.0


@dataclass(slots=True)
class _Tail:
    """One exporter, the log that it reads, and what it has used."""

    server: ServerProcess
    address: str
    log: Path
    operations: int = 0
    burst_cpu: list[float] = field(default_factory=list)
    burst_wall: list[float] = field(default_factory=list)
    paced_cpu: float = 0.0
    memory: int = 0

    def write(self, entries: int) -> None:
        lines, operations = _entries(entries)
        self.operations += operations
        with self.log.open("ab") as file:
            file.write(lines)

    def has_read_all(self) -> bool:
        return sum(map(float, _COUNTED.findall(fetch(self.address)))) == self.operations


def measure(_scene: Scene, effort: Effort) -> Report:
    bursts, entries, seconds = effort.pick(5, 2), effort.pick(100_000, 10_000), effort.pick(15, 3)
    with TemporaryDirectory(prefix="bench-logs-") as folder, ExitStack() as stack:
        tails = {name: _tail(make, Path(folder) / f"{name}.log", stack) for name, make in _MAKERS.items()}
        for _ in range(bursts):
            for tail in tails.values():
                _burst(tail, entries)
        for tail in tails.values():
            _paced(tail, seconds)
            tail.memory = resident_bytes(tail.server.pid)
    return Report([_table(tails, entries)], _verdicts(tails))


def _ours(log: Path) -> ExporterProcess:
    return only("logs", {"logs": [{"path": str(log), "name": "service", "interval": 1.0}]})


_MAKERS: dict[str, Callable[[Path], ServerProcess]] = {OURS: _ours, MTAIL: lambda log: Mtail(log, DURATION_BOUNDS)}


def _tail(make: Callable[[Path], ServerProcess], log: Path, stack: ExitStack) -> _Tail:
    log.touch()
    server = stack.enter_context(make(log))
    return _Tail(server, f"http://127.0.0.1:{server.port}/metrics", log)


def _burst(tail: _Tail, entries: int) -> None:
    tail.write(entries)
    with spending(tail.server.pid) as spent:
        _wait(tail)
    tail.burst_cpu.append(spent.cpu)
    tail.burst_wall.append(spent.wall)


def _paced(tail: _Tail, seconds: int) -> None:
    """A hundred entries ten times a second."""
    with spending(tail.server.pid) as spent:
        started = time.monotonic()
        for turn in range(seconds * 10):
            tail.write(_PER_SECOND // 10)
            time.sleep(max(0.0, started + (turn + 1) / 10 - time.monotonic()))
        _wait(tail)
    tail.paced_cpu = spent.cpu / seconds


def _wait(tail: _Tail) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not tail.has_read_all():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{tail.log.name}: not all of {tail.operations} operations were counted")
        time.sleep(0.1)


def _entries(count: int) -> tuple[bytes, int]:
    """So many entries of the monitoring guide's shape, and how many of them end an operation."""
    lines = list(_made(count))
    return b"".join(lines), sum(b'"START"' not in line for line in lines)


def _made(count: int) -> Iterator[bytes]:
    for number in range(count):
        action = _ACTIONS[number % len(_ACTIONS)]
        entry = {
            "timestamp": "2026-03-01T12:00:00.123Z",
            "level": "error" if action == "ERROR" else "info",
            "service": "jackpot-service",
            "operation": f"jackpot_{OPERATIONS[number % len(OPERATIONS)]}",
            "correlationId": f"req-{number:012d}",
            "duration": number % 400 + 0.5,
            "metadata": {"action": action, "success": action == "SUCCESS"},
            "message": "Jackpot operation",
        }
        yield json.dumps(entry, separators=(",", ":")).encode() + b"\n"


def _table(tails: dict[str, _Tail], entries: int) -> Table:
    rows = []
    ours = median(tails[OURS].burst_cpu)
    for name, tail in tails.items():
        cpu = median(tail.burst_cpu)
        shown = [milliseconds(cpu), times(cpu / ours), f"{entries / cpu:,.0f}", milliseconds(median(tail.burst_wall))]
        rows.append([name, *shown, milliseconds(tail.paced_cpu), megabytes(tail.memory)])
    columns = ["exporter", "CPU", "to ours", "entries a CPU second", "until all were counted",
               f"CPU of a second at {_PER_SECOND:,} entries", "memory"]  # fmt: skip
    return Table(f"A log: {entries:,} entries at once, and {_PER_SECOND:,} a second", columns, rows)


def _verdicts(tails: dict[str, _Tail]) -> list[Verdict]:
    share = median(tails[OURS].burst_cpu) / median(tails[MTAIL].burst_cpu)
    return [Verdict.at_most("log: CPU of an entry at most mtail's", share, 1.0, times(share))]
