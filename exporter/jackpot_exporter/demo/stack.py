"""The whole demo: simulated systems under traffic on real servers, their exporters, Prometheus and Alertmanager."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from .link import SlowLink
from .monitoring import Monitoring, running_monitoring
from .postgres import PostgresServer
from .process import make_folder, remove_folder
from .programs import ExporterProcess, ServiceProcess, SinkProcess, TrafficProcess
from .prometheus import AlertmanagerServer, PrometheusServer
from .redis import RedisServer
from .simulation import System
from .site import JACKPOT
from .system_stack import RunningSystem, running_system
from .timing import QUICK, Timing
from .watching import Watched, exporter_settings, make_watched

_READY = "jackpot_up and on () jackpot_backup_last_success_timestamp_seconds and on () jackpot_table_accessible"


@dataclass(frozen=True, slots=True)
class Demo:
    """What every demo has; Prometheus and Alertmanager are None where they are not installed."""

    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    systems: tuple[RunningSystem, ...]
    monitoring: Monitoring

    @property
    def sink(self) -> SinkProcess:
        return self.monitoring.sink

    @property
    def prometheus(self) -> PrometheusServer | None:
        return self.monitoring.prometheus

    @property
    def alertmanager(self) -> AlertmanagerServer | None:
        return self.monitoring.alertmanager

    def exporters(self) -> dict[str, ExporterProcess]:
        """By the system that they watch."""
        return {one.name: one.exporter for one in self.systems if one.exporter}

    def addresses(self) -> dict[str, str]:
        """Name and address of everything a person may want to open."""
        found = {name: address for one in self.systems for name, address in one.addresses().items()}
        found |= {"PostgreSQL": self.postgres.dsn, "Redis": self.redis.url}
        return {**found, **self.monitoring.addresses()}


@dataclass(frozen=True, slots=True)
class Stack(Demo):
    """A demo with the jackpot service in it."""

    link: SlowLink
    """Between PostgreSQL and both the service and the exporter."""
    service: ServiceProcess
    traffic: TrafficProcess
    exporter: ExporterProcess
    watched: Watched

    def exporters(self) -> dict[str, ExporterProcess]:
        return {JACKPOT: self.exporter, **Demo.exporters(self)}

    def addresses(self) -> dict[str, str]:
        return {
            "exporter": f"{self.exporter.url}/metrics",
            "service": f"{self.service.url}/api/jackpot/pools",
            "service health": f"{self.service.health_url}/health",
            **Demo.addresses(self),
        }


@contextmanager
def running_stack(
    rate: float,
    error_share: float,
    say: Callable[[str], None],
    timing: Timing = QUICK,
    others: Iterable[System] = (),
) -> Iterator[Stack]:
    """The jackpot service, with `others` beside it. `say` hears each step; all is removed at the end of the block."""
    with ExitStack() as stack:
        folder, postgres, redis = _servers(stack, say)
        link = stack.enter_context(SlowLink(postgres.port))
        say("the simulated jackpot service and its players")
        service = stack.enter_context(ServiceProcess(link.lead(postgres.dsn), redis.url))
        traffic = stack.enter_context(TrafficProcess(service.url, rate, error_share))
        say("the exporter")
        watched = make_watched(folder, postgres)
        settings = exporter_settings(timing, folder, watched, postgres, link, redis, service)
        exporter = stack.enter_context(ExporterProcess(settings))
        beside = _systems(stack, others, folder, postgres, redis, timing, say)
        targets = {JACKPOT: {"jackpot-exporter": exporter.port}, **{one.name: one.targets() for one in beside}}
        say("Prometheus, Alertmanager and the notification sink")
        ready = [_READY, *(one.system.ready for one in beside if one.system.ready)]
        monitoring = stack.enter_context(running_monitoring(folder, targets, ready, timing, _pasts(beside)))
        yield Stack(folder, postgres, redis, beside, monitoring, link, service, traffic, exporter, watched)


@contextmanager
def running_systems(chosen: Iterable[System], say: Callable[[str], None], timing: Timing = QUICK) -> Iterator[Demo]:
    """Systems without the jackpot service."""
    with ExitStack() as stack:
        folder, postgres, redis = _servers(stack, say)
        running = _systems(stack, chosen, folder, postgres, redis, timing, say)
        say("Prometheus, Alertmanager and the notification sink")
        ready = [one.system.ready for one in running if one.system.ready]
        targets = {one.name: one.targets() for one in running}
        monitoring = stack.enter_context(running_monitoring(folder, targets, ready, timing, _pasts(running)))
        yield Demo(folder, postgres, redis, running, monitoring)


def _pasts(running: Iterable[RunningSystem]) -> list[str]:
    now = time.time()
    return [one.system.history(now) for one in running if one.system.history]


def _servers(stack: ExitStack, say: Callable[[str], None]) -> tuple[Path, PostgresServer, RedisServer]:
    folder = make_folder()
    stack.callback(remove_folder, folder)
    say("PostgreSQL and Redis")
    return folder, stack.enter_context(PostgresServer()), stack.enter_context(RedisServer())


def _systems(
    stack: ExitStack,
    chosen: Iterable[System],
    folder: Path,
    postgres: PostgresServer,
    redis: RedisServer,
    timing: Timing,
    say: Callable[[str], None],
) -> tuple[RunningSystem, ...]:
    running = []
    for system in chosen:
        say(f"the simulated {system.title} and its exporter")
        running.append(stack.enter_context(running_system(system, folder, postgres, redis, timing)))
    return tuple(running)
