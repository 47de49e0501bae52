"""File systems under node_exporter's names, and the one that holds the database.

They are read in a child process (`_host.statvfs`): a dead mount costs two seconds in the round that finds it dead, and
shows as `node_filesystem_device_error`. After that one stuck path a round is tried again, last of all.
"""

from __future__ import annotations

import asyncio
import errno
import os
import re
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..errors import MissingError
from ..model import Collector, Column, Frame, Item, MetricSpec, Note, Outcome, gauge
from ._base import CollectorType
from ._host import Roots, read_text
from ._host.mounts import Mount, parse, watched
from ._host.statvfs import StatvfsChildren, Usage

_LABELS = ("device", "device_error", "fstype", "mountpoint")
DEVICE_ERROR = gauge("node_filesystem_device_error", "1 when the file system does not answer or refuses.", *_LABELS)
READONLY = gauge("node_filesystem_readonly", "1 when it is mounted for reading only.", *_LABELS)
SIZE = gauge("node_filesystem_size_bytes", "Size.", *_LABELS)
FREE = gauge("node_filesystem_free_bytes", "Free, with what is kept for root.", *_LABELS)
AVAIL = gauge("node_filesystem_avail_bytes", "Free for ordinary users.", *_LABELS)
FILES = gauge("node_filesystem_files", "Inodes.", *_LABELS)
FILES_FREE = gauge("node_filesystem_files_free", "Inodes free.", *_LABELS)
PURGEABLE = gauge("node_filesystem_purgeable_bytes", "What the system could free by itself; 0 on Linux.", *_LABELS)
MOUNT_INFO = gauge("node_filesystem_mount_info", "1 for each mount.", "device", "major", "minor", "mountpoint")
_OF_A_MOUNT = (DEVICE_ERROR, READONLY, SIZE, FREE, AVAIL, FILES, FILES_FREE, PURGEABLE, MOUNT_INFO)
DATABASE_AVAIL = gauge("database_disk_avail_bytes", "Free space where the database is.", own=True)
DATABASE_SIZE = gauge("database_disk_size_bytes", "Size of the file system where the database is.", own=True)

Answer = Usage | str
"""The fill, or why there is none, in words that make a label."""

