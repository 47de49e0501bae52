"""A log that is huge, endless or hostile costs bounded memory, and never holds up the event loop."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import threading
import time
import tracemalloc
from pathlib import Path

import pytest

from harness.log_tail import LogTail, LogWriter, assert_exact, operations, tail
from harness.rounds import Round
from harness.waiting import eventually
from jackpot_exporter.collectors._log.thread import FileThread
from jackpot_exporter.errors import SourceTimeoutError
from jackpot_exporter.model import Outcome

_LINE = 100 * 2**20


def _write_long_line(path: Path) -> LogWriter:
    writer = LogWriter(path)
    writer.write(3)
    for _ in range(_LINE // 2**20):
        writer.write_raw(b"x" * 2**20)
    writer.write_raw(b"\n")
    writer.write(2)
    return writer


@pytest.mark.parametrize("is_compressed", [False, True], ids=["plain", "compressed"])
async def test_a_line_of_100_megabytes_is_skipped_in_little_memory(tmp_path: Path, is_compressed: bool) -> None:
    log = tmp_path / "app.log"
    follower = LogTail(log, tmp_path / "state")
    if is_compressed:
        log.touch()
        await follower.collect()
    writer = _write_long_line(log)
    if is_compressed:
        with gzip.open(tmp_path / "app.log.1.gz", "wb", compresslevel=1) as packed:
            packed.write(log.read_bytes())
        log.unlink()
        writer.reopen()

    tracemalloc.start()
    found = await follower.collect()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert tail(found, "bad_lines_total", reason="too_long") == 1
    assert tail(found, "lines_total") == 6
    assert operations(found) == writer.operations
    assert peak < 8 * 2**20, f"{peak / 2**20:.0f} MiB"
    writer.close()


async def test_a_restart_inside_a_long_line_goes_on_skipping(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path / "app.log")
    follower = LogTail(writer.path, tmp_path / "state", max_line_bytes=4096)
    writer.write_raw(b'{"x":"' + b"y" * 10_000)
    await follower.collect()
    follower.restart()
    writer.write_raw(b'z"}\n')
    writer.write(3)

    found = await follower.collect()

    assert tail(found, "bad_lines_total", reason="too_long") == 1
    assert tail(found, "bad_lines_total", reason="not_json") == 0
    assert tail(found, "lines_total") == 4
    assert operations(found) == writer.operations
    writer.close()


@pytest.mark.parametrize(
    "line",
    [b"{}\n", b'{"operation":"%d","metadata":{"errorType":"%d"}}\n', b"\n", b"no json\n"],
    ids=["tiny", "endless words", "empty", "bad"],
)
async def test_a_backlog_never_holds_up_the_event_loop(tmp_path: Path, line: bytes) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"".join(line % (i, i) if b"%" in line else line for i in range(300_000)))
    follower = LogTail(log, None)
    busiest = 0.0

    async def watch() -> None:
        nonlocal busiest
        while True:
            before = time.thread_time()  # what other processes of the machine take is not ours
            await asyncio.sleep(0)
            busiest = max(busiest, time.thread_time() - before)

    gc.freeze()  # a collection of what other tests left takes long
    watching = asyncio.create_task(watch())
    found = await follower.collect()
    watching.cancel()
    gc.unfreeze()

    assert tail(found, "lines_total") == 300_000
    assert busiest < 0.01


async def test_a_backlog_is_read_over_several_rounds(tmp_path: Path) -> None:
    """A round ends with its time, not with the backlog, and each shows where it is."""
    writer = LogWriter(tmp_path / "app.log")
    for _ in range(60):
        writer.write(2500)
    follower = LogTail(writer.path, tmp_path / "state", timeout_seconds=0.15)

    def shown(found: Round, what: str) -> float | None:
        """None when the round had no time to say."""
        return found.value(f"jackpot_exporter_log_{what}", log="test")

    rounds = [await follower.collect()]
    while shown(rounds[-1], "lines_total") != writer.lines:
        follower.restart()
        rounds.append(await follower.collect())

    assert len(rounds) > 2
    counted = [lines for found in rounds if (lines := shown(found, "lines_total")) is not None]
    assert counted == sorted(counted)
    assert_exact(await LogTail(writer.path, tmp_path / "state").collect(), writer)
    writer.close()


async def test_a_call_that_hangs_is_left_behind_and_not_made_again() -> None:
    read_end, write_end = os.pipe()
    thread = FileThread("hanging")

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(thread.run(lambda: os.read(read_end, 1)), 0.05)
    with pytest.raises(SourceTimeoutError):
        await thread.run(lambda: 1)
    os.write(write_end, b"x")
    eventually(lambda: thread.is_idle)

    assert await thread.run(lambda: 1) == 1
    os.close(read_end)
    os.close(write_end)


async def test_the_thread_ends_with_its_log(tmp_path: Path) -> None:
    before = set(threading.enumerate())
    follower = LogTail(tmp_path / "app.log", None)
    assert Outcome.MISSING in (await follower.collect()).notes.values()
    [own] = set(threading.enumerate()) - before

    del follower
    gc.collect()

    eventually(lambda: not own.is_alive())
