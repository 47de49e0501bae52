"""What watches the demo: Prometheus with a site's rules, Alertmanager with its routing, a sink for the messages."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..bundle import load_packs
from ..errors import ToolError
from ..tools import find
from .process import free_port
from .programs import SinkProcess
from .prometheus import AlertmanagerServer, PrometheusServer
from .site import JACKPOT, Site, SiteAlertmanager, write_site
from .timing import Timing

_DATA_SECONDS = 30.0
_RESEND = "--rules.alert.resend-delay=5s"
"""What fires while Prometheus still looks for its Alertmanager is told seconds later, not a minute."""

Targets = Mapping[str, Mapping[str, int]]
"""By service, the ports to scrape by the name of their job."""


@dataclass(frozen=True, slots=True)
class Monitoring:
    """What runs; Prometheus and Alertmanager are None where they are not installed."""

    sink: SinkProcess
    prometheus: PrometheusServer | None
    alertmanager: AlertmanagerServer | None

    def addresses(self) -> dict[str, str]:
        found = {}
        if self.prometheus:
            found["Prometheus"] = f"{self.prometheus.url}/alerts"
        if self.alertmanager:
            found["notifications"] = self.sink.url
            found["Alertmanager"] = self.alertmanager.url
        return found


@contextmanager
def running_monitoring(
    folder: Path, targets: Targets, ready: Iterable[str], timing: Timing, pasts: Iterable[str] = ()
) -> Iterator[Monitoring]:
    """All of it for these services; the rules come into force when each of `ready` has an answer.

    Prometheus begins with `pasts` in its memory.
    """
    timing = timing.with_packs(pack for pack in load_packs().packs if pack.name in targets and pack.name != JACKPOT)
    with ExitStack() as stack:
        sink = stack.enter_context(SinkProcess())
        site = write_site(folder / "site", sink, timing.values, timing.windows, targets)
        alertmanager = stack.enter_context(SiteAlertmanager(site)) if _is_installed("alertmanager") else None
        prometheus = None
        if _is_installed("prometheus"):
            port = free_port()
            config = _config(timing.evaluate, targets, alertmanager, port)
            prometheus = PrometheusServer(config, _RESEND, port=port)
            for past in pasts:
                prometheus.remember(past)
            stack.enter_context(prometheus)
            _wait_for_data(prometheus, list(ready))
            prometheus.reload({**config, **_rules(site, alertmanager)})
        yield Monitoring(sink, prometheus, alertmanager)


def _config(interval: str, targets: Targets, alertmanager: AlertmanagerServer | None, own_port: int) -> dict[str, Any]:
    jobs: dict[str, list[dict[str, Any]]] = {}
    for service, ports in targets.items():
        for job, port in ports.items():
            watched = {"targets": [f"127.0.0.1:{port}"], "labels": {"service": service}}
            jobs.setdefault(job, []).append(watched)
    jobs["prometheus"] = [{"targets": [f"127.0.0.1:{own_port}"]}]
    if alertmanager is not None:
        jobs["alertmanager"] = [_target(alertmanager)]
    scraped = [{"job_name": job, "static_configs": configs} for job, configs in jobs.items()]
    return {"global": {"scrape_interval": interval, "evaluation_interval": interval}, "scrape_configs": scraped}


def _rules(site: Site, alertmanager: AlertmanagerServer | None) -> dict[str, Any]:
    told = {"alertmanagers": [{"static_configs": [_target(alertmanager)]}]} if alertmanager else {}
    return {"rule_files": [str(site.rules / "*.yml")], **({"alerting": told} if told else {})}


def _target(server: AlertmanagerServer) -> dict[str, Any]:
    return {"targets": [f"127.0.0.1:{server.port}"]}


def _wait_for_data(prometheus: PrometheusServer, ready: list[str]) -> None:
    """Before the first scrape everything that is missing would fire; nobody is to be paged for that."""
    deadline = time.monotonic() + _DATA_SECONDS
    while time.monotonic() < deadline and not all(prometheus.query(one) for one in ready):
        time.sleep(0.1)


def _is_installed(tool: str) -> bool:
    try:
        find(tool)
    except ToolError:
        return False
    return True
