"""What is known of the backups of one kind, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from ..model import Note


class State(StrEnum):
    """How the newest backup is."""

    GOOD = "good"
    OLD = "old"
    EMPTY = "empty"
    DAMAGED = "damaged"
    MISSING = "missing"


class Verdict(NamedTuple):
    """The end of a verification; `begun_at` is what the backup itself says, in Unix seconds."""

    is_good: bool
    message: str = ""
    begun_at: float | None = None


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup: a file, a folder, or an entry of pgBackRest's list. Times are Unix seconds."""

    name: str
    ended_at: float
    size_bytes: int
    begun_at: float | None = None
    verdict: Verdict | None = None
    """None when nobody has looked into it."""

    @property
    def is_usable(self) -> bool:
        """Not known to be of no use."""
        return self.size_bytes > 0 and (self.verdict is None or self.verdict.is_good)


@dataclass(frozen=True, slots=True)
class Record:
    """The newest backups, the newest first, what is known of all, and what is to be said about them."""

    backups: Sequence[Backup]
    count: int
    oldest_at: float | None
    notes: Sequence[Note] = field(default=())
    repository_bytes: int | None = None

    @property
    def newest(self) -> Backup | None:
        return self.backups[0] if self.backups else None

    @property
    def last_success(self) -> Backup | None:
        """The newest that is not known to be of no use."""
        return next((backup for backup in self.backups if backup.is_usable), None)

    def state(self, now: float, max_age_seconds: float) -> State:
        newest = self.newest
        if newest is None:
            return State.MISSING
        if newest.size_bytes == 0:
            return State.EMPTY
        if not newest.is_usable:
            return State.DAMAGED
        return State.OLD if now - newest.ended_at > max_age_seconds else State.GOOD
