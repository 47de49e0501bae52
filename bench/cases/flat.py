"""Whether memory, descriptors and threads stay where they are over a day of rounds: everything on, pools at play.

A day at 15 s is 5,760 rounds. They are made in a fraction of the time, each collector with its share of them, and each
with a scrape. What fills caches and pools of memory does so in the first quarter; after that nothing may grow.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass

import psutil

from ..figures import Report, Table, Verdict, median, megabytes
from ..scene import Effort, Scene, sped_up, wait_until_ready
from ..scraping import Connection

_ROUNDS = 5760
_ROUND_SECONDS = 0.1
_LOOKS = 40
_MOST = 1.01


@dataclass(frozen=True, slots=True)
class _Look:
    """What the process held at one moment."""

    memory: int
    descriptors: int
    threads: int


def measure(scene: Scene, effort: Effort) -> Report:
    rounds = effort.pick(_ROUNDS, _LOOKS * 5)
    with scene.ours(pace=sped_up(_ROUND_SECONDS)) as ours, scene.play(3, pause=_ROUND_SECONDS):
        wait_until_ready(ours)
        process = psutil.Process(ours.pid)
        with closing(Connection(ours.port, gzipped=True)) as connection:
            looks = [_look_after(rounds // _LOOKS, connection, process) for _ in range(_LOOKS)]
    return Report([_table(looks, rounds)], _verdicts(looks))


def _look_after(rounds: int, connection: Connection, process: psutil.Process) -> _Look:
    started = time.monotonic()
    for number in range(rounds):
        connection.scrape()
        time.sleep(max(0.0, started + (number + 1) * _ROUND_SECONDS - time.monotonic()))
    return _Look(process.memory_info().rss, process.num_fds(), process.num_threads())


def _quarters(looks: list[_Look]) -> list[_Look]:
    """The median of each quarter."""
    size = len(looks) // 4
    parts = [looks[start : start + size] for start in range(0, 4 * size, size)]
    return [
        _Look(*(int(median(getattr(look, name) for look in part)) for name in ("memory", "descriptors", "threads")))
        for part in parts
    ]


def _table(looks: list[_Look], rounds: int) -> Table:
    rows = [
        [f"{number} of 4", megabytes(look.memory), str(look.descriptors), str(look.threads)]
        for number, look in enumerate(_quarters(looks), 1)
    ]
    title = f"{rounds:,} rounds with a scrape each, {rounds * 15 / 3600:.0f} hours at 15 s"
    return Table(title, ["quarter", "memory", "descriptors", "threads"], rows, "Medians of ten looks each.")


def _verdicts(looks: list[_Look]) -> list[Verdict]:
    _, second, _, last = _quarters(looks)
    ratio = last.memory / second.memory
    shown = f"{second.memory / 1e6:.1f} to {last.memory / 1e6:.1f} MB"
    grown = [max(0, last.descriptors - second.descriptors), max(0, last.threads - second.threads)]
    return [
        Verdict.at_most("memory over a day: flat within 1 % after the first quarter", ratio, _MOST, shown),
        Verdict.at_most("descriptors and threads over a day: none more", sum(grown), 0, str(sum(grown))),
    ]
