"""One configured log: its trails, counts and checkpoint, a round at a time.

What touches the file system runs in a thread; counting runs on the event loop, a few hundred lines at a time, so
that a backlog never holds up a scrape (a counting thread would keep the interpreter's lock for 5 ms at a stretch).
Position and counts move together, with no await in between: whenever a round is cancelled, they agree. Nothing is
shown that has not been saved, so that a restart never goes back behind what was scraped.
"""

from __future__ import annotations

import asyncio
import glob
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec

from ...errors import BadDataError, SourceError
from ...model import Note, Outcome
from .archives import without_archives
from .checkpoint import Checkpoint, LogState
from .counts import Counts
from .mark import Mark
from .settings import LogSettings
from .tape import Identity, Tape, open_tape
from .thread import FileThread
from .totals import Totals
from .trail import Reel, TailCounts, Trail, TrailState

_BATCH_LINES = 300


@dataclass(frozen=True, slots=True)
class Shown:
    """What of a log may be shown: it is saved."""

    totals: Totals
    tail: TailCounts


class Follower:
    """Reads one log and holds what it adds up to."""

    def __init__(self, settings: LogSettings, label: str, folder: Path | None, namespace: str) -> None:
        self.settings = settings
        self.label = label
        self.caught_up_at: float | None = None
        self.shown: Shown | None = None
        self.notes: dict[str, Note] = {}
        self._checkpoint = Checkpoint(folder, namespace, settings.path, label) if folder else None
        self._thread = FileThread(f"log {label}")
        self._is_loaded = False
        self._is_new = True
        self._adopt(LogState())

    def _adopt(self, state: LogState) -> None:
        self.tail = state.tail
        self.counts = Counts(self.settings, state.totals)
        self.trails = {Path(path): self._trail(Path(path), trail) for path, trail in state.trails.items()}

    @property
    def files(self) -> int:
        """Files that are open."""
        return sum(reel.tape is not None for trail in self.trails.values() for reel in trail.reels)

    @property
    def unread_bytes(self) -> int:
        return sum(trail.unread_bytes for trail in self.trails.values())

    async def round(self, seconds: float) -> None:
        """Read what is new, for about so many seconds, and save; `notes` then tells what could not be had."""
        self.notes = {}
        if not self._is_loaded:
            await self._thread.run(self._load)
        self.shown = self.shown or self._now()
        await self._thread.run(self._look)
        await self._read_all(seconds)
        await self._save()
        self.shown = self._now()

    def _now(self) -> Shown:
        return Shown(self.counts.totals.copy(), msgspec.structs.replace(self.tail))

    def _look(self) -> None:
        """In the thread: which files there are, and what happened to them."""
        is_first, self._is_new = self._is_new, False
        for path in self._paths():
            if path not in self.trails and (trail := self._arrival(path, is_first=is_first)):
                self.trails[path] = trail
        for path, trail in list(self.trails.items()):
            try:
                trail.look()
            except FileNotFoundError as error:
                if self._is_pattern:
                    self._forget_gone(trail)
                else:
                    self._note(str(path), error)
            except (OSError, BadDataError) as error:
                self._note(str(path), error)

    def _load(self) -> None:
        """In the thread: go on from what was saved, or from what is in memory until that can be read."""
        self._is_loaded = True
        try:
            state = self._checkpoint.load() if self._checkpoint else None
        except BadDataError as error:
            self.tail.losses += 1
            self._note("checkpoint", error)
        except OSError as error:
            self._is_loaded = False
            self._note("checkpoint", error, "nothing is kept over a restart")
        else:
            if state is not None:
                self._adopt(state)
                self._is_new = False

    @property
    def _is_pattern(self) -> bool:
        return glob.has_magic(self.settings.path)

    def _paths(self) -> list[Path]:
        if not self._is_pattern:
            return [Path(self.settings.path)]
        found: dict[Identity, tuple[int, Path]] = {}
        for path in without_archives(tuple(map(Path, sorted(glob.iglob(self.settings.path))))):  # noqa: PTH207
            try:
                status = path.stat()
            except OSError as error:
                self._note(str(path), error)
                continue
            # Of several names for one file, the one that is not a link.
            identity = Identity(status.st_dev, status.st_ino)
            if identity not in found or not path.is_symlink():
                found[identity] = (status.st_mtime_ns, path)
        newest = sorted(found.values(), reverse=True)
        if not newest:
            self._say("files", f"no file matches {self.settings.path}", Outcome.MISSING)
        if len(newest) > self.settings.max_files:
            left = len(newest) - self.settings.max_files
            self.notes["files"] = Note(
                f"{self.label}: files", f"{left} files over max_files are not followed", dropped=left
            )
        return [path for _, path in newest[: self.settings.max_files]]

    def _trail(self, path: Path, state: TrailState) -> Trail:
        return Trail(path, self.settings.archives, self.tail, state)

    def _arrival(self, path: Path, *, is_first: bool) -> Trail | None:
        """The trail of a path that was not known: it may be a known file with a new name."""
        trail = self._trail(path, TrailState())
        try:
            tape = open_tape(path)
        except FileNotFoundError:
            return trail
        except (OSError, BadDataError) as error:
            # It is there and was not read: once it can be, it is as new as it is now.
            self._is_new |= is_first
            self._note(str(path), error)
            return None
        if is_first:
            trail.reels = [Reel(self._first_mark(tape), tape)]
        for other in self.trails.values():
            for reel in list(other.reels):
                if reel.mark.identity == tape.identity and reel.mark.is_of(tape):
                    other.reels.remove(reel)
                    reel.tape = tape
                    trail.reels = [reel]
        return trail

    def _first_mark(self, tape: Tape) -> Mark:
        return Mark.end_of(tape) if self.settings.start == "end" else Mark.start_of(tape)

    def _forget_gone(self, trail: Trail) -> None:
        """A file of a pattern that was removed or renamed for good: forget its path when it was read to its end."""
        if all(reel.tape is None or reel.is_over(self.settings.linger) for reel in trail.reels):
            for reel in list(trail.reels):
                if reel.tape is None:
                    trail.lose(reel)
            del self.trails[trail.path]

    async def _read_all(self, seconds: float) -> None:
        """A slice of each file in turn, until all are at their end or the time is up."""
        until = time.monotonic() + seconds
        pending = [(trail, reel) for trail in self.trails.values() for reel in trail.reels if reel.tape is not None]
        while pending and time.monotonic() < until:
            pending = [(trail, reel) for trail, reel in pending if await self._read_slice(trail, reel)]
        if not pending:
            self.caught_up_at = time.time()

    async def _read_slice(self, trail: Trail, reel: Reel) -> bool:
        """Whether there is more to read."""
        is_newest = reel is trail.reels[-1]
        try:
            data = await self._thread.run(partial(reel.read, self.settings.max_line_bytes))
        except OSError as error:
            self._note(str(trail.path), error)
            return False
        if data is None:
            # The next look finds out what became of the newest.
            if not is_newest:
                trail.lose(reel)
            return False
        rest = await self._take(reel, memoryview(data))
        if reel.tape is not None and reel.tape.damage:
            self._leave_damaged(trail, reel, reel.tape)
        elif not is_newest and reel.is_over(self.settings.linger):
            self._end(trail, reel, bytes(rest))
        return not reel.is_at_end

    def _leave_damaged(self, trail: Trail, reel: Reel, tape: Tape) -> None:
        """A compressed file may still be in the making: it is opened again next time, until it stays as it is."""
        self._say(str(tape.path), f"{tape.path} is cut or damaged: {tape.damage}", Outcome.BAD_DATA)
        reel.tape = None
        if time.monotonic() - reel.quiet_since >= self.settings.linger:
            trail.lose(reel)

    async def _take(self, reel: Reel, data: memoryview) -> memoryview:
        """Count the complete lines of a slice, and move the mark behind them; returns what is left."""
        data = self._skip(reel, data)
        fresh = bytes(data[reel.mark.behind.length :])
        end = fresh.rfind(b"\n")
        lines = fresh[:end].split(b"\n") if end >= 0 else []
        for first in range(0, len(lines), _BATCH_LINES):
            batch = lines[first : first + _BATCH_LINES]
            self.counts.count(batch)
            self.tail.lines += len(batch)
            data = self._move(reel, data, sum(map(len, batch)) + len(batch))
            await asyncio.sleep(0)
        return data[reel.mark.behind.length :]

    def _skip(self, reel: Reel, data: memoryview) -> memoryview:
        """Pass over what is left of a line that is too long, and over the hole that `copytruncate` may leave."""
        fresh = bytes(data[reel.mark.behind.length :])
        if reel.mark.is_skipping:
            end = fresh.find(b"\n") + 1
            self.tail.lines += end > 0
            return self._move(reel, data, end or len(fresh), is_skipping=not end)
        hole = len(fresh) - len(fresh.lstrip(b"\0"))
        if hole:
            return self._move(reel, data, hole)
        if len(fresh) >= self.settings.max_line_bytes and b"\n" not in fresh:
            self.counts.totals.bad_lines["too_long"] += 1
            return self._move(reel, data, len(fresh), is_skipping=True)
        return data

    def _move(self, reel: Reel, data: memoryview, taken: int, *, is_skipping: bool = False) -> memoryview:
        self.tail.bytes += taken
        return reel.move(taken, data, is_skipping=is_skipping)

    def _end(self, trail: Trail, reel: Reel, rest: bytes) -> None:
        """A rotated file is finished: what stands behind its last line break is a line too, perhaps a cut one."""
        if rest and not reel.mark.is_skipping:
            self.counts.count_last(rest)
        self.tail.lines += bool(rest)
        self.tail.bytes += len(rest)
        trail.finish(reel)

    async def _save(self) -> None:
        # What could not be read must not be replaced: it may say where to go on.
        if self._checkpoint is None or not self._is_loaded:
            return
        content = msgspec.json.encode(self._state())
        try:
            await self._thread.run(partial(self._checkpoint.save, content))
        except OSError as error:
            self._note("checkpoint", error, "nothing is kept over a restart")

    def _state(self) -> LogState:
        trails = {str(path): trail.state() for path, trail in self.trails.items()}
        return LogState(trails=trails, totals=self.counts.totals.state(), tail=self.tail)

    def _note(self, key: str, error: Exception, consequence: str = "") -> None:
        outcome = Outcome.REFUSED
        if isinstance(error, SourceError):
            outcome = error.outcome
        elif isinstance(error, FileNotFoundError):
            outcome = Outcome.MISSING
        elif isinstance(error, PermissionError):
            outcome = Outcome.PERMISSION
        self._say(key, f"{error}; {consequence}" if consequence else str(error), outcome)

    def _say(self, key: str, message: str, outcome: Outcome) -> None:
        self.notes[key] = Note(f"{self.label}: {key}", message, outcome)
