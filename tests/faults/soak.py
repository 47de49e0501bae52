"""Many rounds at full speed under random faults, in one process, and whether anything grows.

    PYTHONPATH=tests python -m faults.soak --rounds 10000 --write docs/faults.md

What would take days at the usual interval takes minutes: a collection, a scrape, and at once the next. The collectors
are those of the exporter, the servers are real, and between the two stands a proxy that fails.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import platform
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Final

import psutil

from faults.ledger import replace_part
from harness.proxy import FaultProxy
from jackpot_exporter.collectors import discover
from jackpot_exporter.config import TargetBase, compose
from jackpot_exporter.demo.programs import ServiceProcess
from jackpot_exporter.demo.servers import PgBouncerServer, PostgresServer, RedisServer
from jackpot_exporter.engine import Engine
from jackpot_exporter.exposition import Format
from jackpot_exporter.telemetry import Telemetry

ROUNDS: Final = 10_000
LOOKS: Final = 40
"""How often the process is looked at, with every fault lifted."""

_INTERVAL_SECONDS: Final = 0.3  # its deadlines are what a silent source costs a round
_WELL_SECONDS: Final = 300.0
"""One round brings everything back on a machine of one's own; a crowded one may be late with that too."""
_GROWTH_MOST: Final = 0.02
_NOISE_BYTES: Final = 1_000_000

