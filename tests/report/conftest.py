"""One made day in a real Prometheus, one acknowledgement in a real Alertmanager, and the reports made of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from harness.back_filled import BackFilledPrometheus, make_blocks
from harness.made_day import make_day, make_history
from harness.made_reports import DAY, Made, build, take
from jackpot_exporter.demo.servers import AlertmanagerServer
from jackpot_exporter.report.kinds import Kind
from jackpot_exporter.report.model import Report


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    # Its last minutes are still to come, so that the acknowledgement below, which can only be made now, is within it.
    end = (int(time.time()) // 60 + 3) * 60
    day, history = make_day(end), make_history(end)
    blocks = make_blocks([history, day], tmp_path_factory.mktemp("blocks"))
    config = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    with BackFilledPrometheus(blocks) as prometheus, AlertmanagerServer(config) as alertmanager:
        taken_at = take(alertmanager)
        yield Made(day, history, end, blocks, prometheus, alertmanager, taken_at)


@pytest.fixture(scope="session")
def report_of(made: Made) -> Callable[..., Report]:
    """Makes a report of the made day, each once: `report_of(Kind.HEALTH)`."""
    known: dict[tuple[object, ...], Report] = {}

    def make(kind: Kind, seconds: float = DAY, service: str | None = None) -> Report:
        key = (kind, seconds, service)
        if key not in known:
            known[key] = build(made.prometheus.url, made.alertmanager.url, kind, made.end, seconds, service)
        return known[key]

    return make
