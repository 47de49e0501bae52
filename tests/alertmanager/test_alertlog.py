"""The log of all alerts: a real Alertmanager tells the real exporter, which writes it down."""

from __future__ import annotations

import json
import urllib.error
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.programs import SinkProcess, fetch
from jackpot_exporter.demo.site import SiteAlertmanager, write_site

LABELS = {
    "alertname": "JackpotPoolNegative",
    "service": "demo",
    "severity": "critical",
    "priority": "P1",
    "pack": "jackpot",
}


def test_every_alert_is_written_down_when_it_begins_and_when_it_ends(
    exporter: Callable[..., ExporterProcess], tmp_path: Path
) -> None:
    watched = exporter(None, "--log.format", "json")
    routing = {"log": {"url": f"{watched.url}/alertlog"}, "timing": {"group_wait": "0s", "group_interval": "1s"}}
    with SinkProcess() as sink, SiteAlertmanager(write_site(tmp_path, sink, {"routing": routing})) as server:
        server.post_alerts([{"labels": LABELS, "annotations": {"summary": "A jackpot pool is below zero."}}])
        begun = eventually(lambda: entries(watched, "firing"), within=40)[0]
        server.post_alerts([{"labels": LABELS, "annotations": {}, "endsAt": begun["started"]}])
        ended = eventually(lambda: entries(watched, "resolved"), within=40)[0]

    assert begun["alertname"] == ended["alertname"] == "JackpotPoolNegative"
    assert (begun["service"], begun["severity"], begun["priority"]) == ("demo", "critical", "P1")
    assert begun["summary"] == "A jackpot pool is below zero."
    assert "ended" in ended


@pytest.mark.parametrize("body", [b"no json", b"{}", b'{"alerts": [{}]}'], ids=["text", "empty", "incomplete"])
def test_anything_else_is_refused_and_not_logged(exporter: Callable[..., ExporterProcess], body: bytes) -> None:
    watched = exporter(None, "--log.format", "json")

    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch(f"{watched.url}/alertlog", {}, body)

    with refused.value as answer:
        assert answer.code == 400
    assert entries(watched, "firing") == []


def entries(watched: ExporterProcess, status: str) -> list[dict[str, str]]:
    """What the exporter has logged of alerts."""
    lines = [json.loads(line) for line in watched.log_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line.get("event") == "alert" and line["status"] == status]
