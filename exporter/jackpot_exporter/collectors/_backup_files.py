"""Finds backups in a folder. Blocks, perhaps for ever: only for a thread that may be left behind."""

from __future__ import annotations

import heapq
import os
import re
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import MissingError, PermissionDeniedError

_STAMP = re.compile(r"(?<!\d)(20\d\d)[-_]?([01]\d)[-_]?([0-3]\d)[-_T]?([0-2]\d)[-_:]?([0-5]\d)[-_:]?([0-5]\d)(?!\d)")
_LONGEST_SECONDS = 2 * 86400
_IN_FOLDER_MAX = 100_000


@dataclass(frozen=True, slots=True)
class Found:
    """A backup on disk; `identity` changes when its content may have."""

    path: Path
    ended_at: float
    size_bytes: int
    identity: tuple[int, ...]

    @property
    def begun_at(self) -> float | None:
        """By the local time in its name, where that makes sense."""
        return begun_by_name(self.path.name, self.ended_at)


@dataclass(frozen=True, slots=True)
class Listing:
    """The newest backups, the newest first, and what is known of all."""

    newest: tuple[Found, ...]
    count: int
    oldest_at: float | None
    is_cut: bool
    unreadable: int
    """Files that match and may not be looked at."""


def find_backups(folder: Path, pattern: str, max_files: int, newest: int, settle_seconds: float) -> Listing:
    """What matches in this folder and is not being written. MissingError or PermissionDeniedError for the folder."""
    now = time.time()
    try:
        with os.scandir(folder):
            pass
    except (FileNotFoundError, NotADirectoryError):
        raise MissingError(f"there is no folder {folder}") from None
    except PermissionError:
        raise PermissionDeniedError(f"{folder} may not be read by this user") from None
    found: list[Found] = []
    unreadable = 0
    is_cut = False
    for path in folder.glob(pattern):
        if len(found) >= max_files:
            is_cut = True
            break
        try:
            entry = _entry(path)
        except OSError:  # gone meanwhile, or not ours to see
            unreadable += path.is_symlink() or path.exists()
            continue
        if entry is not None and not 0 <= now - entry.ended_at < settle_seconds:
            found.append(entry)
    latest = heapq.nlargest(newest, found, key=lambda entry: entry.ended_at)
    oldest_at = min((entry.ended_at for entry in found), default=None)
    return Listing(tuple(latest), len(found), oldest_at, is_cut, unreadable)


def _entry(path: Path) -> Found | None:
    """A file, or a folder that pg_dump has written; None for anything else."""
    status = path.stat()
    if stat.S_ISREG(status.st_mode):
        return Found(path, status.st_mtime, status.st_size, (status.st_ino, status.st_size, status.st_mtime_ns))
    if not stat.S_ISDIR(status.st_mode) or not (path / "toc.dat").is_file():
        return None
    size = 0
    latest = status.st_mtime_ns
    for inner in _statuses(path):
        size += inner.st_size
        latest = max(latest, inner.st_mtime_ns)
    return Found(path, latest / 1e9, size, (status.st_ino, size, latest))


def _statuses(folder: Path) -> Iterator[os.stat_result]:
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count >= _IN_FOLDER_MAX:
                return
            yield entry.stat()


def begun_by_name(name: str, ended_at: float) -> float | None:
    """The start of a backup by the stamp in its name (`..._20251101_020000.dump`, local time)."""
    stamp = _STAMP.search(name)
    if stamp is None:
        return None
    year, month, day, hour, minute, second = map(int, stamp.groups())
    try:
        begun = time.mktime((year, month, day, hour, minute, second, 0, 0, -1))
    except (ValueError, OverflowError):
        return None
    return begun if 0 <= ended_at - begun < _LONGEST_SECONDS else None
