"""The whole chain on real servers: signals, Prometheus with the compiled rules, Alertmanager, the sink.

Times are shortened by values, as a site would change them; nothing else differs from what is shipped.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.signals import Signals
from harness.waiting import eventually
from jackpot_exporter.demo.notifications import Notification
from jackpot_exporter.demo.programs import SinkProcess
from jackpot_exporter.demo.servers import AlertmanagerServer, PrometheusServer, free_port
from jackpot_exporter.demo.site import Site, SiteAlertmanager, write_site

UNACKED, LEVEL_2, LEVEL_3, LEVEL_4 = 6, 12, 16, 20
"""Seconds after which an incident escalates."""
QUICK = {"for": "0s", "keep_firing_for": "1s"}
VALUES: dict[str, Any] = {
    "groups": {
        name: {"interval": "1s"}
        for name in ("jackpot-availability", "jackpot", "jackpot-business", "alerting", "prometheus")
    },
    "alerts": {
        **dict.fromkeys(
            (
                "JackpotServiceDown",
                "JackpotDatabaseDown",
                "JackpotCacheDown",
                "JackpotPoolNegative",
                "JackpotMemoryHigh",
                "JackpotMemoryCritical",
            ),
            QUICK,
        ),
        "AlertmanagerNotificationsFailing": {**QUICK, "values": {"window": "1m"}},
        "EscalationUnacked": {"values": {"limit_seconds": UNACKED}},
        "EscalationLevel2": {"values": {"matrix_seconds": LEVEL_2}},
        "EscalationLevel3": {"values": {"matrix_seconds": LEVEL_3}},
        "EscalationLevel4": {"values": {"matrix_seconds": LEVEL_4}},
    },
    "routing": {"timing": {"group_wait": "500ms", "group_interval": "1s"}},
}


@dataclass(frozen=True, slots=True)
class Chain:
    """What runs."""

    signals: Signals
    prometheus: PrometheusServer
    alertmanagers: tuple[AlertmanagerServer, ...]
    sink: SinkProcess
    site: Site

    @property
    def alertmanager(self) -> AlertmanagerServer:
        return self.alertmanagers[0]

    def told(self, service: str, *, to: str = "", status: str = "firing", says: str = "") -> list[Notification]:
        """What people were told of a service: by title or text, not by the log."""
        return [
            one
            for one in self.sink.received()
            if one.to not in ("log", "watchdog")
            and f" on {service}" in f"{one.title}\n{one.text}"
            and to in (one.to, "")
            and status in (one.status, "")
            and says in f"{one.title}\n{one.text}"
        ]

    def page(
        self, service: str, *, to: str = "", status: str = "firing", says: str = "", within: float = 40
    ) -> Notification:
        """The first such notification, waited for."""
        return eventually(lambda: self.told(service, to=to, status=status, says=says), within=within)[0]

    def firing(self, promql: str = "") -> list[dict[str, Any]]:
        return self.prometheus.query(f'ALERTS{{alertstate="firing"{promql}}}')


def merged(base: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """`more` on top, in depth."""
    found = dict(base)
    for name, value in more.items():
        there = found.get(name)
        found[name] = merged(there, value) if isinstance(there, Mapping) and isinstance(value, Mapping) else value
    return found


@contextmanager
def running_chain(
    folder: Path,
    values: Mapping[str, Any] | None = None,
    *,
    newer: bool = False,
    cluster: int = 1,
) -> Iterator[Chain]:
    """Started, and Prometheus knows its Alertmanagers; `newer` versions of both, or those of Debian 12."""
    alertmanager, prometheus = ("current", 3) if newer else (None, None)
    with ExitStack() as stack:
        sink = stack.enter_context(SinkProcess())
        site = write_site(folder, sink, merged(VALUES, values or {}))
        signals = stack.enter_context(Signals())
        servers = [stack.enter_context(server) for server in _alertmanagers(site, alertmanager, cluster)]
        config = _config(signals, site, servers)
        arguments = ("--rules.alert.resend-delay=1s",)
        watching = stack.enter_context(PrometheusServer(config, *arguments, version=prometheus))
        chain = Chain(signals, watching, tuple(servers), sink, site)
        wait_for_alertmanagers(chain)
        yield chain


def rewrite(chain: Chain, values: Mapping[str, Any]) -> None:
    """Compile the site anew with other values, and have Alertmanager read it."""
    write_site(chain.site.folder, chain.sink, merged(VALUES, values))
    for server in chain.alertmanagers:
        server.reload()


def run_alerts(chain: Chain, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`jackpot-exporter alerts` against the chain."""
    where = ["--alertmanager.url", chain.alertmanager.url, "--prometheus.url", chain.prometheus.url]
    command = [sys.executable, "-m", "jackpot_exporter", "alerts", *where, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)


def wait_for_alertmanagers(chain: Chain) -> None:
    """Alerts of a Prometheus that does not know its Alertmanagers yet reach nobody."""

    def known() -> int:
        return len(chain.prometheus.api("/api/v1/alertmanagers")["data"]["activeAlertmanagers"])

    eventually(lambda: known() == len(chain.alertmanagers), within=60)


class _Member(SiteAlertmanager):
    """One of a cluster."""

    def __init__(self, site: Site, version: str | None, address: str, others: list[str]) -> None:
        peers = [f"--cluster.peer={other}" for other in others]
        # The first to send is the first in order; the others wait so long for its word of it.
        super().__init__(site, "--cluster.settle-timeout=3s", "--cluster.peer-timeout=2s", *peers, version=version)
        self._address = address

    def command(self) -> list[str]:
        address = "--cluster.listen-address="
        return [f"{part}{self._address}" if part == address else part for part in super().command()]


def _alertmanagers(site: Site, version: str | None, cluster: int) -> Iterator[AlertmanagerServer]:
    if cluster == 1:
        yield SiteAlertmanager(site, version=version)
        return
    addresses = [f"127.0.0.1:{free_port()}" for _ in range(cluster)]
    for address in addresses:
        yield _Member(site, version, address, [other for other in addresses if other != address])


def _config(signals: Signals, site: Site, alertmanagers: list[AlertmanagerServer]) -> dict[str, Any]:
    targets = [f"127.0.0.1:{server.port}" for server in alertmanagers]
    return {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(site.rules / "*.yml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": targets}]}]},
        "scrape_configs": [
            {"job_name": "signals", "honor_labels": True, "static_configs": [{"targets": [signals.target]}]},
            {"job_name": "alertmanager", "static_configs": [{"targets": targets}]},
        ],
    }
