"""The share of the targets that one of several exporters watches, so that together they watch each target once.

Every exporter gets the same settings and a number of its own. A target goes to the shard whose number, hashed with the
target's name, comes out highest. With one shard more, only those targets move that go to the new one, about one in that
many; with one fewer, only its own. The remainder of a hash would be shorter and would move nearly all of them, and each
that moves changes its `instance`, and with it every one of its series. The order in the file plays no part.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Self

from .config import Settings, TargetBase

_NOTATION = re.compile(r"(\d{1,4})/(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Shard:
    """Number `number` of `of`, counted from 1."""

    number: int = 1
    of: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `2/3`. ValueError otherwise."""
        found = _NOTATION.fullmatch(text)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise ValueError("a shard is i/n, the i-th of n exporters: 1/3, 2/3 or 3/3")
        return cls(int(found[1]), int(found[2]))

    def watches(self, target: str) -> bool:
        """Whether the target of this name is one of ours."""
        return self.number == max(range(1, self.of + 1), key=lambda number: _weight(number, target))

    def share(self, settings: Settings) -> Settings:
        """The settings with our targets alone; what stands at the top of the file is the first shard's."""
        targets = {name: target for name, target in settings.targets.items() if self.watches(name)}
        main = settings.main if self.number == 1 else TargetBase()
        return settings._replace(main=main, targets=targets)


def _weight(number: int, target: str) -> bytes:
    """The same in every process, whatever its Python: the built-in hash is not."""
    return blake2b(f"{number}/{target}".encode(), digest_size=8).digest()
