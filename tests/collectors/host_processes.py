"""Real processes and control groups for the tests of the process and cgroup collectors."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from harness.waiting import eventually

CGROUP = Path("/sys/fs/cgroup")
IS_V2 = (CGROUP / "cgroup.controllers").exists()
SLEEP = "import signal\nprint('up', flush=True)\nsignal.pause()"
SPIN = "print('up', flush=True)\nwhile True: pass"
HUNGRY = """
print('up', flush=True)
while 'jackpot-test' not in open('/proc/self/cgroup').read(): pass
held = bytearray(64 * 2**20)
held[::4096] = held[1::4096]
"""


def can_make_groups() -> bool:
    """Only root may, and in most containers not even root."""
    name = f"jackpot-test-{secrets.token_hex(4)}"
    try:
        for folder in _folders(name):
            folder.mkdir()
            folder.rmdir()
    except OSError:
        return False
    return not IS_V2 or {"cpu", "memory"} <= set((CGROUP / "cgroup.subtree_control").read_text().split())


def _folders(name: str) -> list[Path]:
    return [CGROUP / name] if IS_V2 else [CGROUP / "cpu" / name, CGROUP / "memory" / name]


class OwnGroup:
    """A control group of a test's own."""

    def __init__(self) -> None:
        self.name = f"jackpot-test-{secrets.token_hex(4)}"

    @property
    def path(self) -> str:
        return f"/{self.name}"

    def file(self, v2: str, v1: str) -> Path:
        """A file of the group; the one of version 1 with its controller in front."""
        if IS_V2:
            return CGROUP / self.name / v2
        controller, _, file = v1.partition("/")
        return CGROUP / controller / self.name / file

    def allow_cores(self, share: float) -> None:
        period = 20_000
        quota = int(period * share)
        if IS_V2:
            self.file("cpu.max", "").write_text(f"{quota} {period}")
        else:
            self.file("", "cpu/cpu.cfs_period_us").write_text(str(period))
            self.file("", "cpu/cpu.cfs_quota_us").write_text(str(quota))

    def allow_memory(self, size: int) -> None:
        self.file("memory.max", "memory/memory.limit_in_bytes").write_text(str(size))

    def add(self, number: int) -> None:
        for folder in _folders(self.name):
            (folder / "cgroup.procs").write_text(str(number))

    def __enter__(self) -> OwnGroup:
        for folder in _folders(self.name):
            folder.mkdir()
        return self

    def __exit__(self, *_: object) -> None:
        for folder in _folders(self.name):
            for number in (folder / "cgroup.procs").read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(number), signal.SIGKILL)
            eventually(lambda folder=folder: not (folder / "cgroup.procs").read_text())  # type: ignore[misc]
            folder.rmdir()


def start(program: str, *arguments: str) -> psutil.Process:
    """A Python program that says `up`, as a service would run: not a child of ours. It ends with `stop`."""
    shell = 'echo $$; exec </dev/null; "$@" & echo $!'
    command = ["/bin/sh", "-c", shell, "sh", sys.executable, "-c", program, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        said = {starter.stdout.readline().strip() for _ in range(3)} - {str(starter.pid), "up"}
    return psutil.Process(int(said.pop()))


def start_child(program: str, *arguments: str) -> subprocess.Popen[str]:
    """The same as a child of ours; the caller waits for it."""
    command = [sys.executable, "-c", program, *arguments]
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    child.stdout.readline()
    child.stdout.close()
    return child


def stop(process: psutil.Process) -> None:
    """End it and wait until it is over; whoever inherited it may take long to collect it."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
    eventually(lambda: is_over(process))


def is_over(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def write(path: Path, content: str | bytes | int) -> None:
    """Replace what a file holds."""
    path.write_bytes(content if isinstance(content, bytes) else str(content).encode())


@contextmanager
def running(program: str, *arguments: str) -> Iterator[psutil.Process]:
    process = start(program, *arguments)
    try:
        yield process
    finally:
        stop(process)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Root reads everything: be nobody for a while."""
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(was)


@contextmanager
def closed(folder: Path) -> Iterator[None]:
    """Nobody but root may enter the folder for a while."""
    folder.chmod(0)
    try:
        yield
    finally:
        folder.chmod(0o700)


@contextmanager
def churning(word: str) -> Iterator[None]:
    """Processes with this word in their command line, starting and ending all the time."""
    shell = f": {word}; while :; do (:); (sleep 0.001); done"
    shells = subprocess.Popen(["/bin/sh", "-c", f"({shell}) & ({shell}) & wait"], start_new_session=True)
    try:
        yield
    finally:
        os.killpg(shells.pid, signal.SIGKILL)
        shells.wait()
