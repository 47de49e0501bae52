"""Run in namespaces of its own: mounts a file system that never answers, and collects around it.

The mount is a real one: FUSE with nobody behind its descriptor, so that `statvfs` sleeps in the kernel as it does on
an NFS mount whose server is gone. All of it ends with the process.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import tempfile
import time
from pathlib import Path

from jackpot_exporter.collectors._host import Roots
from jackpot_exporter.collectors.host_filesystems import FilesystemCollector, FilesystemSettings
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect

MS_PRIVATE_RECURSIVE = 1 << 18 | 1 << 14
MNT_DETACH = 2
COUNT = 5
TIMEOUT_SECONDS = 2.0


def mount(source: str, target: str, kind: str, flags: int, options: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)


async def check(mounts: dict[str, int]) -> None:
    """Takes the descriptors over: the mount of one that is closed is dead no longer but broken."""
    dead = list(mounts)
    collector = FilesystemCollector(FilesystemSettings(), Roots(), TIMEOUT_SECONDS)
    job = Job("host_filesystems", collector, 15, TIMEOUT_SECONDS)
    await check_rounds_stay_short(job, dead)
    await check_event_loop_runs(job)
    os.close(mounts.pop(dead[-1]))
    await check_recovery(job, dead, 1)
    while mounts:
        os.close(mounts.popitem()[1])
    await check_recovery(job, dead, len(dead))


async def check_rounds_stay_short(job: Job, dead: list[str]) -> None:
    """The first rounds find the dead mounts one after another; none reaches its deadline, and / is always there."""
    named: set[str] = set()
    for _ in range(len(dead)):
        batch = await collect(job, "jackpot")
        expect(batch.outcome is Outcome.OK, f"{batch.outcome} {batch.message}")
        expect(batch.seconds < TIMEOUT_SECONDS, f"took {batch.seconds} s")
        errors = batch.families["node_filesystem_device_error"].body.decode()
        sizes = batch.families["node_filesystem_size_bytes"].body.decode()
        expect('mountpoint="/"} 0' in errors and 'mountpoint="/"}' in sizes, errors + sizes)
        expect(not any(path in sizes for path in dead), sizes)
        late = {note.key for note in batch.notes if note.outcome is Outcome.TIMEOUT}
        now = {p for p in dead if f'device_error="mountpoint timeout",fstype="fuse",mountpoint="{p}"}} 1' in errors}
        expect(now | late == set(dead), f"neither named nor noted: {set(dead) - now - late}")
        expect(named <= now, f"forgotten: {named - now}")
        named = now
    expect(named == set(dead), f"never named: {set(dead) - named}")


async def check_event_loop_runs(job: Job) -> None:
    task = asyncio.create_task(collect(job, "jackpot"))
    worst, last = 0.0, time.monotonic()
    while not task.done():
        await asyncio.sleep(0.005)
        worst, last = max(worst, time.monotonic() - last), time.monotonic()
    expect(worst < 0.25, f"the event loop stood still for {worst} s")


async def check_recovery(job: Job, dead: list[str], count: int) -> None:
    """Once the kernel has ended a connection, its path refuses at once; every path is asked again in its turn."""
    for _ in dead:
        batch = await collect(job, "jackpot")
    errors = batch.families["node_filesystem_device_error"].body.decode()
    expect(errors.count("transport endpoint is not connected") == count, errors)


def expect(fact: bool, what: str) -> None:
    if not fact:
        raise SystemExit(what)


def main() -> None:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        mount("none", "/", "none", MS_PRIVATE_RECURSIVE, "")
        mounts = {f"{folder}/{number}": os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC) for number in range(COUNT)}
        for path, silent in mounts.items():
            os.mkdir(path)  # noqa: PTH102 - a plain path serves both calls
            mount("dead", path, "fuse", 0, f"fd={silent},rootmode=40000,user_id=0,group_id=0")
        try:
            asyncio.run(check(mounts))
        finally:
            for entry in Path(folder).iterdir():
                ctypes.CDLL(None).umount2(bytes(entry), MNT_DETACH)


if __name__ == "__main__":
    main()
