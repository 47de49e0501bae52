"""A real Prometheus and a real Alertmanager of our own, driven through their HTTP interfaces."""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ..errors import ToolError
from ..tools import find
from .process import ServerProcess, run_as

Config = Mapping[str, Any] | Path
"""What goes into the configuration file, or a file that is used where it lies, with what it refers to."""


class _WebServer(ServerProcess):
    """A server with `/-/ready`, `/-/reload` and one YAML configuration file."""

    def __init__(
        self,
        config: Config,
        *arguments: str,
        version: str | int | None = None,
        port: int | None = None,
    ) -> None:
        super().__init__(port=port)
        self.config = config
        self.arguments = arguments
        self.version = version

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config_path(self) -> Path:
        return self.config if isinstance(self.config, Path) else self.folder / "config.yml"

    def prepare(self) -> None:
        if not isinstance(self.config, Path):
            self.config_path.write_text(yaml.safe_dump(dict(self.config), sort_keys=False))

    def is_ready(self) -> bool:
        try:
            self.call("/-/ready")
        except (OSError, ToolError):
            return False
        return True

    def reload(self, config: Mapping[str, Any] | None = None) -> None:
        """Read the configuration again, after writing a new one if given; ToolError when it is refused."""
        if config is not None:
            self.config = config
            self.prepare()
        self.call("/-/reload", method="POST")

    def api(self, path: str, **parameters: str | Sequence[str]) -> Any:
        """The JSON answer of an endpoint."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        return json.loads(self.call(f"{path}?{query}" if query else path))

    def call(self, path: str, *, method: str = "GET", body: object = None) -> bytes:
        """One request, `body` as JSON; ToolError with the server's words when it says no."""
        request = urllib.request.Request(  # noqa: S310 - always http://127.0.0.1
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        # A proxy from the environment must not see what goes to 127.0.0.1.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=10) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            with error:
                raise ToolError(f"{path}: {error.code} {error.read().decode(errors='replace')}") from None


class PrometheusServer(_WebServer):
    """Prometheus with its data in the temporary folder; `version=3` for the newer one."""

    def command(self) -> list[str]:
        return [
            str(find("prometheus", self.version)),
            f"--config.file={self.config_path}",
            f"--storage.tsdb.path={self.folder / 'data'}",
            "--storage.tsdb.retention.time=15d",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
            "--log.level=warn",
            *self.arguments,
        ]

    def remember(self, past: str) -> None:
        """Put a past, in the text of OpenMetrics, into its data before it starts."""
        file = self.folder / "past.om"
        file.write_text(past)
        create = ("tsdb", "create-blocks-from", "openmetrics", str(file), str(self.folder / "data"))
        run_as(None, self.folder, str(find("promtool")), *create)

    def query(self, promql: str, at: float | None = None) -> list[dict[str, Any]]:
        """The result of an instant query: `metric` and `value` of each series."""
        when = {} if at is None else {"time": str(at)}
        found: list[dict[str, Any]] = self.api("/api/v1/query", query=promql, **when)["data"]["result"]
        return found

    def targets(self) -> list[dict[str, Any]]:
        """The active targets with their health and last error."""
        found: list[dict[str, Any]] = self.api("/api/v1/targets", state="active")["data"]["activeTargets"]
        return found

    def rules(self) -> list[dict[str, Any]]:
        """All rules of all groups with their health."""
        return [rule for group in self.api("/api/v1/rules")["data"]["groups"] for rule in group["rules"]]

    def alerts(self) -> list[dict[str, Any]]:
        """Pending and firing alerts."""
        found: list[dict[str, Any]] = self.api("/api/v1/alerts")["data"]["alerts"]
        return found


class AlertmanagerServer(_WebServer):
    """A single Alertmanager with its data in the temporary folder; `version="current"` for the newer one."""

    def command(self) -> list[str]:
        return [
            str(find("alertmanager", self.version)),
            f"--config.file={self.config_path}",
            f"--storage.path={self.folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--cluster.listen-address=",
            "--log.level=warn",
            *self.arguments,
        ]

    def alerts(self) -> list[dict[str, Any]]:
        """The alerts it holds, with their state and receivers."""
        found: list[dict[str, Any]] = self.api("/api/v2/alerts")
        return found

    def post_alerts(self, alerts: Sequence[Mapping[str, Any]]) -> None:
        """Hand it alerts as Prometheus does."""
        self.call("/api/v2/alerts", method="POST", body=list(alerts))
