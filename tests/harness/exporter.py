"""The real exporter as a process, started and scraped as an operator would."""

from __future__ import annotations

import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from prometheus_client import Metric
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from jackpot_exporter.demo.servers import ServerProcess

TEXT = "text/plain;version=0.0.4"
OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class ExporterProcess(ServerProcess):
    """`jackpot-exporter serve` with a settings file; `settings` is its content or its text."""

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None = None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.arguments = arguments
        self.environment = dict(environment or {})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings_path(self) -> Path:
        return self.folder / "settings.yaml"

    def prepare(self) -> None:
        if self.settings is not None:
            text = self.settings if isinstance(self.settings, str) else yaml.safe_dump(dict(self.settings))
            self.settings_path.write_text(text)

    def command(self) -> list[str]:
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        settings = [] if self.settings is None else ["--config.file", str(self.settings_path)]
        address = ["--web.listen-address", f"127.0.0.1:{self.port}"]
        program = [sys.executable, "-m", "jackpot_exporter", "serve"]
        return ["/usr/bin/env", *environment, *program, *settings, *address, *self.arguments]

    def is_ready(self) -> bool:
        try:
            self.get("/-/healthy")
        except OSError:
            return False
        return True

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> bytes:
        """The body of a GET; urllib's HTTPError for anything but success."""
        request = urllib.request.Request(self.url + path, headers=dict(headers or {}))
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            body: bytes = answer.read()
            return body

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
