"""The whole demo: the simulated service under traffic on real servers, the exporter, Prometheus and Alertmanager."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ToolError
from ..tools import find
from .link import SlowLink
from .postgres import PostgresServer
from .process import free_port, make_folder, remove_folder
from .programs import ExporterProcess, ServiceProcess, SinkProcess, TrafficProcess
from .prometheus import AlertmanagerServer, PrometheusServer
from .redis import RedisServer
from .site import Site, SiteAlertmanager, write_site
from .timing import QUICK, Timing
from .watching import Watched, exporter_settings, make_watched

_SERVICE = "jackpot"
_DATA_SECONDS = 30.0
_HAS_DATA = "jackpot_up and on () jackpot_backup_last_success_timestamp_seconds and on () jackpot_table_accessible"
_RESEND = "--rules.alert.resend-delay=5s"
"""What fires while Prometheus still looks for its Alertmanager is told seconds later, not a minute."""


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs; Prometheus and Alertmanager are None where they are not installed."""

    folder: Path
    postgres: PostgresServer
    link: SlowLink
    """Between PostgreSQL and both the service and the exporter."""
    redis: RedisServer
    service: ServiceProcess
    traffic: TrafficProcess
    exporter: ExporterProcess
    watched: Watched
    sink: SinkProcess
    prometheus: PrometheusServer | None
    alertmanager: AlertmanagerServer | None

    def addresses(self) -> dict[str, str]:
        """Name and address of everything a person may want to open."""
        found = {
            "exporter": f"{self.exporter.url}/metrics",
            "service": f"{self.service.url}/api/jackpot/pools",
            "service health": f"{self.service.health_url}/health",
            "PostgreSQL": self.postgres.dsn,
            "Redis": self.redis.url,
        }
        if self.prometheus:
            found["Prometheus"] = f"{self.prometheus.url}/graph?g0.expr=jackpot_pool_amount_cents&g0.tab=0"
        if self.alertmanager:
            found["notifications"] = self.sink.url
            found["Alertmanager"] = self.alertmanager.url
        return found


@contextmanager
def running_stack(
    rate: float, error_share: float, say: Callable[[str], None], timing: Timing = QUICK
) -> Iterator[Stack]:
    """Everything started in order and, at the end of the block, stopped and removed. `say` hears each step."""
    with ExitStack() as stack:
        folder = make_folder()
        stack.callback(remove_folder, folder)
        say("PostgreSQL and Redis")
        postgres = stack.enter_context(PostgresServer())
        redis = stack.enter_context(RedisServer())
        link = stack.enter_context(SlowLink(postgres.port))
        say("the simulated jackpot service and its players")
        service = stack.enter_context(ServiceProcess(link.lead(postgres.dsn), redis.url))
        traffic = stack.enter_context(TrafficProcess(service.url, rate, error_share))
        say("the exporter and the notification sink")
        watched = make_watched(folder, postgres)
        settings = exporter_settings(timing, folder, watched, postgres, link, redis, service)
        exporter = stack.enter_context(ExporterProcess(settings))
        sink = stack.enter_context(SinkProcess())
        say("Prometheus and Alertmanager")
        site = write_site(folder / "site", sink, timing.values, timing.windows)
        alertmanager = stack.enter_context(SiteAlertmanager(site)) if _is_installed("alertmanager") else None
        prometheus = None
        if _is_installed("prometheus"):
            port = free_port()
            config = _config(timing.evaluate, exporter, alertmanager, port)
            prometheus = stack.enter_context(PrometheusServer(config, _RESEND, port=port))
            _wait_for_data(prometheus)
            prometheus.reload({**config, **_rules(site, alertmanager)})
        yield Stack(folder, postgres, link, redis, service, traffic, exporter, watched, sink, prometheus, alertmanager)


def _config(
    interval: str, exporter: ExporterProcess, alertmanager: AlertmanagerServer | None, own_port: int
) -> dict[str, Any]:
    watched = {"targets": [f"127.0.0.1:{exporter.port}"], "labels": {"service": _SERVICE}}
    own = {"targets": [f"127.0.0.1:{own_port}"]}
    jobs: list[dict[str, Any]] = [
        {"job_name": "jackpot-exporter", "static_configs": [watched]},
        {"job_name": "prometheus", "static_configs": [own]},
    ]
    if alertmanager is not None:
        jobs.append({"job_name": "alertmanager", "static_configs": [_target(alertmanager)]})
    return {"global": {"scrape_interval": interval, "evaluation_interval": interval}, "scrape_configs": jobs}


def _rules(site: Site, alertmanager: AlertmanagerServer | None) -> dict[str, Any]:
    told = {"alertmanagers": [{"static_configs": [_target(alertmanager)]}]} if alertmanager else {}
    return {"rule_files": [str(site.rules / "*.yml")], **({"alerting": told} if told else {})}


def _target(server: AlertmanagerServer) -> dict[str, Any]:
    return {"targets": [f"127.0.0.1:{server.port}"]}


def _wait_for_data(prometheus: PrometheusServer) -> None:
    """Before the first scrape everything that is missing would fire; nobody is to be paged for that."""
    deadline = time.monotonic() + _DATA_SECONDS
    while time.monotonic() < deadline and not prometheus.query(_HAS_DATA):
        time.sleep(0.1)


def _is_installed(tool: str) -> bool:
    try:
        find(tool)
    except ToolError:
        return False
    return True
