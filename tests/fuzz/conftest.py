"""Tells at the end how many inputs were tried."""

from __future__ import annotations

import re
from collections import Counter

import pytest

_TRIED = re.compile(r"(\d+) passing(?: examples)?, (\d+) failing")
_tried: Counter[str] = Counter()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    said = getattr(item, "hypothesis_statistics", "")
    _tried[item.nodeid.partition("[")[0]] += sum(int(n) for found in _TRIED.findall(said) for n in found)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tried = {name.rpartition("fuzz/")[2]: count for name, count in sorted(_tried.items()) if "fuzz/" in name and count}
    if tried:
        terminalreporter.section("inputs tried")
        for name, count in tried.items():
            terminalreporter.write_line(f"{count:>9,} {name}")
        terminalreporter.write_line(f"{sum(tried.values()):>9,} in all")
