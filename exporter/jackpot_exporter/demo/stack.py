"""The whole demo: real servers, the simulated service under traffic, the exporter, Prometheus and Alertmanager."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psycopg import sql

from ..errors import ToolError
from ..tools import find
from .postgres import PostgresServer
from .programs import ExporterProcess, ServiceProcess, TrafficProcess
from .prometheus import AlertmanagerServer, PrometheusServer
from .redis import RedisServer

_INTERVAL = "5s"
_ROLE = "exporter"


@dataclass(frozen=True, slots=True)
class Stack:
    """What runs; Prometheus and Alertmanager are None where they are not installed."""

    postgres: PostgresServer
    redis: RedisServer
    service: ServiceProcess
    traffic: TrafficProcess
    exporter: ExporterProcess
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
            found["Alertmanager"] = self.alertmanager.url
        return found


@contextmanager
def running_stack(rate: float, error_share: float, rules: Path | None, say: Callable[[str], None]) -> Iterator[Stack]:
    """Everything started in order and, at the end of the block, stopped and removed. `say` hears each step."""
    with ExitStack() as stack:
        say("PostgreSQL and Redis")
        postgres = stack.enter_context(PostgresServer())
        redis = stack.enter_context(RedisServer())
        say("the simulated jackpot service and its players")
        service = stack.enter_context(ServiceProcess(postgres.dsn, redis.url))
        traffic = stack.enter_context(TrafficProcess(service.url, rate, error_share))
        say("the exporter")
        exporter = stack.enter_context(ExporterProcess(_settings(postgres, redis)))
        say("Prometheus and Alertmanager")
        alertmanager = _alertmanager(stack)
        prometheus = _prometheus(stack, exporter, alertmanager, rules)
        yield Stack(postgres, redis, service, traffic, exporter, prometheus, alertmanager)


def _settings(postgres: PostgresServer, redis: RedisServer) -> dict[str, Any]:
    """The exporter gets a role of its own that may read the pools and the statistics, and nothing else."""
    password = secrets.token_urlsafe(16)
    dsn = postgres.create_role(_ROLE, password)
    role = sql.Identifier(_ROLE)
    with postgres.connect() as connection:
        connection.execute(sql.SQL("grant pg_monitor to {}").format(role))
        connection.execute(sql.SQL("grant select on jackpots to {}").format(role))
        connection.execute("create extension if not exists pg_stat_statements")
    return {"interval": _INTERVAL, "postgres": {"dsn": dsn}, "redis": {"url": redis.url}}


def _prometheus(
    stack: ExitStack, exporter: ExporterProcess, alertmanager: AlertmanagerServer | None, rules: Path | None
) -> PrometheusServer | None:
    labels = {"service": "jackpot"}
    config: dict[str, Any] = {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "scrape_configs": [
            {
                "job_name": "jackpot-exporter",
                "static_configs": [{"targets": [f"127.0.0.1:{exporter.port}"], "labels": labels}],
            }
        ],
    }
    if rules is not None:
        config["rule_files"] = [str(rules.resolve() / "*.yml")]
    if alertmanager is not None:
        config["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager.port}"]}]}]}
    return stack.enter_context(PrometheusServer(config)) if _is_installed("prometheus") else None


def _alertmanager(stack: ExitStack) -> AlertmanagerServer | None:
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    return stack.enter_context(AlertmanagerServer(config)) if _is_installed("alertmanager") else None


def _is_installed(tool: str) -> bool:
    try:
        find(tool)
    except ToolError:
        return False
    return True
