"""Which files beside a log are its rotated ones, going by their names.

Known are the names of logrotate (with numbers, dates, `extension`, compression) and of the loggers that rotate by
themselves. A name alone decides nothing more than where to look: content decides.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Collection
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from .tape import COMPRESSED, Identity

_COMPRESSION = r"(?:\.(?:gz|bz2|xz|zst|lz4|Z))?"
_SERIAL = r"[.\-_][0-9][0-9TZ:.\-_]*"
_MOST = 200


class Archive(NamedTuple):
    """A file that may be a rotated one."""

    path: Path
    identity: Identity
    modified_ns: int

    @property
    def is_compressed(self) -> bool:
        return self.path.suffix in COMPRESSED


def find_archives(path: Path, patterns: Collection[str]) -> list[Archive]:
    """The newest rotated files of `path`, the oldest of them first: by `patterns`, else by name in its folder."""
    if patterns:
        found = {Path(name) for pattern in patterns for name in glob.iglob(pattern)} - {path}  # noqa: PTH207
    else:
        names = _names(path)
        found = set()
        with suppress(OSError):
            found = {path.parent / name for name in os.listdir(path.parent) if names.fullmatch(name)}  # noqa: PTH208
    # While a file is being compressed, both are there, and only the plain one is whole.
    whole = [p for p in found if p.suffix not in COMPRESSED or p.with_suffix("") not in found]
    archives: list[Archive] = []
    for archive in whole:
        with suppress(OSError):
            status = archive.stat()
            archives.append(Archive(archive, Identity(status.st_dev, status.st_ino), status.st_mtime_ns))
    return sorted(archives, key=lambda a: (a.modified_ns, str(a.path)))[-_MOST:]


@lru_cache(maxsize=32)
def without_archives(paths: tuple[Path, ...]) -> tuple[Path, ...]:
    """The paths that are not rotated files of another one among them, nor compressed."""
    rotated: set[Path] = set()
    for path in paths:
        names = _names(path)
        rotated.update(other for other in paths if other.parent == path.parent and names.fullmatch(other.name))
    return tuple(path for path in paths if path not in rotated and path.suffix not in COMPRESSED)


def _names(path: Path) -> re.Pattern[str]:
    stem, suffix, name = re.escape(path.stem), re.escape(path.suffix), re.escape(path.name)
    behind = rf"{name}(?:{_SERIAL}|\.old|\.bak|~)"
    between = rf"{stem}{_SERIAL}{suffix}" if suffix else behind
    return re.compile(rf"(?:{behind}|{between}){_COMPRESSION}")
