"""Where records of backups come from: files in a folder, verified one by one, or pgBackRest."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path

from ..errors import BadDataError, MissingError, PermissionDeniedError, SourceError, SourceTimeoutError
from ..model import Note, Outcome
from ._backup_child import Child
from ._backup_files import Found, Listing, find_backups
from ._backup_pgbackrest import read_pgbackrest
from ._backup_record import Backup, Record, Verdict
from ._backup_settings import BackupSettings, PgBackRestSettings
from ._backup_verify import Verifier
from ._errand import Errand

_CANDIDATES = 8
"""How many of the newest files are looked into until one is good."""
_FILE_MAX_BYTES = 16 * 1024 * 1024


class FileBackups:
    """Backups that are files in one folder."""

    def __init__(self, settings: BackupSettings) -> None:
        folder = settings.path or Path()
        self._settings = settings
        find = partial(find_backups, folder, settings.pattern, settings.max_files, _CANDIDATES, settings.settle)
        self._errand = Errand(find, f"reading {folder}")
        self._verifier = Verifier(settings.pg_restore, settings.verify_timeout, settings.verify_whole_bytes)
        self._verdicts: dict[tuple[int, ...], Verdict | None] = {}
        """By identity of the file; None for one that took too long, which is not tried again."""
        self._trouble: Note | None = None
        self._task: asyncio.Task[None] | None = None

    async def record(self, within_seconds: float) -> Record:
        """The backups on disk now; waits for a verification as long as there is time, and leaves it running then."""
        deadline = asyncio.get_running_loop().time() + within_seconds * 0.9
        listing = await self._errand.run()
        if self._settings.verify:
            await self._verify(listing, deadline)
        notes = [*_notes(listing, self._settings)]
        if self._trouble is not None:
            notes.append(self._trouble)
        return Record([self._backup(found) for found in listing.newest], listing.count, listing.oldest_at, notes)

    async def _verify(self, listing: Listing, deadline: float) -> None:
        """Look into the newest that nobody has looked into, until one is good."""
        identities = {found.identity for found in listing.newest}
        self._verdicts = {key: verdict for key, verdict in self._verdicts.items() if key in identities}
        for found in listing.newest:
            if found.size_bytes > 0 and found.identity not in self._verdicts:
                await self._wait_for(found, deadline)
                if found.identity not in self._verdicts:
                    return
            verdict = self._verdicts.get(found.identity)
            if verdict is not None and verdict.is_good:
                return

    async def _wait_for(self, found: Found, deadline: float) -> None:
        """Have it looked into, for as long as there is time; one that is being looked into comes first."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_into(found), name=f"verify {self._settings.name}")
        left = deadline - asyncio.get_running_loop().time()
        done, _ = await asyncio.wait([self._task], timeout=max(0.0, left))
        for task in done:
            task.result()

    async def _look_into(self, found: Found) -> None:
        try:
            self._verdicts[found.identity] = await self._verifier.verify(found)
            self._trouble = None
        except SourceError as error:
            self._trouble = Note("verify", f"{found.path.name} could not be verified: {error}", error.outcome)
            if isinstance(error, SourceTimeoutError):
                self._verdicts[found.identity] = None

    def _backup(self, found: Found) -> Backup:
        verdict = self._verdicts.get(found.identity)
        begun_at = verdict.begun_at if verdict and verdict.begun_at is not None else found.begun_at
        return Backup(found.path.name, found.ended_at, found.size_bytes, begun_at, verdict)


def _notes(listing: Listing, settings: BackupSettings) -> list[Note]:
    notes = []
    if listing.is_cut:
        message = f"more than {settings.max_files} files match {settings.pattern}; the rest is not looked at"
        notes.append(Note("max_files", message, Outcome.BAD_DATA))
    if listing.unreadable:
        notes.append(Note("unreadable", f"{listing.unreadable} files may not be read", Outcome.PERMISSION))
    return notes


class PgBackRest:
    """Backups that pgBackRest knows of."""

    def __init__(self, settings: BackupSettings) -> None:
        self._settings = settings.pgbackrest or PgBackRestSettings()
        self._child = Child()
        self._file = Errand(self._read_file, "reading pgBackRest's output")
        self._last: Record | None = None
        self._again_at = 0.0

    async def record(self, within_seconds: float) -> Record:
        """What it said last, asked again when that is old."""
        if self._settings.file is not None:
            return await read_pgbackrest(await self._file.run(), self._settings.stanza)
        if self._last is None or time.monotonic() >= self._again_at:
            ended = await self._child.run(self._settings.command, within_seconds * 0.9)
            if ended.status != 0:
                raise BadDataError(f"{self._settings.command[0]} failed ({ended.status}): {ended.complaint}")
            self._last = await read_pgbackrest(ended.output, self._settings.stanza)
            self._again_at = time.monotonic() + self._settings.refresh
        return self._last

    def _read_file(self) -> bytes:
        path = self._settings.file or Path()
        try:
            with path.open("rb") as file:
                return file.read(_FILE_MAX_BYTES)
        except FileNotFoundError:
            raise MissingError(f"there is no file {path}") from None
        except PermissionError:
            raise PermissionDeniedError(f"{path} may not be read by this user") from None
