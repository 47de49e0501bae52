"""File systems are read from a child: a hung one is named, costs little, and takes nothing from the others."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import psutil
import pytest
from pydantic import ValidationError

from harness.rounds import Round, Target
from harness.waiting import eventually
from jackpot_exporter.collectors import host, host_filesystems
from jackpot_exporter.collectors._host.mounts import parse, watched
from jackpot_exporter.collectors._host.statvfs import StatvfsChildren
from jackpot_exporter.collectors.host_filesystems import FilesystemSettings
from jackpot_exporter.errors import RefusedError
from jackpot_exporter.model import Outcome

DEAD_MOUNT = Path(__file__).with_name("host_dead_mount.py")


@asynccontextmanager
async def watching(**settings: object) -> AsyncIterator[Target]:
    async with Target({"host": {"filesystems": settings}}, host.TYPE, host_filesystems.TYPE) as target:
        yield target


async def collect(**settings: object) -> Round:
    async with watching(**settings) as target:
        return await target.collect("host_filesystems")


async def test_sizes_are_those_of_statvfs() -> None:
    now = os.statvfs("/")

    got = await collect()

    assert got.outcome is Outcome.OK
    assert got.value("node_filesystem_size_bytes", mountpoint="/") == now.f_frsize * now.f_blocks
    assert got.value("node_filesystem_files", mountpoint="/") == now.f_files
    assert got.value("node_filesystem_device_error", mountpoint="/") == 0
    free, avail = (got.by(f"node_filesystem_{kind}_bytes", "mountpoint")["/"] for kind in ("free", "avail"))
    assert 0 < avail <= free <= now.f_frsize * now.f_blocks


async def test_readonly_is_what_the_kernel_says() -> None:
    got = await collect()

    said = got.by("node_filesystem_readonly", "mountpoint")

    assert said
    assert said == {point: float(os.statvfs(point).f_flag & os.ST_RDONLY) for point in said}


async def test_database_is_found_by_any_path_on_its_file_system(tmp_path: Path) -> None:
    now = os.statvfs(tmp_path)

    got = await collect(database=str(tmp_path))

    assert got.value("jackpot_database_disk_size_bytes") == now.f_frsize * now.f_blocks
    assert got.value("jackpot_database_disk_avail_bytes") == pytest.approx(now.f_frsize * now.f_bavail, abs=2**29)


async def test_database_path_that_is_missing_is_a_note(tmp_path: Path) -> None:
    got = await collect(database=str(tmp_path / "gone"))

    assert got.notes == {"database": Outcome.MISSING}
    assert "jackpot_database_disk_avail_bytes" not in got.names
    assert got.value("node_filesystem_device_error", mountpoint="/") == 0


async def test_mounts_over_the_cap_are_left_out_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "self"
    folder.mkdir()
    (folder / "mountinfo").write_text("".join(f"{n} 1 0:{n} / /{n} rw - ext4 /dev/x rw\n" for n in range(30)))
    settings = {"host": {"proc": str(tmp_path), "filesystems": {"max_mounts": 10}}}
    async with Target(settings, host.TYPE, host_filesystems.TYPE) as target:
        got = await target.collect("host_filesystems")

    assert len(got.by("node_filesystem_device_error", "mountpoint")) == 10
    assert [note.dropped for note in got.batch.notes] == [20 * 9]


async def test_one_child_serves_all_rounds() -> None:
    async with watching() as target:
        await target.collect("host_filesystems")
        first = _children()
        await target.collect("host_filesystems")

        assert len(first) == 1
        assert _children() == first


async def test_stopped_child_is_replaced_and_its_path_tried_again_last() -> None:
    children = StatvfsChildren()
    await children.usage("/", 5)
    stopped = children.process_id
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)

    with pytest.raises(TimeoutError):
        await children.usage("/", 0.1)

    assert children.is_stuck("/")
    eventually(lambda: children.next_retry(["/"]) == "/")
    assert (await children.usage("/", 5)).size > 0
    assert not children.is_stuck("/")
    assert children.process_id != stopped


FREEZER = Path("/sys/fs/cgroup/freezer")


@pytest.mark.skipif(not os.access(FREEZER, os.W_OK), reason="keeping a killed process alive needs root and cgroup v1")
async def test_path_is_not_asked_again_while_its_killed_child_lives_on() -> None:
    """A frozen process does not even die of SIGKILL, as one that sleeps in a broken file system."""
    children = StatvfsChildren()
    await children.usage("/", 5)
    child = children.process_id
    assert child is not None
    with frozen(child):
        with pytest.raises(TimeoutError):
            await children.usage("/", 0.1)

        assert psutil.pid_exists(child)
        assert children.next_retry(["/"]) is None

    eventually(lambda: children.next_retry(["/"]) == "/")


@contextmanager
def frozen(process: int) -> Iterator[None]:
    folder = FREEZER / f"jackpot-test-{process}"
    folder.mkdir()
    (folder / "cgroup.procs").write_text(str(process))
    (folder / "freezer.state").write_text("FROZEN")
    eventually(lambda: (folder / "freezer.state").read_text() == "FROZEN\n")
    try:
        yield
    finally:
        (folder / "freezer.state").write_text("THAWED")
        eventually(lambda: not (folder / "cgroup.procs").read_text())
        folder.rmdir()


async def test_late_answer_is_not_taken_for_the_next_one() -> None:
    children = StatvfsChildren()
    await children.usage("/", 5)
    slow = children.process_id
    assert slow is not None
    os.kill(slow, signal.SIGSTOP)
    asking = asyncio.create_task(children.usage("/", 5))
    await asyncio.sleep(0)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    proc = os.statvfs("/proc")
    assert await children.usage("/proc", 5) == (0, 0, 0, proc.f_files, proc.f_ffree)


async def test_child_that_dies_over_a_question_is_named_and_replaced() -> None:
    children = StatvfsChildren()
    await children.usage("/", 5)
    child = children.process_id
    assert child is not None
    os.kill(child, signal.SIGSTOP)
    asking = asyncio.create_task(children.usage("/", 5))
    await asyncio.sleep(0)

    os.kill(child, signal.SIGKILL)
    with pytest.raises(RefusedError):
        await asking

    assert (await children.usage("/", 5)).size > 0


async def test_child_that_nobody_asks_ends_and_is_replaced_unnoticed() -> None:
    children = StatvfsChildren(patience_seconds=0.01)
    await children.usage("/", 5)
    first = children.process_id
    assert first is not None
    eventually(lambda: psutil.Process(first).status() == psutil.STATUS_ZOMBIE)

    assert (await children.usage("/", 5)).size > 0

    assert children.process_id != first
    assert not psutil.pid_exists(first)


async def test_child_ends_with_its_collector() -> None:
    children = StatvfsChildren()
    await children.usage("/", 5)
    process = psutil.Process(children.process_id)

    del children
    gc.collect()

    assert not process.is_running()


def test_child_ends_when_the_exporter_is_killed() -> None:
    script = (
        "import asyncio, time\n"
        "from jackpot_exporter.collectors._host.statvfs import StatvfsChildren\n"
        "children = StatvfsChildren()\n"
        "asyncio.run(children.usage('/', 5))\n"
        "print(children.process_id, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        child = psutil.Process(int(exporter.stdout.readline()))
        exporter.kill()

        psutil.wait_procs([child], timeout=5)

        assert not child.is_running()


@pytest.mark.skipif(not os.access("/dev/fuse", os.W_OK), reason="mounting a dead file system needs /dev/fuse")
def test_dead_mount_is_named_and_holds_up_nothing() -> None:
    """A real mount that never answers, in a mount namespace of its own; see host_dead_mount.py."""
    own = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    started = time.monotonic()

    ended = subprocess.run(
        ["unshare", *own, "--mount", "--pid", "--fork", "--mount-proc", sys.executable, str(DEAD_MOUNT)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert time.monotonic() - started < 30


async def test_mount_point_of_any_bytes_is_asked_for_by_its_bytes(tmp_path: Path) -> None:
    name = b"\xff\xc2\x85\xe2\x80\xa8"
    os.mkdir(os.fsencode(tmp_path) + b"/" + name)  # noqa: PTH102 - Path takes no bytes
    line = b"40 1 0:40 / " + os.fsencode(tmp_path) + b"/" + name + b" rw - ext4 /dev/x rw\n"
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_bytes(line)
    async with Target({"host": {"proc": str(tmp_path)}}, host.TYPE, host_filesystems.TYPE) as target:
        got = await target.collect("host_filesystems")

    assert got.by("node_filesystem_device_error", "mountpoint") == {f"{tmp_path}/\\udcff\x85\u2028": 0}


def test_mountinfo_with_blanks_optional_fields_and_hidden_mounts() -> None:
    text = (
        "22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
        "23 22 8:2 / /srv/a\\040b rw shared:2 master:3 - xfs /dev/sda\\0402 ro,attr2\n"
        "24 22 0:5 / /data rw - tmpfs hidden rw\n"
        "25 22 0:9 / /data ro - nfs4 server:/x rw\n"
    )

    mounts = parse(text)

    assert [(m.device, m.point, m.fstype, m.is_readonly) for m in mounts] == [
        ("/dev/sda1", "/", "ext4", False),
        ("/dev/sda 2", "/srv/a b", "xfs", True),
        ("server:/x", "/data", "nfs4", True),
    ]
    assert (mounts[1].major, mounts[1].minor) == ("8", "2")


@pytest.mark.parametrize(
    ("point", "fstype", "is_watched"),
    [
        ("/", "ext4", True),
        ("/mnt/backup", "nfs4", True),
        ("/devices", "ext4", True),
        ("/dev/shm", "tmpfs", False),
        ("/run/credentials/systemd-sysusers.service", "tmpfs", False),
        ("/var/lib/docker/overlay2/1/merged", "ext4", False),
        ("/snap/core", "squashfs", False),
        ("/net", "autofs", False),
    ],
)
def test_default_exclusions(point: str, fstype: str, is_watched: bool) -> None:
    settings = FilesystemSettings()
    mounts = parse(f"1 0 8:1 / {point} rw - {fstype} device rw\n")

    found = watched(mounts, re.compile(settings.exclude_mount_points), re.compile(settings.exclude_types))

    assert bool(found) is is_watched


def test_bad_pattern_is_refused() -> None:
    with pytest.raises(ValidationError, match="not a regular expression"):
        FilesystemSettings(exclude_types="(")


async def test_garbage_in_the_table_fails_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mountinfo").write_text("nonsense\n")
    async with Target({"host": {"proc": str(tmp_path)}}, host.TYPE, host_filesystems.TYPE) as target:
        got = await target.collect("host_filesystems")

    assert got.outcome is Outcome.BAD_DATA


async def test_wrong_proc_is_missing(tmp_path: Path) -> None:
    async with Target({"host": {"proc": str(tmp_path)}}, host.TYPE, host_filesystems.TYPE) as target:
        got = await target.collect("host_filesystems")

    assert got.outcome is Outcome.MISSING
    assert "host.proc" in got.batch.message


def _children() -> list[int]:
    program = "statvfs_child.py"
    return [p.pid for p in psutil.Process().children() if program in " ".join(p.cmdline())]
