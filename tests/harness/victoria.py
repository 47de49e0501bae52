"""VictoriaMetrics and its companions as processes: the store, the agent that scrapes, the evaluator of rules."""

from __future__ import annotations

import json
import urllib.parse
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jackpot_exporter.demo.process import ServerProcess
from jackpot_exporter.demo.programs import fetch
from jackpot_exporter.demo.prometheus import PrometheusServer
from jackpot_exporter.tools import find


class _Server(ServerProcess):
    program = ""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        where = f"-httpListenAddr=127.0.0.1:{self.port}"
        return [str(find(self.program, "current")), where, "-loggerLevel=WARN", *self.arguments()]

    @abstractmethod
    def arguments(self) -> Sequence[str]: ...

    def is_ready(self) -> bool:
        try:
            return fetch(f"{self.url}/health") == b"OK"
        except OSError:
            return False


class VictoriaMetrics(_Server):
    """The store, on one node; what arrives can be asked for at once."""

    program = "victoria-metrics"

    def arguments(self) -> Sequence[str]:
        at_once = ("-search.latencyOffset=0s", "-search.disableCache", "-inmemoryDataFlushInterval=1s")
        return (f"-storageDataPath={self.folder / 'data'}", "-retentionPeriod=1d", *at_once)

    @property
    def write_url(self) -> str:
        return f"{self.url}/api/v1/write"

    def query(self, promql: str) -> list[dict[str, Any]]:
        """The result of an instant query: `metric` and `value` of each series."""
        answer = fetch(f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': promql})}")
        found: list[dict[str, Any]] = json.loads(answer)["data"]["result"]
        return found


class VmAgent(_Server):
    """Scrapes as the file says and writes to the store."""

    program = "vmagent"

    def __init__(self, config: Path, write_url: str) -> None:
        super().__init__()
        self.config, self.write_url = config, write_url

    def arguments(self) -> Sequence[str]:
        scraping = (f"-promscrape.config={self.config}", "-promscrape.config.strictParse=false")
        looking = ("-promscrape.httpSDCheckInterval=1s",)
        sending = (f"-remoteWrite.url={self.write_url}", f"-remoteWrite.tmpDataPath={self.folder / 'queue'}")
        return (*scraping, *looking, *sending)


class VmAlert(_Server):
    """Evaluates the rules of a folder against the store, and tells an Alertmanager."""

    program = "vmalert"

    def __init__(self, rules: Path, store: VictoriaMetrics, alertmanager_url: str) -> None:
        super().__init__()
        self.rules, self.store, self.alertmanager_url = rules, store, alertmanager_url

    def arguments(self) -> Sequence[str]:
        results = (f"-remoteWrite.url={self.store.url}", f"-remoteRead.url={self.store.url}")
        asking = (f"-datasource.url={self.store.url}", "-rule.evalDelay=0s")
        telling = (f"-notifier.url={self.alertmanager_url}", "-rule.resendDelay=1s", "-disableAlertgroupLabel")
        return (f"-rule={self.rules}/*.yml", *asking, *results, *telling)


class PrometheusAgent(PrometheusServer):
    """A Prometheus that scrapes and sends on, and keeps nothing."""

    def command(self) -> list[str]:
        return [
            str(find("prometheus", 3)),
            "--agent",
            f"--config.file={self.config_path}",
            f"--storage.agent.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]
