"""Looks into a dump as a restore would: its table of contents, and its data as far as that is worth its time.

`pg_restore --list` alone takes a dump for good whose data is cut off, because the table of contents stands at the
beginning. Dumps up to a size are therefore read to their end, into nothing.
"""

from __future__ import annotations

import re
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from ..errors import MissingError
from ._backup_child import Child
from ._backup_files import Found
from ._backup_record import Verdict

_CREATED = re.compile(rb"^;\s*Archive created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
_TAR = b"Format: TAR"
_TAIL_BYTES = 4096
_COMPLETE = re.compile(rb"^-- PostgreSQL database (?:cluster )?dump complete", re.MULTILINE)


@cache
def find_pg_restore() -> str:
    """The newest pg_restore: it reads the dumps of all older ones. MissingError when there is none."""
    places = Path("/usr/lib/postgresql").glob("*/bin/pg_restore")
    newest = max(places, key=lambda path: float(path.parts[4]) if path.parts[4].isdecimal() else 0, default=None)
    found = str(newest) if newest else shutil.which("pg_restore")
    if found is None:
        raise MissingError("there is no pg_restore; install PostgreSQL's client programs or set `pg_restore`")
    return found


class Verifier:
    """Verifies one dump at a time."""

    def __init__(self, pg_restore: str | None, within_seconds: float, whole_up_to_bytes: int) -> None:
        self._pg_restore = pg_restore
        self._within = within_seconds
        self._whole_up_to = whole_up_to_bytes
        self._child = Child()

    async def verify(self, found: Found) -> Verdict:
        """Whether a restore could read it. SourceError when that could not be found out."""
        if found.path.suffix == ".sql":
            return await self._script(found)
        if found.path.suffix == ".gz":
            ended = await self._child.run(["gzip", "--test", str(found.path)], self._within, keep_output=False)
            return Verdict(ended.status == 0, ended.complaint)
        return await self._dump(found)

    async def _dump(self, found: Found) -> Verdict:
        program = self._pg_restore or find_pg_restore()
        ended = await self._child.run([program, "--list", str(found.path)], self._within)
        if ended.status != 0:
            return Verdict(is_good=False, message=ended.complaint)
        begun_at = _created(ended.output)
        if _TAR in ended.output:
            # pg_restore takes a tar archive that breaks off for one that is complete.
            ended = await self._child.run(["tar", "--list", f"--file={found.path}"], self._within, keep_output=False)
        elif found.size_bytes <= self._whole_up_to:
            command = [program, "--file=/dev/null", str(found.path)]
            ended = await self._child.run(command, self._within, keep_output=False)
        return Verdict(ended.status == 0, ended.complaint, begun_at)

    async def _script(self, found: Found) -> Verdict:
        """pg_dump's last line says that it came to its end."""
        ended = await self._child.run(["tail", f"--bytes={_TAIL_BYTES}", str(found.path)], self._within)
        is_complete = ended.status == 0 and _COMPLETE.search(ended.output) is not None
        return Verdict(is_complete, "" if is_complete else ended.complaint or "the script lacks pg_dump's last line")


def _created(listing: bytes) -> float | None:
    stamp = _CREATED.search(listing)
    if stamp is None:
        return None
    try:
        return datetime.strptime(stamp[1].decode(), "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None
