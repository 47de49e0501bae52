"""Killed or cancelled at any moment, the log tail counts every line once and never goes back behind what it showed."""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from harness.log_tail import LogTail, LogWriter, assert_exact, tail
from harness.rounds import Round

_CHILD = Path(__file__).with_name("logs_child.py")
_PATHS = os.pathsep.join(str(Path(__file__).parents[up] / folder) for up, folder in ((1, "."), (2, "exporter")))
_KILLS = 12


def _disturb(writer: LogWriter, chance: random.Random, turn: int) -> None:
    """One of the things that happen to a log."""
    writer.write(chance.randrange(400))
    archive = Path(f"{writer.path}.{turn}")
    match chance.randrange(5):
        case 0:
            writer.path.rename(archive)
            writer.reopen()
        case 1:
            shutil.copyfile(writer.path, archive)
            os.truncate(writer.path, 0)
        case 2:
            writer.path.rename(archive)
            writer.reopen()
            _compress(archive)
    writer.write(chance.randrange(400))


def _start_child(log: Path, state: Path) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "PYTHONPATH": _PATHS}
    return subprocess.Popen([sys.executable, _CHILD, log, state], stdout=subprocess.PIPE, env=environment)


@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_any_moment_counts_every_line_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    (tmp_path / "log").mkdir()
    writer = LogWriter(tmp_path / "log" / "app.log")
    shown = 0
    for turn in range(_KILLS):
        with _start_child(writer.path, tmp_path / "state") as child:
            assert child.stdout is not None
            first = int(child.stdout.readline())
            assert first >= shown
            _disturb(writer, chance, turn)
            for _ in range(chance.randrange(6)):
                writer.write(chance.randrange(3000))
                child.stdout.readline()
            child.kill()
            shown = max(
                [first, *(int(line) for line in child.stdout.read().splitlines(keepends=True) if b"\n" in line)]
            )
        if chance.random() < 0.5:
            _disturb(writer, chance, turn + 100)

    assert_exact(await LogTail(writer.path, tmp_path / "state").collect(), writer)
    writer.close()


@pytest.mark.parametrize("seed", range(6))
async def test_cancelled_at_any_moment_counts_every_line_once(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    (tmp_path / "log").mkdir()
    writer = LogWriter(tmp_path / "log" / "app.log")
    follower = LogTail(writer.path, tmp_path / "state", max_line_bytes=65536)
    await follower.collect()  # what comes before the first checkpoint is nobody's
    for turn in range(60):
        _disturb(writer, chance, turn)
        collection = asyncio.create_task(follower.collect())
        for _ in range(chance.randrange(40)):
            await asyncio.sleep(0)
        collection.cancel()
        with suppress(asyncio.CancelledError):
            await collection
        if turn % 10 == 9:
            follower.restart()

    assert_exact(await _undisturbed(follower, writer), writer)
    writer.close()


@pytest.mark.parametrize("seed", range(12))
async def test_any_history_of_a_log_is_counted_once(tmp_path: Path, seed: int) -> None:
    """Rotations, looks and restarts in any order; archives are compressed whenever it pleases."""
    chance = random.Random(seed)
    (tmp_path / "log").mkdir()
    writer = LogWriter(tmp_path / "log" / "app.log")
    follower = LogTail(writer.path, tmp_path / "state", linger="1ms")
    await follower.collect()
    for turn in range(50):
        _disturb(writer, chance, turn)
        match chance.randrange(4):
            case 0:
                assert_exact(await follower.collect(), writer)
            case 1:
                follower.restart()
            case 2:
                _compress(
                    chance.choice([path for path in writer.path.parent.iterdir() if path != writer.path] or [None])
                )

    follower.restart()
    assert_exact(await follower.collect(), writer)
    writer.close()


def _compress(archive: Path | None) -> None:
    if archive is None or archive.suffix == ".gz":
        return
    times = archive.stat()
    packed = Path(f"{archive}.gz")
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    os.utime(packed, ns=(times.st_atime_ns, times.st_mtime_ns))
    archive.unlink()


async def _undisturbed(follower: LogTail, writer: LogWriter) -> Round:
    """A collection after which nothing of a cancelled one is under way, and nothing is left to read, in good time."""
    end = time.monotonic() + 60
    found = await follower.collect()
    while (found.notes or tail(found, "lines_total") < writer.lines) and time.monotonic() < end:
        found = await follower.collect()
    return found
