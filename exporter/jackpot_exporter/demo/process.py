"""What all real servers share: a free port, a temporary folder, start, stop, pause, and no leftovers.

Every process is on the reaper's list before it runs its program, every folder before it is made, so that
nothing stays behind even when this process is killed in between. Calls block; async code uses a thread.
"""

from __future__ import annotations

import atexit
import json
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from abc import ABC, abstractmethod
from collections import deque
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Self, TypedDict

import psutil

from ..errors import ToolError
from . import reaper

PORTS_VARIABLE = "JACKPOT_EXPORTER_PORTS"
_PORTS = "20000-31999"
_given: deque[int] = deque(maxlen=200)
"""The last ports that `free_port` gave: their servers may not listen yet, or are to be missing."""

_GATE = 'read -r _ && exec "$@" </dev/null'
"""The child waits for one line before it becomes the server; if the parent dies first, it just ends."""


@cache
def _reaper() -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", reaper.__name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        text=True,
        start_new_session=True,
    )
    atexit.register(process.communicate)
    return process


def _order(**order: object) -> None:
    pipe = _reaper().stdin
    assert pipe is not None  # noqa: S101 - stdin=PIPE above
    pipe.write(json.dumps(order) + "\n")
    pipe.flush()


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on, outside the range of outgoing connections; each only once.

    From JACKPOT_EXPORTER_PORTS, such as 20000-23999: processes with ranges of their own never choose the same one.
    """
    first, _, last = os.environ.get(PORTS_VARIABLE, _PORTS).partition("-")
    while True:
        port = int(first) + secrets.randbelow(int(last) + 1 - int(first))
        if port in _given:
            continue
        with socket.socket() as attempt:
            attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.append(port)
        return port


def make_folder() -> Path:
    """A private temporary folder that goes away with this process, or before by `remove_folder`."""
    folder = Path(tempfile.gettempdir()) / f"jackpot-{secrets.token_hex(6)}"
    _order(keep=str(folder))
    folder.mkdir(mode=0o700)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder made by `make_folder`."""
    reaper.remove(folder)
    _order(forget=str(folder))


def unprivileged_account() -> str | None:
    """Whom a server runs as that refuses to run as root; None when we are not root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


class _Identity(TypedDict, total=False):
    user: str
    group: int
    extra_groups: list[int]


def _identity(account: str | None) -> _Identity:
    if account is None:
        return {}
    return {"user": account, "group": pwd.getpwnam(account).pw_gid, "extra_groups": []}


def hand_over(path: Path, account: str | None) -> None:
    """Give a file or folder to the account that a server runs as."""
    if account:
        owner = pwd.getpwnam(account)
        os.chown(path, owner.pw_uid, owner.pw_gid)


def run_as(account: str | None, folder: Path, *command: str) -> None:
    """Run a program to its end as `account`; ToolError with what it said when it fails."""
    ended = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **_identity(account),
    )
    if ended.returncode:
        raise ToolError(f"{command[0]} failed ({ended.returncode}):\n{ended.stdout.decode(errors='replace')}")


class ServerProcess(ABC):
    """One outside server on 127.0.0.1. As a context manager it runs inside and leaves nothing behind."""

    end_signal = signal.SIGTERM
    start_seconds = 30.0
    account: str | None = None

    def __init__(self, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.folder = make_folder()
        self.log_path = self.folder / f"{type(self).__name__}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """The program and its arguments."""

    def prepare(self) -> None:  # noqa: B027 - most programs read nothing of ours
        """Write what the program reads; called before every start."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether the server answers."""

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        if self._process is None:
            raise ToolError(f"{type(self).__name__} is not running")
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start and wait until it answers; ToolError with the end of its log when it does not."""
        hand_over(self.folder, self.account)
        self.prepare()
        self._process = self._spawn()
        deadline = time.monotonic() + self.start_seconds
        while not self.is_ready():
            if not self.is_running or time.monotonic() > deadline:
                how = "did not answer in time" if self.is_running else f"ended with {self._process.returncode}"
                self.stop()
                raise ToolError(f"{type(self).__name__} {how}:\n{self.log_text()[-2000:]}")
            time.sleep(0.01)
        return self

    def stop(self, end_signal: signal.Signals | None = None) -> None:
        """End the server and its children; SIGKILL when it takes longer than the reaper's grace."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.poll() is None:
            reaper.end([(psutil.Process(process.pid), end_signal or self.end_signal)])
        process.wait()
        _order(release=process.pid)

    def restart(self) -> Self:
        """Stop and start, on the same port and with the same folder."""
        self.stop()
        return self.start()

    def kill(self) -> None:
        """End it as a crash does, without warning."""
        self.stop(signal.SIGKILL)

    def pause(self) -> None:
        """Stop all its processes where they are: connections stay open and nothing answers."""
        leader = psutil.Process(self.pid)
        leader.suspend()
        for child in leader.children(recursive=True):
            child.suspend()

    def resume(self) -> None:
        """Let it go on after `pause`."""
        leader = psutil.Process(self.pid)
        for process in (*leader.children(recursive=True), leader):
            process.resume()

    def log_text(self) -> str:
        """What the server has written so far."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    def close(self) -> None:
        """Stop it and remove its folder."""
        self.stop()
        remove_folder(self.folder)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = ["/bin/sh", "-c", _GATE, "sh", *self.command()]
        with self.log_path.open("ab") as log:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                **_identity(self.account),
            )
        _order(watch=process.pid, signal=int(self.end_signal))
        assert process.stdin is not None  # noqa: S101 - stdin=PIPE above
        process.stdin.write(b"\n")
        process.stdin.close()
        return process
