"""Positions and counts on disk, always together, so that at any moment the one belongs to the other.

The file is replaced whole. Whoever has the lock may read on and replace it: the running exporter for the length of a
round, or the command `once` between two rounds; the other one then goes on from what it finds. Without a folder the
state lives in memory alone.
"""

from __future__ import annotations

import fcntl
import os
import re
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import msgspec

from ...errors import BadDataError
from .totals import TotalsState
from .trail import TailCounts, TrailState

_FORMAT = 1


class LogState(msgspec.Struct):
    """All that is known about one configured log."""

    format: int = _FORMAT
    trails: dict[str, TrailState] = {}
    totals: TotalsState = msgspec.field(default_factory=TotalsState)
    tail: TailCounts = msgspec.field(default_factory=TailCounts)


class Checkpoint:
    """The state of one log on disk. All methods touch the file system."""

    def __init__(self, folder: Path, namespace: str, pattern: str, name: str) -> None:
        digest = blake2b("\0".join((namespace, pattern, name)).encode(), digest_size=6).hexdigest()
        word = re.sub(r"[^A-Za-z0-9]+", "-", Path(pattern).name).strip("-")[:40]
        self._path = folder / f"log-{word}-{digest}.json"
        self._lock: int | None = None
        self._known: tuple[int, int, int] | None = None
        self._content = b""

    def lock(self) -> bool:
        """Take the lock if nobody else has it. OSError when the folder cannot be written."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def unlock(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def load_changed(self) -> LogState | None:
        """What stands there, unless this object wrote or read it last. BadDataError, once, when it is damaged."""
        status = self._status()
        if status is None or status == self._known:
            return None
        self._known = status
        try:
            state = msgspec.json.decode(self._path.read_bytes(), type=LogState)
            if state.format != _FORMAT:
                raise msgspec.ValidationError(f"format {state.format} instead of {_FORMAT}")
        except msgspec.DecodeError as error:
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            raise BadDataError(f"the checkpoint cannot be read and was put aside as {aside}: {error}") from None
        return state

    def save(self, content: bytes) -> None:
        """Replace the file, unless it holds this already. OSError leaves the old one."""
        if content == self._content and self._known is not None and self._known == self._status():
            return
        new = self._path.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with open(descriptor, "wb") as file:  # noqa: PTH123 - opened with its mode above
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            new.replace(self._path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise
        self._known, self._content = self._status(), content
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _status(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