_ANSWER_SECONDS = 2.0
_SHARE_OF_TIMEOUT = 0.6
_TIMED_OUT = "mountpoint timeout"
DEFAULT_EXCLUDED_POINTS = r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
DEFAULT_EXCLUDED_TYPES = (
    "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|erofs|fusectl|hugetlbfs|iso9660|mqueue|nsfs"
    "|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


Pattern = Annotated[str, AfterValidator(_check_pattern)]


class FilesystemSettings(Schedule):
    """Which file systems to read."""

    database: Path | None = Field(None, description="a path on the file system that holds the database")
    max_mounts: int = Field(500, ge=1, description="most mounts; those over it are left out and counted")
    exclude_mount_points: Pattern = Field(
        DEFAULT_EXCLUDED_POINTS, description="regular expression; node_exporter's default"
    )
    exclude_types: Pattern = Field(DEFAULT_EXCLUDED_TYPES, description="regular expression; node_exporter's default")


class FilesystemCollector:
    """Asks for the mounts one after another, within part of its timeout."""

    def __init__(self, settings: FilesystemSettings, roots: Roots, timeout_seconds: float) -> None:
        self._database = str(settings.database) if settings.database else None
        self._points = re.compile(settings.exclude_mount_points)
        self._types = re.compile(settings.exclude_types)
        self._max_mounts = settings.max_mounts
        self._roots = roots
        self._seconds = timeout_seconds * _SHARE_OF_TIMEOUT
        self._answer_seconds = min(_ANSWER_SECONDS, self._seconds / 3)
        self._children = StatvfsChildren()

    async def collect(self) -> AsyncGenerator[Item, None]:
        """The database's file system and every watched mount. MissingError when there is no table of mounts."""
        found = watched(parse(self._table()), self._points, self._types)
        if (over := len(found) - self._max_mounts) > 0:
            yield Note("mounts", f"more than max_mounts ({self._max_mounts})", dropped=over * len(_OF_A_MOUNT))
        mounts = {self._path(mount): mount for mount in found[: self._max_mounts]}
        paths = [*([self._database] if self._database else []), *mounts]
        answers = await self._ask(dict.fromkeys(paths))
        if self._database:
            for item in _database_items(self._database, answers.get(self._database, _TIMED_OUT)):
                yield item
        for item in _mount_items({mount: answers[path] for path, mount in mounts.items() if path in answers}):
            yield item
        for path in mounts.keys() - answers.keys():
            yield Note(_text(path), "left out: the file systems before it took too long", Outcome.TIMEOUT)

    def _table(self) -> str:
        # The first process sees the host's mounts, also where this service has a view of its own.
        for process in ("1", "self"):
            with suppress(OSError):
                return read_text(f"{self._roots.proc}/{process}/mountinfo", "surrogateescape")
        raise MissingError(f"{self._roots.proc}/self/mountinfo cannot be read; host.proc must name a mounted /proc")

    def _path(self, mount: Mount) -> str:
        return f"{self._roots.root.rstrip('/')}{mount.point}"

    async def _ask(self, paths: Collection[str]) -> dict[str, Answer]:
        """The answers in time; of the stuck paths one is asked again, last."""
        retry = self._children.next_retry(paths)
        stuck = [path for path in paths if self._children.is_stuck(path)]
        answers: dict[str, Answer] = dict.fromkeys(stuck, _TIMED_OUT)
        end = asyncio.get_running_loop().time() + self._seconds
        for path in [*(path for path in paths if path not in answers), *([retry] if retry else [])]:
            if asyncio.get_running_loop().time() < end:
                answers[path] = await self._usage(path)
        return answers

    async def _usage(self, path: str) -> Answer:
        try:
            return await self._children.usage(path, self._answer_seconds)
        except TimeoutError:  # before OSError, its base class
            return _TIMED_OUT
        except OSError as error:
            return os.strerror(error.errno or errno.EIO).lower()


def _database_items(path: str, answer: Answer) -> Iterator[Item]:
    if isinstance(answer, Usage):
        yield DATABASE_AVAIL.sample(answer.avail)
        yield DATABASE_SIZE.sample(answer.size)
    else:
        yield Note("database", f"{path}: {answer}", Outcome.TIMEOUT if answer == _TIMED_OUT else Outcome.MISSING)


def _mount_items(answers: Mapping[Mount, Answer]) -> Iterator[Item]:
    errors = ["" if isinstance(answer, Usage) else answer for answer in answers.values()]
    usages = [answer if isinstance(answer, Usage) else None for answer in answers.values()]
    columns: dict[MetricSpec, list[int | None]] = {
        DEVICE_ERROR: [int(bool(error)) for error in errors],
        READONLY: [int(mount.is_readonly) for mount in answers],
        SIZE: [usage and usage.size for usage in usages],
        FREE: [usage and usage.free for usage in usages],
        AVAIL: [usage and usage.avail for usage in usages],
        FILES: [usage and usage.files for usage in usages],
        FILES_FREE: [usage and usage.files_free for usage in usages],
        PURGEABLE: [usage and 0 for usage in usages],
    }
    rows = [(_text(m.device), error, m.fstype, _text(m.point)) for m, error in zip(answers, errors, strict=True)]
    yield Frame(rows, tuple(Column(spec, values) for spec, values in columns.items()))
    for mount, usage in zip(answers, usages, strict=True):
        if usage:
            yield MOUNT_INFO.sample(1, _text(mount.device), mount.major, mount.minor, _text(mount.point))


def _text(name: str) -> str:
    """A name of any bytes as text that stays distinct."""
    return name.encode("utf-8", "backslashreplace").decode()


def _build(settings: FilesystemSettings, timeout_seconds: float, clients: Clients) -> Collector | None:
    return FilesystemCollector(settings, Roots.of(clients.target), timeout_seconds)


TYPE = CollectorType(
    name="host_filesystems",
    help="Space and inodes of the host's file systems, and of the one that holds the database.",
    section=CollectorSection(("host", "filesystems"), FilesystemSettings),
    metrics=(*_OF_A_MOUNT, DATABASE_AVAIL, DATABASE_SIZE),
    build=_build,
)
