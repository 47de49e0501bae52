"""The real exporter follows a real log: through a reload, through kill -9, and beside the command `once`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.exporter import OPENMETRICS, ExporterProcess
from harness.log_tail import LogWriter
from harness.waiting import eventually


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[LogWriter]:
    writer = LogWriter(tmp_path / "app.log")
    yield writer
    writer.close()


@pytest.fixture
def running(exporter: Callable[..., ExporterProcess], tmp_path: Path, writer: LogWriter) -> ExporterProcess:
    log = {"path": str(writer.path), "name": "test", "start": "beginning"}
    settings: dict[str, Any] = {"interval": "100ms", "state_dir": str(tmp_path / "state"), "logs": [log]}
    return exporter(settings)


def has_all(running: ExporterProcess, writer: LogWriter) -> bool:
    lines = running.value("jackpot_exporter_log_lines_total", log="test")
    assert lines is None or lines <= writer.lines, "counted twice"
    return lines == writer.lines


def test_counts_once_through_kills_and_reloads(running: ExporterProcess, writer: LogWriter) -> None:
    for turn in range(3):
        writer.write(500)
        eventually(lambda: has_all(running, writer))
        writer.write(500)
        if turn == 1:
            os.kill(running.pid, signal.SIGHUP)
        else:
            running.kill()
            writer.write(100)
            running.start()
        eventually(lambda: has_all(running, writer))

    for (operation, outcome), count in writer.operations.items():
        assert running.value("jackpot_operations_total", operation=operation, outcome=outcome) == count


def test_exemplars_reach_an_openmetrics_scrape(running: ExporterProcess, writer: LogWriter) -> None:
    writer.write(200)
    eventually(lambda: has_all(running, writer))

    samples = running.scrape(OPENMETRICS)["jackpot_operation_duration_seconds"].samples

    ids = {sample.exemplar.labels["correlation_id"] for sample in samples if sample.exemplar}
    assert ids
    assert all(name.startswith("req-") for name in ids)


def test_once_beside_it_counts_nothing_twice(running: ExporterProcess, writer: LogWriter) -> None:
    writer.write(100)
    eventually(lambda: has_all(running, writer))
    writer.write(100)

    command = [sys.executable, "-m", "jackpot_exporter", "once", "--collector", "logs", "--config.file"]
    text = subprocess.run(
        [*command, running.settings_path], capture_output=True, check=True, text=True, timeout=60
    ).stdout
    writer.write(100)
    eventually(lambda: has_all(running, writer))
    running.kill()
    running.start()
    eventually(lambda: has_all(running, writer))

    assert 'jackpot_exporter_log_lines_total{log="test"} 200' in text
