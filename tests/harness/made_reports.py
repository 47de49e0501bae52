"""Reports of made data: what runs for them, and one built from any two servers."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from harness.back_filled import BackFilledPrometheus, Samples
from jackpot_exporter.alerts.servers import Alertmanager, Prometheus
from jackpot_exporter.clients.http import HttpClient
from jackpot_exporter.clients.http_options import HttpOptions
from jackpot_exporter.demo.servers import AlertmanagerServer
from jackpot_exporter.report.answers import Scope
from jackpot_exporter.report.assembly import Order, build_report
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.model import Period, Report

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Made:
    """What runs, and what was put into it."""

    day: Samples
    history: Samples
    end: int
    blocks: Path
    prometheus: BackFilledPrometheus
    alertmanager: AlertmanagerServer
    taken_at: float


def build(
    prometheus: str, alertmanager: str, kind: Kind, end: float, seconds: float = DAY, service: str | None = None
) -> Report:
    """A report from these servers."""

    async def run() -> Report:
        client = HttpClient()
        try:
            return await build_report(
                Order(kind, Scope("jackpot", service), Period(end - seconds, end), time.time()),
                Prometheus(client, prometheus, HttpOptions(), 60),
                Alertmanager(client, alertmanager, HttpOptions(), 60),
            )
        finally:
            await client.close()

    return asyncio.run(run())


def take(alertmanager: AlertmanagerServer) -> float:
    """Acknowledge the one that still fires, and when Alertmanager says that was."""

    async def run() -> float:
        client = HttpClient()
        try:
            server = Alertmanager(client, alertmanager.url, HttpOptions())
            now = datetime.now(UTC)
            matchers = {"incident": "JackpotCacheDown", "service": "demo"}
            await server.silence(matchers, now + timedelta(hours=2), now, "ada", "restarting it")
            (silence,) = await server.silences()
            return silence.starts_at.timestamp()
        finally:
            await client.close()

    return asyncio.run(run())