_FAULTS: Final[dict[str, Callable[[FaultProxy], None]]] = {
    "refuse": FaultProxy.refuse,
    "say nothing": FaultProxy.mute,
    "cut": lambda proxy: proxy.cut(random.randrange(500)),
    "drip": lambda proxy: proxy.drip(200),
    "garbage": FaultProxy.garble,
    "delay": lambda proxy: proxy.delay(0.02),
    "something else": lambda proxy: proxy.impersonate(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    "reset": FaultProxy.sever,
}


@dataclass(frozen=True)
class Look:
    """What the process held at one moment without a fault."""

    memory: int
    descriptors: int
    threads: int
    tasks: int


@dataclass
class Course:
    """What a soak did and found."""

    rounds: int = 0
    collections: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    looks: list[Look] = field(default_factory=list)

    def growth(self) -> dict[str, tuple[float, float]]:
        """What the second quarter of the looks and the last one held; the first quarter fills caches and pools."""
        quarter = max(1, len(self.looks) // 4)
        early, late = self.looks[quarter : 2 * quarter], self.looks[-quarter:]
        names = ("memory", "descriptors", "threads", "tasks")
        return {name: (_median_of(early, name), _median_of(late, name)) for name in names}

    def is_flat(self) -> bool:
        """Whether nothing grew: counts not at all, memory by less than its noise."""
        grown = self.growth()
        before, after = grown.pop("memory")
        return after <= before * (1 + _GROWTH_MOST) + _NOISE_BYTES and all(
            late <= early for early, late in grown.values()
        )

    def lines(self) -> Iterator[str]:
        """The figures, one a line."""
        yield f"rounds: {self.rounds} in {self.seconds:.0f} s, each with a scrape; {self.collections} collections"
        yield f"faults: {self.faults.total()} ({', '.join(f'{name} {n}' for name, n in sorted(self.faults.items()))})"
        yield f"outcomes: {', '.join(f'{name} {n}' for name, n in sorted(self.outcomes.items()))}"
        for name, (before, after) in self.growth().items():
            early, late = (f"{n / 1e6:.1f} MB" if name == "memory" else f"{n:.0f}" for n in (before, after))
            yield f"{name}: {early} in the second quarter, {late} in the last"
        yield f"flat: {'yes' if self.is_flat() else 'NO'}, on Python {platform.python_version()}"


def _median_of(looks: Sequence[Look], name: str) -> float:
    return float(median(getattr(look, name) for look in looks))


class Soak:
    """The sources with their proxies, while the block runs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._stack = ExitStack()
        self._left: dict[str, int] = {}

    def __enter__(self) -> Soak:
        enter = self._stack.enter_context
        server, redis = enter(PostgresServer()), enter(RedisServer())
        bouncer, service = enter(PgBouncerServer(server)), enter(ServiceProcess(server.dsn, redis.url))
        ports = {
            "postgres": server.port,
            "pgbouncer": bouncer.port,
            "redis": redis.port,
            "service": service.health_port,
        }
        self._lines = {source: enter(FaultProxy(port)) for source, port in ports.items()}
        self._target = _target(self._lines, service.log_file)
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self, rounds: int, looks: int = LOOKS) -> Course:
        """So many rounds. AssertionError when something does not work again once the faults are lifted."""
        return asyncio.run(self._run(rounds, looks))

    async def _run(self, rounds: int, looks: int) -> Course:
        engine, course, began = Engine(self._target, Telemetry()), Course(), time.monotonic()
        try:
            for number in range(1, rounds + 1):
                course.faults.update(self._spoil())
                course.outcomes.update(await _round(engine))
                if number % (rounds // looks) == 0:
                    await self._heal(engine)
                    course.looks.append(_look())
        finally:
            await engine.stop()
        course.rounds, course.collections, course.seconds = rounds, course.outcomes.total(), time.monotonic() - began
        return course

    def _spoil(self) -> list[str]:
        """Ends the faults that have lasted long enough, and sometimes begins one."""
        for source in [source for source, left in self._left.items() if left == 0]:
            self._lines[source].pass_through()
            del self._left[source]
        self._left = {source: left - 1 for source, left in self._left.items()}
        source, fault = self._random.choice(list(self._lines)), self._random.choice(list(_FAULTS))
        if source in self._left or self._random.random() > 0.15:
            return []
        _FAULTS[fault](self._lines[source])
        self._left[source] = self._random.randrange(1, 4)
        return [fault]

    async def _heal(self, engine: Engine) -> None:
        self._left.clear()
        for line in self._lines.values():
            line.pass_through()
        deadline = time.monotonic() + _WELL_SECONDS
        while not (found := await _round(engine)).keys() <= {"ok", "empty"}:
            assert time.monotonic() < deadline, f"not well again: {dict(found)}"


async def _round(engine: Engine) -> Counter[str]:
    """A collection of everything, and a scrape in each format; gives the outcomes."""
    batches = await engine.runner.run_once()
    for format_ in Format:
        engine.store.page(format_, gzipped=format_ is Format.OPENMETRICS)
    return Counter(batch.outcome.value for batch in batches)


def _look() -> Look:
    gc.collect()
    process = psutil.Process()
    memory: int = process.memory_info().rss
    return Look(memory, process.num_fds(), threading.active_count(), len(asyncio.all_tasks()))


def _target(lines: dict[str, FaultProxy], log: Path) -> TargetBase:
    at = {source: f"127.0.0.1:{line.port}" for source, line in lines.items()}
    soon = {"connect_timeout": _INTERVAL_SECONDS / 2}
    ways = [kind.section.way for kind in discover()]
    details = {
        way[1]: {"enabled": False} for way in ways if len(way) == 2 and way[0] == "postgres" and way[1] != "sizes"
    }
    data: dict[str, Any] = {
        "interval": _INTERVAL_SECONDS,
        "postgres": {"dsn": f"postgresql://postgres@{at['postgres']}/postgres?sslmode=disable", **soon, **details},
        "pgbouncer": {"dsn": f"postgresql://postgres:postgres@{at['pgbouncer']}/pgbouncer?sslmode=disable", **soon},
        "redis": {"url": f"redis://{at['redis']}", **soon},
        "service": {"health_url": f"http://{at['service']}/health"},
        "probes": [{"name": "site", "url": f"http://{at['service']}/health"}],
        "logs": [{"path": str(log)}],
        "host": {"filesystems": {"enabled": False}},
    }
    found: TargetBase = compose([kind.section for kind in discover()]).model_validate(data)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 1 when something grew."""
    parser = argparse.ArgumentParser(prog="soak", description="Many rounds under random faults; does anything grow?")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", type=Path, metavar="DOCUMENT", help="write the figures into it")
    options = parser.parse_args(arguments)
    logging.disable()  # what is expected, ten thousand times
    with Soak(options.seed) as soak:
        course = soak.run(options.rounds)
    lines = list(course.lines())
    sys.stdout.write("\n".join([*lines, ""]))
    if options.write:
        replace_part(options.write, "soak", "\n".join(f"- {line}" for line in lines))
    return 0 if course.is_flat() else 1


if __name__ == "__main__":
    sys.exit(main())
