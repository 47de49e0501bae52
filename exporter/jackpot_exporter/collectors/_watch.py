"""Finds the processes that are watched, by a file that holds a number or by the command line.

It only finds; whether a number belongs to the same process as before is for the reader of the process to tell.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ..config import Schedule
from ..errors import BadDataError, PermissionDeniedError
from ._host import read_text
from ._host.part import require_proc


class ProcessSettings(Schedule):
    """A service whose processes are watched."""

    name: str = Field(min_length=1, description="what the label `process` calls it")
    pid_file: Path | None = Field(None, description="file with the number of its main process")
    command: str | None = Field(
        None, description="regular expression found in its command line; beside pid_file, a guard against a stale file"
    )

    @model_validator(mode="after")
    def _can_be_found(self) -> Self:
        if self.pid_file is None and self.command is None:
            raise ValueError("pid_file or command is missing")
        try:
            re.compile(self.command or "")
        except re.error as error:
            raise ValueError(f"command is not a regular expression: {error}") from None
        return self


class Watch:
    """Looks for the processes of one service."""

    def __init__(self, settings: ProcessSettings, proc: str) -> None:
        self.name = settings.name
        self._pid_file = settings.pid_file
        self._command = re.compile(settings.command) if settings.command is not None else None
        self._proc = proc

    def find(self) -> list[int]:
        """The processes that run now; none is an answer too. Reading a command line may hang: use a thread.

        SourceError when the file with the number cannot be read or holds something else.
        """
        require_proc(self._proc)
        if self._pid_file is None:
            return self._search()
        number = self._number(self._pid_file)
        if number is None or not Path(self._proc, str(number)).exists():
            return []
        return [number] if self._command is None or self._matches(number) else []

    def _number(self, path: Path) -> int | None:
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PermissionDeniedError(f"{path}: {error.strerror}") from None
        first = text.split(maxsplit=1)[:1]
        if not first or not re.fullmatch(r"[1-9][0-9]{0,9}", first[0]):
            raise BadDataError(f"{path} holds {text[:20]!r}, which is not the number of a process")
        return int(first[0])

    def _search(self) -> list[int]:
        """All that match, but for this exporter and its children: its command line may well name the service."""
        self_link = Path(self._proc, "self")
        own = self_link.readlink().name if self_link.is_symlink() else ""
        names = [entry.name for entry in Path(self._proc).iterdir()]
        numbers = [int(name) for name in names if name.isdecimal() and name != own]
        return sorted(number for number in numbers if self._matches(number) and self._parent(number) != own)

    def _matches(self, number: int) -> bool:
        with suppress(OSError):  # it may end while we look
            words = read_text(f"{self._proc}/{number}/cmdline").rstrip("\0").replace("\0", " ")
            return bool(words and self._command and self._command.search(words))
        return False

    def _parent(self, number: int) -> str:
        with suppress(OSError, IndexError):
            # The name before it may hold blanks and brackets.
            return read_text(f"{self._proc}/{number}/stat").rpartition(")")[2].split()[1]
        return ""
