"""Whatever happens to a log's files, each line is counted once; what is lost is counted as lost."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.log_tail import LogTail, LogWriter, assert_exact, operations, tail
from harness.waiting import eventually_async
from jackpot_exporter.model import Outcome

# ruff: noqa: ASYNC240 - a test has nothing else to do while a file is renamed
_PACK: dict[str, Callable[[bytes], bytes]] = {".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "log").mkdir()
    return tmp_path / "log" / "app.log"


@pytest.fixture
def writer(log: Path) -> Iterator[LogWriter]:
    writer = LogWriter(log)
    yield writer
    writer.close()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def rename(writer: LogWriter, suffix: str = ".1") -> Path:
    """The file gets another name, and the service begins a new one."""
    old = Path(f"{writer.path}{suffix}")
    writer.path.rename(old)
    writer.reopen()
    return old


def empty_after_copy(writer: LogWriter, suffix: str = ".1") -> Path:
    """The file is copied and emptied; the service knows nothing of it."""
    copy = Path(f"{writer.path}{suffix}")
    shutil.copyfile(writer.path, copy)
    os.truncate(writer.path, 0)
    return copy


def compress(path: Path, suffix: str = ".gz") -> Path:
    """As the programs do: a new file with the time of the old one, which goes."""
    status, packed = path.stat(), path.with_name(path.name + suffix)
    packed.write_bytes(_PACK[suffix](path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return packed


async def test_reads_what_is_appended(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    writer.write(5)

    found = await follower.collect()

    assert_exact(found, writer)
    assert tail(found, "unread_bytes") == 0


async def test_goes_on_after_a_restart_where_it_was(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    writer.write(7)
    follower.restart()

    assert_exact(await follower.collect(), writer)


async def test_counts_a_line_only_when_it_is_whole(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    line = writer.line()
    writer.write_raw(line[:50])

    before = tail(await follower.collect(), "lines_total")
    follower.restart()
    writer.write_raw(line[50:])

    assert before == 0
    assert_exact(await follower.collect(), writer)


@pytest.mark.parametrize("is_away", [False, True], ids=["watching", "away"])
@pytest.mark.parametrize("rotate", [rename, empty_after_copy])
async def test_counts_once_across_a_rotation(
    log: Path, state: Path, writer: LogWriter, rotate: Callable[[LogWriter], Path], is_away: bool
) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    writer.write(5)
    rotate(writer)
    writer.write(3)
    if is_away:
        follower.restart()

    assert_exact(await follower.collect(), writer)
    assert_exact(await follower.collect(), writer)


@pytest.mark.parametrize("rotate", [rename, empty_after_copy])
@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
async def test_finds_its_place_in_a_compressed_file(
    log: Path, state: Path, writer: LogWriter, rotate: Callable[[LogWriter], Path], suffix: str
) -> None:
    follower = LogTail(log, state)
    writer.write(2000)
    await follower.collect()
    writer.write(500)
    compress(rotate(writer), suffix)
    writer.write(3)
    follower.restart()

    assert_exact(await follower.collect(), writer)
    follower.restart()
    assert_exact(await follower.collect(), writer)


@pytest.mark.parametrize("rotate", [rename, empty_after_copy])
async def test_reads_every_file_that_came_and_went_while_away(
    log: Path, state: Path, writer: LogWriter, rotate: Callable[[LogWriter, str], Path]
) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    writer.write(5)
    compress(rotate(writer, ".3"))
    writer.write(20)
    compress(rotate(writer, ".2"))
    writer.write(30)
    rotate(writer, ".1")
    writer.write(3)
    follower.restart()

    assert_exact(await follower.collect(), writer)
    follower.restart()
    assert_exact(await follower.collect(), writer)


async def test_knows_that_a_file_was_emptied_though_it_has_grown_past_the_position(
    log: Path, state: Path, writer: LogWriter
) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    empty_after_copy(writer)
    writer.write(50)

    found = await follower.collect()

    assert_exact(found, writer)
    assert tail(found, "rotations_total", how="emptied") == 1


async def test_a_reused_inode_is_not_taken_for_the_old_file(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    follower.restart()
    # The same inode with other content: what a reused one looks like, made for certain.
    shutil.copyfile(log, log.with_name("app.log.1"))
    writer.write_raw(b"")
    os.truncate(log, 0)
    writer.write(40)

    assert_exact(await follower.collect(), writer)


async def test_a_file_emptied_before_it_was_first_read_is_read_in_its_copy(
    log: Path, state: Path, writer: LogWriter
) -> None:
    follower = LogTail(log, state)
    await follower.collect()
    writer.write(10)
    empty_after_copy(writer)
    writer.write(4)

    assert_exact(await follower.collect(), writer)


@pytest.mark.parametrize("is_renamed", [False, True], ids=["same file", "new file"])
async def test_a_copy_is_not_read_while_the_file_still_has_its_lines(
    log: Path, state: Path, writer: LogWriter, is_renamed: bool
) -> None:
    """A look may fall between the copying and the emptying."""
    follower = LogTail(log, state)
    await follower.collect()
    if is_renamed:
        rename(writer, ".2")
    writer.write(40)
    shutil.copyfile(log, log.with_name("app.log.1"))
    await follower.collect()
    os.truncate(log, 0)
    writer.write(3)

    assert_exact(await follower.collect(), writer)


async def test_late_lines_of_a_renamed_file_count(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    log.rename(log.with_name("app.log.1"))
    fresh = LogWriter(log)
    fresh.write(2)
    fresh.close()
    await follower.collect()
    writer.write(5)  # through the old descriptor
    follower.restart()

    assert tail(await follower.collect(), "lines_total") == 17


async def test_a_finished_file_is_not_read_again_when_it_is_compressed(
    log: Path, state: Path, writer: LogWriter
) -> None:
    follower = LogTail(log, state, linger="1ms")
    writer.write(10)
    await follower.collect()
    old = rename(writer)
    writer.write(2)
    await follower.collect()
    await follower.collect()
    compress(old)
    rename(writer, ".2")
    writer.write(3)
    follower.restart()

    assert_exact(await follower.collect(), writer)


async def test_a_finished_file_is_known_though_its_time_has_changed(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state, linger="1ms")
    writer.write(10)
    await follower.collect()
    old = rename(writer)
    writer.write(2)
    await follower.collect()
    await follower.collect()
    rename(writer, ".2")
    writer.write(3)
    os.utime(old)

    assert_exact(await follower.collect(), writer)


@pytest.mark.parametrize("is_away", [False, True], ids=["watching", "away"])
async def test_the_last_line_of_a_finished_file_needs_no_line_break(
    log: Path, state: Path, writer: LogWriter, is_away: bool
) -> None:
    follower = LogTail(log, state, linger="1ms")
    await follower.collect()
    writer.write(3)
    writer.write_raw(writer.line()[:-1])
    compress(rename(writer))
    if is_away:
        follower.restart()

    await follower.collect()
    found = await follower.collect()

    assert_exact(found, writer)
    assert tail(found, "bad_lines_total", reason="unfinished") == 0


async def test_a_cut_last_line_is_a_bad_one(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    await follower.collect()
    writer.write(3)
    writer.write_raw(b'{"operation":"jackpot_win","duration":')
    compress(rename(writer))
    follower.restart()

    found = await follower.collect()

    assert tail(found, "lines_total") == 4
    assert tail(found, "bad_lines_total", reason="unfinished") == 1
    assert operations(found) == writer.operations


async def test_a_file_that_is_gone_is_a_loss_of_unknown_size(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    follower.restart()
    rename(writer).unlink()
    writer.write(4)

    found = await follower.collect()

    assert tail(found, "losses_total") == 1
    assert tail(found, "lines_total") == 14


async def test_bytes_that_were_seen_and_are_gone_are_a_known_loss(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    size = log.stat().st_size
    writer.write_raw(writer.line()[:30])
    await follower.collect()
    os.truncate(log, 0)

    found = await follower.collect()

    assert size > 0
    assert tail(found, "lost_bytes_total") == 30
    assert tail(found, "losses_total") == 1


async def test_emptying_without_a_copy_is_a_loss(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    os.truncate(log, 0)
    writer.write(2)

    found = await follower.collect()

    assert tail(found, "losses_total") == 1
    assert operations(found) == writer.operations


async def test_a_hole_left_by_emptying_is_passed_over(log: Path, state: Path, writer: LogWriter) -> None:
    """A service that opened its log without O_APPEND goes on writing at its old offset."""
    follower = LogTail(log, state, max_line_bytes=4096)
    writer.write(50)
    await follower.collect()
    copy = empty_after_copy(writer)
    os.truncate(log, copy.stat().st_size)
    writer.write(4)

    found = await follower.collect()

    assert_exact(found, writer)
    assert tail(found, "bad_lines_total", reason="too_long") == 0


async def test_a_missing_file_is_said_and_recovers(log: Path, state: Path, writer: LogWriter) -> None:
    log.unlink()
    follower = LogTail(log, state, start="end")

    missing = await follower.collect()
    writer.reopen()
    writer.write(5)
    found = await follower.collect()

    assert list(missing.notes.values()) == [Outcome.MISSING]
    assert found.notes == {}
    assert_exact(found, writer)


async def test_a_fifo_is_refused(log: Path, state: Path) -> None:
    os.mkfifo(log)

    found = await LogTail(log, state).collect()

    assert list(found.notes.values()) == [Outcome.BAD_DATA]


async def test_without_a_checkpoint_the_past_is_not_counted(log: Path, writer: LogWriter) -> None:
    follower = LogTail(log, None, start="end")
    writer.write(10)
    writer.write_raw(b'{"half":')
    await follower.collect()
    writer.write_raw(b"1}\n")
    writer.write(3)

    assert tail(await follower.collect(), "lines_total") == 4


async def test_a_damaged_checkpoint_is_put_aside_and_counts_as_a_loss(
    log: Path, state: Path, writer: LogWriter
) -> None:
    follower = LogTail(log, state, start="end")
    writer.write(10)
    await follower.collect()
    (checkpoint,) = state.glob("*.json")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    follower.restart()

    found = await follower.collect()

    assert list(found.notes.values()) == [Outcome.BAD_DATA]
    assert tail(found, "losses_total") == 1
    assert list(state.glob("*.damaged"))
    follower.restart()
    assert (await follower.collect()).notes == {}


async def test_two_readers_of_one_checkpoint_count_each_line_once(log: Path, state: Path, writer: LogWriter) -> None:
    """The command `once` beside a running exporter."""
    first, second = LogTail(log, state), LogTail(log, state)
    writer.write(10)
    await first.collect()
    writer.write(5)
    await second.collect()
    writer.write(3)
    await first.collect()

    assert_exact(await second.collect(), writer)
    assert_exact(await first.collect(), writer)


async def test_a_checkpoint_that_cannot_be_read_at_first_is_not_replaced(
    log: Path, state: Path, tmp_path: Path, writer: LogWriter
) -> None:
    """A mount may come late, a permission may be given later."""
    follower = LogTail(log, state, start="end")
    await follower.collect()
    writer.write(10)
    (checkpoint,) = state.glob("*.json")
    checkpoint.rename(tmp_path / "kept")
    checkpoint.symlink_to(checkpoint.name)  # reading it fails even for root
    follower.restart()
    early = await follower.collect()
    assert checkpoint.is_symlink()
    (tmp_path / "kept").rename(checkpoint)

    found = await follower.collect()

    assert len(early.notes) == 1
    assert found.notes == {}
    assert_exact(found, writer)


async def test_an_empty_file_is_not_taken_for_an_older_one(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state, linger="1ms")
    writer.write(10)
    await follower.collect()
    rename(writer)
    await follower.collect()
    await follower.collect()
    follower.restart()
    log.rename(log.with_name("elsewhere"))
    writer.reopen()
    writer.write(3)

    found = await follower.collect()

    assert tail(found, "lines_total") == 13
    assert tail(found, "losses_total") == 1  # nobody knows what was written to it


async def test_nothing_is_shown_before_it_is_saved(log: Path, state: Path, writer: LogWriter) -> None:
    """Or a restart would go back behind what was scraped, and a rate would take that for new events."""
    follower = LogTail(log, state, timeout_seconds=0.5)
    writer.write(10)
    await follower.collect()
    (checkpoint,) = state.glob("*.json")
    follower.restart()
    await follower.collect()
    writer.write(5)
    # Opening a FIFO for writing hangs until somebody reads it.
    blocked = state / f"{checkpoint.stem}.{os.getpid()}-{id(follower.log()._checkpoint):x}.new"
    os.mkfifo(blocked)

    hanging = await follower.collect()
    still = await follower.collect()
    os.close(os.open(blocked, os.O_RDONLY | os.O_NONBLOCK))
    blocked.unlink(missing_ok=True)

    for found in (hanging, still):
        assert list(found.notes.values()) == [Outcome.TIMEOUT]
        assert tail(found, "lines_total") == 10
    await eventually_async(lambda: _is_exact(follower, writer))


async def _is_exact(follower: LogTail, writer: LogWriter) -> bool:
    assert_exact(await follower.collect(), writer)
    return True


@pytest.mark.parametrize("is_away", [False, True], ids=["watching", "away"])
@pytest.mark.parametrize("rotate", [rename, empty_after_copy])
async def test_files_that_begin_alike_are_told_apart(
    log: Path, state: Path, writer: LogWriter, rotate: Callable[[LogWriter, str], Path], is_away: bool
) -> None:
    """A service may greet with the same words at the head of every file."""
    greeting = b'{"level":"info","message":"' + b"hello " * 200 + b'"}\n'
    follower = LogTail(log, state, linger="1ms")
    for turn in range(4):
        writer.write_raw(greeting)
        writer.write(20)
        await follower.collect()
        writer.write(5)
        compress(rotate(writer, f".{turn}"))
        if is_away:
            follower.restart()
    writer.lines += 4

    assert_exact(await follower.collect(), writer)


async def test_a_folder_that_cannot_be_written_is_said(log: Path, tmp_path: Path, writer: LogWriter) -> None:
    (tmp_path / "file").touch()
    writer.write(3)

    found = await LogTail(log, tmp_path / "file" / "state").collect()

    assert len(found.notes) == 1
    assert_exact(found, writer)


async def test_a_pattern_follows_each_file_and_no_rotated_one(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log.parent / "*.log*", state)
    other = LogWriter(log.with_name("worker.log"))
    writer.write(10)
    other.write(5)
    await follower.collect()
    compress(rename(writer))
    empty_after_copy(other)
    writer.write(2)
    other.write(2)
    other.close()

    found = await follower.collect()

    assert tail(found, "lines_total") == writer.lines + other.lines
    assert tail(found, "losses_total") == 0


async def test_a_file_renamed_within_the_pattern_is_not_read_again(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log.parent / "*.log", state, linger="1ms")
    writer.write(10)
    await follower.collect()
    log.rename(log.with_name("older.log"))
    writer.reopen()
    writer.write(3)

    for _ in range(3):
        found = await follower.collect()
        follower.restart()

    assert_exact(found, writer)


async def test_a_cut_archive_is_read_once_it_is_whole(log: Path, state: Path, writer: LogWriter) -> None:
    follower = LogTail(log, state)
    writer.write(10)
    await follower.collect()
    writer.write(2000)
    packed = compress(rename(writer))
    whole = packed.read_bytes()
    packed.write_bytes(whole[: len(whole) // 2])
    follower.restart()

    early = await follower.collect()
    packed.write_bytes(whole)
    found = await follower.collect()

    assert Outcome.BAD_DATA in early.notes.values()
    assert_exact(found, writer)
