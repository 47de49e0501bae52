"""A real Prometheus finds the configured targets at /sd and scrapes each at /probe."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.demo.servers import PrometheusServer, RedisServer


@pytest.fixture
def settings(redis_server: RedisServer) -> dict[str, Any]:
    """Two further targets, one of which is down."""
    return {
        "interval": "1s",
        "host": {"enabled": False},
        "targets": {
            "brand-b": {"redis": {"url": redis_server.url}},
            "brand c": {"redis": {"url": f"redis://127.0.0.1:{free_port()}"}},
        },
    }


def test_the_answer_is_prometheus_own_format(
    exporter: Callable[..., ExporterProcess], settings: dict[str, Any]
) -> None:
    running = exporter(settings)

    groups = json.loads(running.get("/sd"))

    assert [group["labels"]["__param_target"] for group in groups] == ["brand c", "brand-b"]
    assert groups[1] == {
        "targets": [f"127.0.0.1:{running.port}"],
        "labels": {
            "__scheme__": "http",
            "__metrics_path__": "/probe",
            "__param_target": "brand-b",
            "service": "brand-b",
        },
    }


def test_without_further_targets_there_are_none(exporter: Callable[..., ExporterProcess]) -> None:
    assert json.loads(exporter().get("/sd")) == []


@pytest.mark.parametrize("version", [None, 3], ids=["2", "3"])
def test_prometheus_scrapes_what_it_finds(
    exporter: Callable[..., ExporterProcess],
    prometheus: Callable[..., PrometheusServer],
    settings: dict[str, Any],
    version: int | None,
) -> None:
    running = exporter(settings)
    job = {
        "job_name": "jackpot-exporter",
        "http_sd_configs": [{"url": f"{running.url}/sd", "refresh_interval": "1s"}],
    }
    server = prometheus({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}, version=version)

    def redis_up() -> dict[str, str]:
        return {one["metric"]["service"]: one["value"][1] for one in server.query("redis_up")}

    eventually(lambda: redis_up() == {"brand-b": "1", "brand c": "0"}, within=40)
    assert {one["metric"]["service"] for one in server.query("up == 1")} == {"brand-b", "brand c"}

    del settings["targets"]["brand c"]
    running.settings_path.write_text(yaml.safe_dump(settings))
    os.kill(running.pid, signal.SIGHUP)

    eventually(lambda: [one["labels"]["service"] for one in server.targets()] == ["brand-b"], within=40)
