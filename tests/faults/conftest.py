"""One rig for the whole suite, and what it found: printed at the end, and written into the document when asked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.ledger import Ledger, replace_part
from faults.rig import INTERVAL, Rig

_GROWTH_BYTES = 40_000_000
LEDGER = pytest.StashKey[Ledger]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--write-faults", type=Path, metavar="DOCUMENT", help="write the table of faults into it")


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LEDGER] = Ledger(INTERVAL)


@pytest.fixture(scope="session")
def ledger(pytestconfig: pytest.Config) -> Ledger:
    return pytestconfig.stash[LEDGER]


@pytest.fixture(scope="session")
def rig(ledger: Ledger) -> Iterator[Rig]:
    with Rig() as running:
        memory = psutil.Process(running.exporter.pid).memory_info
        before = memory().rss
        yield running
        ledger.memory = (before, memory().rss)
        # Python looks for cycles seldom here, and every failure makes some: it grows by 17 MB and stays (the soak).
        assert memory().rss < before + _GROWTH_BYTES, ledger.memory


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    ledger = config.stash[LEDGER]
    if not ledger.entries:
        return
    terminalreporter.section("faults")
    for line in ledger.summary():
        terminalreporter.write_line(line)
    if document := config.getoption("--write-faults"):
        figures = "\n".join(f"- {line}" for line in ledger.summary())
        replace_part(document, "faults", f"{ledger.table()}\n\n{figures}")
