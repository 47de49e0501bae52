"""How far a file has been read, and how to know that file again after it was renamed, copied or compressed.

The inode is not enough: it is reused, it stays the same when a file is emptied in place, and a copy or an archive has
another. So a mark also holds digests of the file's first bytes and of those just before the position. Digests only:
a log has personal data, and a mark is kept on disk.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

from .tape import Identity, Tape

_LENGTH = 512


class Print(msgspec.Struct, frozen=True):
    """The digest of some bytes."""

    length: int = 0
    digest: str = ""

    @classmethod
    def of(cls, data: bytes | memoryview) -> Print:
        return cls(len(data), blake2b(data, digest_size=16).hexdigest())

    def fits(self, data: bytes) -> bool:
        """Whether `data` begins with those bytes; what has no length fits everything."""
        return not self.length or Print.of(data[: self.length]) == self


class Mark(msgspec.Struct, frozen=True):
    """A position in a file. `size` and `modified_ns` are those of the last look."""

    device: int
    inode: int
    position: int = 0
    head: Print = Print()
    behind: Print = Print()
    is_skipping: bool = False
    """The position is inside a line that is too long."""

    size: int = 0
    modified_ns: int = 0

    @property
    def identity(self) -> Identity:
        return Identity(self.device, self.inode)

    def is_of(self, tape: Tape) -> bool:
        """Whether the content of `tape` is what this mark was made in, as far as it was read."""
        size = tape.size()
        if size is not None and size < self.position:
            return False
        if not self.head.fits(tape.read(0, self.head.length)):
            return False
        return self.behind.fits(tape.read(self.position - self.behind.length, self.behind.length))

    def seen(self, tape: Tape) -> Mark:
        """With what the file is known by, as it is now; its content must fit."""
        head = self.head
        if head.length < _LENGTH:
            head = Print.of(tape.read(0, _LENGTH))
        device, inode = tape.identity
        return msgspec.structs.replace(
            self, device=device, inode=inode, head=head, size=tape.size() or 0, modified_ns=tape.modified_ns()
        )

    def moved(self, taken: int, data: bytes | memoryview, *, is_skipping: bool = False) -> Mark:
        """`taken` bytes further; `data` is what was read, beginning `behind.length` bytes before this position."""
        end = self.behind.length + taken
        is_from_start = self.behind.length == self.position
        position = self.position + taken
        return msgspec.structs.replace(
            self,
            position=position,
            head=Print.of(data[:_LENGTH]) if is_from_start else self.head,
            behind=Print.of(data[max(0, end - _LENGTH) : end]),
            is_skipping=is_skipping,
            size=max(self.size, position),
        )

    @classmethod
    def start_of(cls, tape: Tape) -> Mark:
        return cls(*tape.identity).seen(tape)

    @classmethod
    def end_of(cls, tape: Tape) -> Mark:
        """At the end of what is complete: the last line, when it is still being written, is read later."""
        mark = cls.start_of(tape)
        position = _end_of_lines(tape, mark.size)
        behind = Print.of(tape.read(max(0, position - _LENGTH), min(position, _LENGTH)))
        return msgspec.structs.replace(mark, position=position, behind=behind)


def _end_of_lines(tape: Tape, size: int) -> int:
    step = 2**16
    while size:
        start = max(0, size - step)
        found = tape.read(start, size - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        size = start
    return 0
