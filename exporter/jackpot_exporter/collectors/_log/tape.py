"""An open log file that can be read at any place, whether it is plain or compressed.

Only regular files are opened: a FIFO or a device would block or never end. Nothing is read here but what is asked for.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import stat
import weakref
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Protocol

from ...errors import BadDataError

_STEP = 2**20
_OPENERS: dict[str, Callable[[BinaryIO], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
COMPRESSED = frozenset(_OPENERS)
"""Suffixes of the compressed files that can be read."""

_BROKEN = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class Identity(NamedTuple):
    """Which file it is, as long as it exists."""

    device: int
    inode: int


class Tape(Protocol):
    """An open file."""

    path: Path
    identity: Identity
    is_complete: bool
    """Nothing will ever be added: what it ends with is the end."""

    damage: str
    """Why reading ended too early: a compressed file is cut, still in the making or broken; else empty."""

    def read(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`; fewer only at the end, or at a damage."""
        ...

    def size(self) -> int | None:
        """Bytes that can be read; None when only reading would tell."""
        ...

    def modified_ns(self) -> int: ...


def open_tape(path: Path) -> Tape:
    """The file, open. FileNotFoundError, PermissionError; BadDataError when it is no regular file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise BadDataError(f"{path} is not a regular file")
    return (_Compressed if path.suffix in COMPRESSED else _Plain)(path, descriptor)


class _File:
    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        status = os.fstat(descriptor)
        self.identity = Identity(status.st_dev, status.st_ino)

    def modified_ns(self) -> int:
        return os.fstat(self._descriptor).st_mtime_ns


class _Plain(_File):
    is_complete = False
    damage = ""

    def size(self) -> int | None:
        return os.fstat(self._descriptor).st_size

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._descriptor, size, offset)


class _Compressed(_File):
    """Decompressed from the beginning on, with a window of what was read last."""

    is_complete = True

    def __init__(self, path: Path, descriptor: int) -> None:
        super().__init__(path, descriptor)
        self._rewind()

    def size(self) -> int | None:
        return None

    def read(self, offset: int, size: int) -> bytes:
        if offset < self._start:
            self._rewind()
        while True:
            self._forget(offset)
            missing = offset + size - self._start - len(self._window)
            if missing <= 0 or not (more := self._read_on(min(missing, _STEP))):
                break
            self._window += more
        begin = offset - self._start
        return bytes(self._window[begin : begin + size])

    def _read_on(self, size: int) -> bytes:
        """What comes next, as far as there is any: `read1` gives what stands before a damage, `read` would not."""
        try:
            data: bytes = self._stream.read1(size)
        except _BROKEN as error:
            self.damage = str(error)
            return b""
        return data

    def _forget(self, offset: int) -> None:
        known = min(offset - self._start, len(self._window))
        del self._window[:known]
        self._start += known

    def _rewind(self) -> None:
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        raw = open(self._descriptor, "rb", closefd=False)  # noqa: SIM115 - the descriptor is closed by _File
        self._stream = _OPENERS[self.path.suffix](raw)
        self._window = bytearray()
        self._start = 0
        self.damage = ""
