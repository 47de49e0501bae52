"""A test run over several processes: what each has to itself, and with which files they begin.

A run in one process uses the system's folder for temporary files, all ports, and takes the files as they come.
"""

from __future__ import annotations

import os
import tempfile

import pytest

from jackpot_exporter.demo.process import PORTS_VARIABLE, make_folder

_FIRST_PORT, _PORTS, _MOST_WORKERS = 20_000, 12_000, 12

_LONGEST = (
    "systems/test_poker.py",
    "faults/test_matrix.py",
    "systems/test_ticketing.py",
    "systems/test_backoffice.py",
    "demo/test_faults_delivered.py",
    "demo/test_stack.py",
    "integration/test_contract.py",
    "alertmanager/test_outages.py",
    "test_readme.py",
    "bundle/test_rules.py",
    "web_live/test_page.py",
    "integration/test_many_targets.py",
    "deploy/test_compose.py",
)
"""Files that take most of a minute: whoever began with one at the end would be waited for."""


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of several."""
    return hasattr(config, "workerinput")


def begin_with_the_longest(items: list[pytest.Item]) -> None:
    """The others keep their order."""
    rank = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.nodeid.partition("::")[0].removeprefix("tests/"), len(rank)))


def settle_in() -> None:
    """A folder and ports of this process's own, until its end; the programs that it starts inherit them."""
    number = int(os.environ["PYTEST_XDIST_WORKER"].removeprefix("gw"))
    first = _FIRST_PORT + number % _MOST_WORKERS * (_PORTS // _MOST_WORKERS)
    os.environ[PORTS_VARIABLE] = f"{first}-{first + _PORTS // _MOST_WORKERS - 1}"
    # Short, for unix sockets, and open, for servers that run as somebody else.
    folder = make_folder()
    folder.chmod(0o755)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder)
