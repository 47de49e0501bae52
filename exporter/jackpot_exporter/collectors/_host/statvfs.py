"""Asks for the fill of file systems in a child process, because the question may never be answered.

`statvfs` on a dead NFS mount sleeps in the kernel. A thread that sleeps so can neither be ended nor left behind:
it would hold up the end of the exporter. A child can be killed, or abandoned where the kernel does not even let it
die. One child serves all paths, one after another, and ends by itself when it is not asked any more: a collector
that a reload has replaced need not be told.
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import weakref
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...errors import RefusedError

_PROGRAM = Path(__file__).with_name("statvfs_child.py")
_LAST_WAIT_SECONDS = 0.2
_PATIENCE_SECONDS = 100.0  # near no usual interval, so that it never ends just as the next question comes


class Usage(NamedTuple):
    """The fill of a file system, in bytes and inodes; `avail` is what is left for ordinary users."""

    size: int
    free: int
    avail: int
    files: int
    files_free: int


class _Child:
    """A running child and our end of its socket."""

    def __init__(self, patience_seconds: float) -> None:
        # Messages keep their borders, so that no answer is ever read in halves.
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.setblocking(False)
        with theirs:
            # A process group of its own: Ctrl-C is for the exporter.
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(_PROGRAM), str(patience_seconds)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )

    def kill(self) -> None:
        self.socket.close()
        self.process.kill()

    @property
    def has_ended(self) -> bool:
        return self.process.poll() is not None


class StatvfsChildren:
    """The child that answers, and those that were killed over a path and have perhaps not ended yet."""

    def __init__(self, patience_seconds: float = _PATIENCE_SECONDS) -> None:
        self._patience = patience_seconds
        self._children: list[_Child] = []
        self._serving: _Child | None = None
        self._stuck: dict[str, _Child] = {}
        weakref.finalize(self, _end, self._children)

    @property
    def process_id(self) -> int | None:
        """The child that answers now, if there is one."""
        return self._serving.process.pid if self._serving else None

    def is_stuck(self, path: str) -> bool:
        """Whether the last question about this path hung."""
        return path in self._stuck

    def next_retry(self, paths: Collection[str]) -> str | None:
        """The path that has been stuck longest and may be asked again; forgets those not among `paths`.

        A path whose child still sleeps in the kernel is not asked again: the children would pile up.
        """
        self._stuck = {path: child for path, child in self._stuck.items() if path in paths}
        return next((path for path, child in self._stuck.items() if child.has_ended), None)

    async def usage(self, path: str, within_seconds: float) -> Usage:
        """The fill of the file system that holds `path`.

        TimeoutError when it hangs (the path counts as stuck until it answers), OSError when the kernel refuses,
        RefusedError when the child dies over it. One question at a time.
        """
        child = self._serving = self._running() or self._start()
        answer = b""
        try:
            async with asyncio.timeout(within_seconds):
                answer = await _exchange(child.socket, os.fsencode(path))
        except (TimeoutError, asyncio.CancelledError):
            self._stuck.pop(path, None)  # to stand behind the others
            self._stuck[path] = child
            raise
        finally:
            if not answer:  # a late answer must never be taken for that of the next question
                child.kill()
                self._serving = None
        self._stuck.pop(path, None)
        if answer.startswith(b"!"):
            number = int(answer[1:])
            raise OSError(number, os.strerror(number), path)
        return Usage(*map(int, answer.split()))

    def _running(self) -> _Child | None:
        return None if self._serving is None or self._serving.has_ended else self._serving

    def _start(self) -> _Child:
        if self._serving is not None:
            self._serving.kill()
        self._children[:] = [child for child in self._children if not child.has_ended]
        child = _Child(self._patience)
        self._children.append(child)
        return child


async def _exchange(connection: socket.socket, question: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_sendall(connection, question)
        answer = await loop.sock_recv(connection, 4096)
    except ConnectionError:
        answer = b""
    if not answer:
        raise RefusedError("the child that reads file systems was ended from outside")
    return answer


def _end(children: list[_Child]) -> None:
    for child in children:
        child.kill()
    for child in children:
        with suppress(subprocess.TimeoutExpired):
            child.process.wait(_LAST_WAIT_SECONDS)
