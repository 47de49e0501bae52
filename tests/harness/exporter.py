"""The real exporter as a process, scraped as Prometheus would and looked at as an operator would."""

from __future__ import annotations

import http.client
import time
from collections.abc import Mapping

import psutil
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from jackpot_exporter.demo import programs

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class ExporterProcess(programs.ExporterProcess):
    """`jackpot-exporter serve` with a settings file; `settings` is its content or its text."""

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a GET; urllib's HTTPError for anything but success."""
        return programs.fetch(self.url + path, headers)

    def scrape(self, accept: str = TEXT, path: str = "/metrics") -> dict[str, Metric]:
        """The families of one scrape by name, read by the parser that fits `accept`."""
        text = self.get(path, {"Accept": accept}).decode()
        parse = openmetrics.text_string_to_metric_families if accept == OPENMETRICS else text_string_to_metric_families
        return {family.name: family for family in parse(text)}

    def value(self, sample_name: str, **labels: str) -> float | None:
        """The value of the one sample with these labels, whatever further ones it has."""
        found = [
            sample.value
            for family in self.scrape().values()
            for sample in family.samples
            if sample.name == sample_name and labels.items() <= sample.labels.items()
        ]
        assert len(found) <= 1, f"{sample_name}{labels} has {len(found)} samples"
        return found[0] if found else None

    def is_up(self, collector: str) -> bool:
        """Whether the collector's last collection succeeded."""
        return self.value("jackpot_exporter_collector_up", collector=collector) == 1

    def failures(self, collector: str, reason: str) -> float:
        """How often the collector failed in this way."""
        return self.value("jackpot_exporter_collector_failures_total", collector=collector, reason=reason) or 0

    def resources(self) -> dict[str, int]:
        """Open files, sockets and threads of the process."""
        process = psutil.Process(self.pid)
        return {"files": process.num_fds(), "threads": process.num_threads()}


class Scraper:
    """One kept connection, as Prometheus has it: scrapes, and beside each a request that does nothing.

    The second kind tells what the machine's own noise is: other processes take the processor from a test too.
    """

    def __init__(self, exporter: ExporterProcess) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", exporter.port, timeout=10)
        self.scrapes: list[float] = []
        self.nothings: list[float] = []

    def scrape(self) -> bytes:
        """One scrape; AssertionError when the answer is not 200."""
        self.nothings.append(self._timed("/-/healthy")[0])
        seconds, body = self._timed("/metrics")
        self.scrapes.append(seconds)
        return body

    def close(self) -> None:
        self._connection.close()

    def assert_quick(self, limit_seconds: float, share: float = 0.99) -> None:
        """This share of the scrapes took at most the limit, or at most twice what nothing took meanwhile."""
        noise = _quantile(self.nothings, share)
        slowest = _quantile(self.scrapes, share)
        assert len(self.scrapes) >= 20
        assert slowest < max(limit_seconds, 2 * noise), f"p{share:.0%} {slowest:.4f} s, of nothing {noise:.4f} s"

    def _timed(self, path: str) -> tuple[float, bytes]:
        started = time.perf_counter()
        self._connection.request("GET", path, headers={"Accept": OPENMETRICS, "Accept-Encoding": "gzip"})
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, answer.status
        return time.perf_counter() - started, body


def _quantile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
