"""Our own programs as processes of the demo: the simulated service, its players, the exporter."""

from __future__ import annotations

import json
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .notifications import Notification
from .process import ServerProcess, free_port


def fetch(url: str, headers: Mapping[str, str] | None = None, data: bytes | None = None) -> bytes:
    """The body of a local address; OSError when it does not answer with success within five seconds."""
    request = urllib.request.Request(url, data=data, headers=dict(headers or {}))  # noqa: S310 - always 127.0.0.1
    # A proxy from the environment must not see what goes to 127.0.0.1.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=5) as answer:
        body: bytes = answer.read()
        return body


class _Program(ServerProcess):
    ready_path = "/"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def is_ready(self) -> bool:
        try:
            fetch(self.url + self.ready_path)
        except OSError:
            return False
        return True


class ServiceProcess(_Program):
    """The simulated jackpot service; `url` is its API."""

    ready_path = "/api/jackpot/pools"

    def __init__(self, database_url: str, redis_url: str) -> None:
        super().__init__()
        self._database_url = database_url
        self._redis_url = redis_url
        self.health_port = free_port()
        self.log_file = self.folder / "application.log"

    @property
    def health_url(self) -> str:
        return f"http://127.0.0.1:{self.health_port}"

    def command(self) -> list[str]:
        sources = ["--database-url", self._database_url, "--redis-url", self._redis_url]
        places = ["--port", str(self.port), "--health-port", str(self.health_port), "--log-file", str(self.log_file)]
        return [sys.executable, "-m", "jackpot_exporter.demo.service", *sources, *places]


class SystemProcess(_Program):
    """A simulated system by its name."""

    ready_path = "/metrics"

    def __init__(self, system: str, database_url: str, redis_url: str) -> None:
        super().__init__()
        self._sources = ["--database-url", database_url, "--redis-url", redis_url]
        self._system = system
        self.log_file = self.folder / "application.log"

    def command(self) -> list[str]:
        places = ["--port", str(self.port), "--log-file", str(self.log_file)]
        return [sys.executable, "-m", "jackpot_exporter.demo.system_service", self._system, *self._sources, *places]


class TrafficProcess(_Program):
    """The players; they go on when the service is down."""

    ready_path = "/demo/traffic"

    def __init__(self, service_url: str, rate: float, error_share: float) -> None:
        super().__init__()
        self._options = ["--url", service_url, "--rate", str(rate), "--error-share", str(error_share)]

    def command(self) -> list[str]:
        port = ["--control-port", str(self.port)]
        return [sys.executable, "-m", "jackpot_exporter.demo.traffic", *self._options, *port]


class ExporterProcess(_Program):
    """`jackpot-exporter serve` with these settings, or this text of a settings file, or none."""

    ready_path = "/-/healthy"

    def __init__(
        self,
        settings: Mapping[str, Any] | str | None,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.arguments = arguments
        self.environment = dict(environment or {})

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


class SinkProcess(_Program):
    """The notification sink; what arrived stays readable until it stops."""

    def __init__(self) -> None:
        super().__init__()
        self.smtp_port = free_port()

    def command(self) -> list[str]:
        ports = ["--port", str(self.port), "--smtp-port", str(self.smtp_port)]
        return [sys.executable, "-m", "jackpot_exporter.demo.sink", *ports]

    def received(self) -> list[Notification]:
        """Everything that has arrived, in order; OSError while the sink is down."""
        found = json.loads(fetch(f"{self.url}/notifications"))
        return [Notification(**{name: value for name, value in one.items() if name != "number"}) for one in found]

    def routing(self) -> dict[str, Any]:
        """`routing:` of values that lead every channel here."""
        return {
            "smtp": {"smarthost": f"127.0.0.1:{self.smtp_port}", "username": "", "require_tls": False},
            "endpoints": {
                "pagerduty": f"{self.url}/pagerduty",
                "sms": f"{self.url}/sns/",
                "telegram": self.url,
                "telegram_gateway": self.url,
            },
            "log": {"url": f"{self.url}/webhook/log"},
            "watchdog": {"url": f"{self.url}/webhook/watchdog"},
            "channels": {"webhook": {"webhook": {"url": f"{self.url}/webhook/alerts"}}},
        }

    def secrets(self) -> dict[str, str]:
        """Files that the receivers read, by name."""
        names = ("pagerduty-key", "pagerduty-phone-key", "telegram-token", "webhook-token", "deadman-token")
        return {"slack-url": f"{self.url}/slack", **{name: name for name in names}}
