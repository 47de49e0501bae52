"""Positions and counts on disk, always together, so that at any moment the one belongs to the other.

The file is replaced whole. No lock is needed: whoever writes it, the running exporter or the command `once` beside
it, writes a position with the counts that belong to it, and both read on to the end of the log from wherever they are.
"""

from __future__ import annotations

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
        self._saved = b""

    def load(self) -> LogState | None:
        """What was saved last. BadDataError when that is damaged; it is put aside."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        for left in self._path.parent.glob(f"{self._path.stem}.*.new"):  # by a process that was killed
            left.unlink(missing_ok=True)
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            state = msgspec.json.decode(content, type=LogState)
            if state.format != _FORMAT:
                raise msgspec.ValidationError(f"format {state.format} instead of {_FORMAT}")
        except msgspec.DecodeError as error:
            aside = self._path.with_suffix(".damaged")
            self._path.replace(aside)
            raise BadDataError(f"the checkpoint cannot be read and was put aside as {aside}: {error}") from None
        return state

    def save(self, content: bytes) -> None:
        """Replace the file, unless it holds this already. OSError leaves the old one."""
        if content == self._saved and self._path.exists():
            return
        new = self._path.with_suffix(f".{os.getpid()}-{id(self):x}.new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            new.replace(self._path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise
        self._saved = content
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)  # or a loss of power might undo the replacement
        finally:
            os.close(folder)
