"""The demo as a newcomer meets it: everything comes up, the pools grow in Prometheus, nothing stays behind."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from harness.waiting import eventually
from jackpot_exporter.demo.ending import heeding_signals
from jackpot_exporter.demo.stack import Stack, running_stack

DEMO = [sys.executable, "-m", "jackpot_exporter", "demo"]
POOLS = {"minor", "major", "mega"}


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the demo makes its folders: short, for unix sockets, and open, for servers that run as somebody else."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def growing(stack: Stack) -> set[str]:
    assert stack.prometheus is not None
    found = stack.prometheus.query("increase(jackpot_contributions_cents_total[1m]) > 0 and jackpot_pool_amount_cents")
    return {one["metric"]["pool"] for one in found}


def test_all_three_pools_grow_in_a_real_prometheus() -> None:
    with running_stack(rate=50, error_share=0, say=lambda _what: None) as stack:
        eventually(lambda: growing(stack) == POOLS, within=40)

        assert stack.alertmanager is not None
        assert [target["health"] for target in stack.prometheus.targets()] == ["up", "up", "up"]  # type: ignore[union-attr]


def test_it_ends_by_itself_and_says_where_everything_was(place: Path) -> None:
    done = subprocess.run(
        [*DEMO, "--for", "8s"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "TMPDIR": str(place)},
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"exporter +http://127\.0\.0\.1:\d+/metrics", done.stdout)
    assert re.search(r"minor [\d,.]+ \$, major [\d,.]+ \$, mega [\d,.]+ \$; (\d+) of \1 collectors up", done.stdout)
    assert done.stdout.endswith("stopped; nothing stays behind\n")
    assert list(place.iterdir()) == []


def test_being_asked_to_end_is_remembered_when_the_exception_gets_lost() -> None:
    with heeding_signals() as ending:
        with suppress(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)

        assert ending.is_asked


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda s: s.name)
def test_nothing_stays_behind_however_it_ends(end: signal.Signals, place: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(place)}
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "Alertmanager  http" in line:
                break
        children = psutil.Process(demo.pid).children(recursive=True)
        assert len(children) >= 7

        os.kill(demo.pid, end)
        demo.wait(60)

    eventually(lambda: not [p for p in children if p.is_running() and p.status() != psutil.STATUS_ZOMBIE], within=30)
    eventually(lambda: list(place.iterdir()) == [], within=30)
