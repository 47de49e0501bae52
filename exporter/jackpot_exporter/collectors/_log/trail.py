"""The files that carry one path's lines, in the order they were written: rotated ones first, then the one at the path.

A look finds out what happened since the last one. The newest file is still at the path; or it was renamed, and is
drained through the open descriptor; or it was emptied in place after a copy was made, and goes on in the copy; or
this process was away meanwhile, and it is looked for among the rotated files, by inode, then by content, also inside
compressed ones. Rotated files that are newer than it and were never read are read from their beginning.

What cannot be found is lost. How much is known only as far as it had been seen: the rest is counted as a loss of
unknown size, never guessed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

import msgspec

from ...errors import BadDataError
from .archives import find_archives
from .mark import Mark
from .tape import Identity, Tape, open_tape

_MOST_FINISHED = 32
_COMPARED_BYTES = 4096
_SECOND_NS = 10**9  # some programs that copy or compress keep the time of a file, but only to the second


class TrailState(msgspec.Struct):
    """What of a trail stands on disk."""

    marks: list[Mark] = []
    finished: list[Mark] = []


class TailCounts(msgspec.Struct):
    """What the reading of files adds up to."""

    lines: int = 0
    bytes: int = 0
    lost_bytes: int = 0
    losses: int = 0
    renamed: int = 0
    emptied: int = 0


class Reel:
    """One file of a trail: its mark, and the open file when it was found."""

    def __init__(self, mark: Mark, tape: Tape | None = None) -> None:
        self.mark = mark
        self.tape = tape
        self.is_at_end = False
        """What is behind the position is no complete line, when last read."""
        self.quiet_since = time.monotonic()

    def read(self, size: int) -> bytes | None:
        """What begins `mark.behind.length` before the position; None when the file is no longer the marked one."""
        if self.tape is None:
            return None
        before = self.mark.behind.length
        data = self.tape.read(self.mark.position - before, before + size)
        if len(data) < before or not self.mark.behind.fits(data[:before]):
            return None
        self.is_at_end = len(data) < before + size
        return data

    def move(self, taken: int, data: memoryview, *, is_skipping: bool) -> memoryview:
        """Move the mark; `data` is what was read, and comes back as from the new mark on."""
        end = self.mark.behind.length + taken
        self.mark = self.mark.moved(taken, data, is_skipping=is_skipping)
        self.quiet_since = time.monotonic()
        return data[end - self.mark.behind.length :]

    def is_over(self, linger_seconds: float) -> bool:
        """Read to its end, and nothing more can come: for a rotated file."""
        if self.tape is None or self.tape.damage:
            return False
        return self.is_at_end and (self.tape.is_complete or time.monotonic() - self.quiet_since >= linger_seconds)


class Trail:
    """The files of one path. All methods touch the file system."""

    def __init__(self, path: Path, archives: Collection[str], counts: TailCounts, state: TrailState) -> None:
        self.path = path
        self.reels = [Reel(mark) for mark in state.marks]
        self._archives = archives
        self._counts = counts
        self._finished = deque(state.finished, maxlen=_MOST_FINISHED)

    def state(self) -> TrailState:
        return TrailState([reel.mark for reel in self.reels], list(self._finished))

    @property
    def unread_bytes(self) -> int:
        """Of the plain files; what a compressed one holds only reading tells."""
        return sum(max(0, reel.mark.size - reel.mark.position) for reel in self.reels)

    def look(self) -> None:
        """Find out what happened to the files. The errors of opening the path, after all else was done."""
        arrived, failure = self._open_path()
        for reel in self.reels:
            if reel.tape is not None and not _is_as_marked(reel.mark, reel.tape):
                self._counts.emptied += 1
                reel.tape = None
            if reel.tape is None:
                reel.tape = self._find(reel.mark, arrived)
        newest = self.reels[-1] if self.reels else None
        seen_ns = newest.mark.modified_ns if newest else 0
        if newest and newest.tape and arrived and newest.mark.identity != arrived.identity:
            self._counts.renamed += 1
        self._see()
        # Its first bytes are learned before copies are looked for: were it emptied in between, that would show.
        fresh = Reel(Mark.start_of(arrived), arrived) if arrived is not None else None
        known = len(self.reels)
        if newest is not None:
            self._add_unread(newest, seen_ns, arrived)
        is_replaced = len(self.reels) > known
        if fresh and arrived and not (newest and newest.tape and newest.tape.identity == arrived.identity):
            self.reels.append(fresh)
        self._drop_lost(arrived, is_replaced=is_replaced)
        self._drop_twins()
        if failure is not None:
            raise failure

    def finish(self, reel: Reel) -> None:
        """Forget a file that was read to its end."""
        self._finished.append(reel.mark)
        self.reels.remove(reel)

    def lose(self, reel: Reel) -> None:
        """Forget a file whose rest cannot be read."""
        self._counts.losses += 1
        self._counts.lost_bytes += max(0, reel.mark.size - reel.mark.position)
        self.finish(reel)

    def _open_path(self) -> tuple[Tape | None, Exception | None]:
        try:
            return open_tape(self.path), None
        except (OSError, BadDataError) as error:
            return None, error

    def _add_unread(self, newest: Reel, seen_ns: int, arrived: Tape | None) -> None:
        """Add the files that came and went since the newest known one was last seen, at `seen_ns`."""
        if newest.mark.position == 0:
            # Nothing was read of it, so nothing would tell that it was emptied: its lines may be in a copy.
            self.reels[-1:-1] = self._unread(seen_ns + 1, arrived)
        elif newest.tape is None:
            self.reels += self._unread(seen_ns, arrived)
        elif arrived is not None and newest.tape.identity != arrived.identity:
            self.reels += self._unread(newest.tape.modified_ns(), arrived)

    def _unread(self, after_ns: int, arrived: Tape | None) -> list[Reel]:
        """The rotated files written at or after this time that are not known, the oldest first."""
        found: list[Reel] = []
        for archive in find_archives(self.path, self._archives):
            if archive.modified_ns < after_ns or (arrived and archive.identity == arrived.identity):
                continue
            with suppress(OSError, BadDataError):
                tape = open_tape(archive.path)
                if not self._knows(tape) and not (arrived and _is_copy(tape, arrived)):
                    found.append(Reel(Mark.start_of(tape), tape))
        return found

    def _knows(self, tape: Tape) -> bool:
        if any(reel.tape is not None and reel.tape.identity == tape.identity for reel in self.reels):
            return True
        marks = [reel.mark for reel in self.reels] + list(self._finished)
        return any(mark.head.length and mark.is_of(tape) for mark in marks)

    def _find(self, mark: Mark, arrived: Tape | None) -> Tape | None:
        """The file of a mark: at the path, renamed, copied, compressed; None when it is nowhere."""
        if arrived is not None and arrived.identity == mark.identity and mark.is_of(arrived):
            return arrived
        if not mark.head.length:  # nothing to know it by, as an inode is soon used again: it counts as unread
            return None
        archives = find_archives(self.path, self._archives)
        # The likeliest first: a look into a compressed file costs the most.
        archives.sort(
            key=lambda a: (a.identity != mark.identity, a.modified_ns < mark.modified_ns - _SECOND_NS, a.is_compressed)
        )
        for archive in archives:
            with suppress(OSError, BadDataError):
                tape = open_tape(archive.path)
                if mark.is_of(tape):
                    return tape
        return None

    def _drop_lost(self, arrived: Tape | None, *, is_replaced: bool) -> None:
        for reel in list(self.reels):
            # Without a successor it stays: what comes later is measured by it.
            if reel.tape is not None or (reel is self.reels[-1] and arrived is None):
                continue
            if reel.mark.size == 0 and is_replaced:
                # It was never seen with a line in it: it is among those found just now, read from the beginning.
                self.reels.remove(reel)
            else:
                self.lose(reel)

    def _drop_twins(self) -> None:
        """Of two that turned out to be the same file, keep the one that was read further."""
        furthest: dict[Identity, Reel] = {}
        for reel in self.reels:
            if reel.tape is not None:
                other = furthest.get(reel.tape.identity)
                if other is None or other.mark.position < reel.mark.position:
                    furthest[reel.tape.identity] = reel
        self.reels = [reel for reel in self.reels if reel.tape is None or furthest[reel.tape.identity] is reel]

    def _see(self) -> None:
        for reel in self.reels:
            if reel.tape is None:
                continue
            before = reel.mark
            reel.mark = before.seen(reel.tape)
            if reel.mark.size != before.size:
                reel.quiet_since = time.monotonic()


def _is_as_marked(mark: Mark, tape: Tape) -> bool:
    """Whether an open file still is what was read; a compressed one never changes."""
    return tape.is_complete or mark.is_of(tape)


def _is_copy(tape: Tape, source: Tape) -> bool:
    """Whether a plain file is so far a copy of `source`, which will be emptied next: its lines are still there."""
    size = tape.size()
    if size is None:
        return False
    ends = ((0, min(size, _COMPARED_BYTES)), (max(0, size - _COMPARED_BYTES), min(size, _COMPARED_BYTES)))
    return all(tape.read(offset, length) == source.read(offset, length) for offset, length in ends)
