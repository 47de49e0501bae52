"""Instructions of the hot paths against those stored: a gate that the machine's noise cannot move.

Run as `python -m bench.gate [--store]`. valgrind counts a run with one round and one with four; a round is a third of
the difference, so that neither imports nor the first round count. What is stored is the ratio to the plainest way of
writing the same lines, which another build of the interpreter moves as well; another version of Python has ratios of
its own.
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
from collections.abc import Mapping
from pathlib import Path

import click

from jackpot_exporter.blocks import Block
from jackpot_exporter.exposition import Format, Known, document, render
from jackpot_exporter.model import Column, Frame, counter, gauge
from jackpot_exporter.tools import find

_STORED = Path(__file__).with_name("instructions.json")
_TOLERANCE = 0.05
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


async def _plainly(rounds: int) -> None:
    """What the others are measured by: every line by itself, joined at the end."""
    frame = _frame(0, versioned=False)
    for _ in range(rounds):
        lines = [
            f'{column.spec.name}{{pool="{pool}"}} {value}\n'
            for column in frame.columns
            for (pool,), value in zip(frame.rows, column.values, strict=True)
        ]
        "".join(lines).encode()


_PLAINLY = "plainly"
_PATHS = {"render": _render, "render texts": _render_texts, "compress": _compress, _PLAINLY: _plainly}


def count(path: str) -> int:
    """Instructions of one round of a hot path."""
    few, many = (_instructions(path, rounds) for rounds in (1, 1 + _MORE_ROUNDS))
    return (many - few) // _MORE_ROUNDS


def _instructions(path: str, rounds: int) -> int:
    with tempfile.TemporaryDirectory() as folder:
        valgrind = [str(find("valgrind")), "--tool=cachegrind", "--cache-sim=no", f"--cachegrind-out-file={folder}/out"]
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


def ratios() -> dict[str, float]:
    """What each hot path takes, in times of the plain way."""
    counts = {path: count(path) for path in _PATHS}
    plain = counts.pop(_PLAINLY)
    return {path: round(taken / plain, 3) for path, taken in counts.items()}


def stored() -> dict[str, float]:
    """The ratios to hold, of this version of Python; of the newest known one when there are none."""
    by_version: dict[str, dict[str, float]] = json.loads(_STORED.read_text())
    return by_version.get(_python(), by_version[max(by_version)])


def excess(measured: Mapping[str, float]) -> dict[str, float]:
    """By how much each path is beyond its tolerance, as a share; empty when all hold."""
    before = stored()
    over = {path: now / before[path] - 1 for path, now in measured.items()}
    return {path: share for path, share in over.items() if share > _TOLERANCE}


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])


@click.command()
@click.option("--store", is_flag=True, help="Take these as those to hold.")
@click.option("--run", nargs=2, type=(click.Choice(list(_PATHS)), int), hidden=True)
def main(store: bool, run: tuple[str, int] | None) -> None:
    """Count, compare, and exit with 1 when a path takes more than the tolerance above what is stored."""
    if run is not None:
        asyncio.run(_PATHS[run[0]](run[1]))
        return
    measured, before = ratios(), stored()
    for path, now in measured.items():
        click.echo(f"{path}: {now:.3f} times the plain way ({now / before[path] - 1:+.1%})")
    if store:
        known = json.loads(_STORED.read_text())
        _STORED.write_text(json.dumps({**known, _python(): measured}, indent=2) + "\n")
    elif excess(measured):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
