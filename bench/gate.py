"""Instructions of the hot paths against those stored: a gate that the machine's noise cannot move.

Run as `python -m bench.gate [--store]`. valgrind counts a run with one round and one with four; a round is a third of
the difference, so that neither imports nor the first round count. Counts hold for one version of Python.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from jackpot_exporter.blocks import Block
from jackpot_exporter.exposition import Format, Known, document, render
from jackpot_exporter.model import Column, Frame, counter, gauge

_STORED = Path(__file__).with_name("instructions.json")
_TOLERANCE = 0.03
_POOLS = 512
_MORE_ROUNDS = 3
_COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")
_AMOUNT = gauge("pool_amount_cents", "What the pool holds.", "pool", own=True)
_PAID = counter("contributions_cents_total", "Paid into the pool.", "pool", own=True)


def _frame(number: int, *, versioned: bool) -> Frame:
    rows = [(f"pool-{pool:06}",) for pool in range(_POOLS)]
    values = [50_000 + 37 * pool + number for pool in range(_POOLS)]
    text = list(map(str, values)) if versioned else None
    version = number if versioned else None
    return Frame(rows, tuple(Column(spec, values, version, text) for spec in (_AMOUNT, _PAID)))


async def _render(rounds: int) -> None:
    frame = _frame(0, versioned=False)
    for _ in range(rounds):
        await render([frame], "bench")


async def _render_texts(rounds: int) -> None:
    frame = _frame(0, versioned=True)
    for _ in range(rounds):
        await render([frame], "bench", Known())


async def _compress(rounds: int) -> None:
    text = document((await render([_frame(0, versioned=False)], "bench")).values(), Format.TEXT)
    for _ in range(rounds):
        _ = Block(text).piece


_PATHS = {"render": _render, "render texts": _render_texts, "compress": _compress}


def count(path: str) -> int:
    """Instructions of one round of a hot path."""
    few, many = (_instructions(path, rounds) for rounds in (1, 1 + _MORE_ROUNDS))
    return (many - few) // _MORE_ROUNDS


def _instructions(path: str, rounds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/out"]
        done = subprocess.run(
            [*valgrind, sys.executable, "-m", __spec__.name, "--run", path, str(rounds)],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": "0", "PYTHONMALLOC": "pymalloc"},
        )
    found = _COUNT.search(done.stderr)
    if found is None:
        raise RuntimeError(f"valgrind gave no count: {done.stderr[-300:]}")
    return int(found[1].replace(",", ""))


@click.command()
@click.option("--store", is_flag=True, help="Take these counts as those to hold.")
@click.option("--run", nargs=2, type=(click.Choice(list(_PATHS)), int), hidden=True)
def main(store: bool, run: tuple[str, int] | None) -> None:
    """Count, compare, and exit with 1 when a path takes more than the tolerance above its stored count."""
    if run is not None:
        asyncio.run(_PATHS[run[0]](run[1]))
        return
    counts = {path: count(path) for path in _PATHS}
    stored: dict[str, dict[str, int]] = json.loads(_STORED.read_text()) if _STORED.exists() else {}
    python = ".".join(platform.python_version_tuple()[:2])
    before = stored.get(python, {})
    for path, now in counts.items():
        change = f"{now / before[path] - 1:+.1%}" if path in before else "new"
        click.echo(f"{path}: {now:,} instructions ({change})")
    if store:
        _STORED.write_text(json.dumps({**stored, python: counts}, indent=2) + "\n")
    elif any(now > before.get(path, now) * (1 + _TOLERANCE) for path, now in counts.items()):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
