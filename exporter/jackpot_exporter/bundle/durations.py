"""Durations as Prometheus writes them (`1h30m`), read and written; whole milliseconds, nothing smaller."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNITS = {"y": 31_536_000_000, "w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000, "ms": 1}
_PATTERN = re.compile(
    r"(?:([0-9]+)y)?(?:([0-9]+)w)?(?:([0-9]+)d)?(?:([0-9]+)h)?(?:([0-9]+)m)?(?:([0-9]+)s)?(?:([0-9]+)ms)?\Z"
)
_WRITTEN = ("d", "h", "m", "s", "ms")
"""Weeks and years are written as days: `7d` reads better beside `14d` than `1w` does."""


@dataclass(frozen=True, slots=True, order=True)
class Duration:
    """A span of time that prints as Prometheus reads it."""

    milliseconds: int = 0

    @classmethod
    def parse(cls, text: str) -> Duration:
        """ValueError, with an example of what would be right, when `text` is not a duration."""
        match = _PATTERN.match(text)
        if not text or match is None:
            raise ValueError(f'"{text}" is not a duration; write it like 30s, 5m, 1h30m or 7d')
        amounts = zip(match.groups(), _UNITS.values(), strict=True)
        return cls(sum(int(amount) * unit for amount, unit in amounts if amount))

    @property
    def seconds(self) -> float:
        return self.milliseconds / 1000

    def __bool__(self) -> bool:
        return self.milliseconds > 0

    def __str__(self) -> str:
        rest, parts = self.milliseconds, []
        for unit in _WRITTEN:
            amount, rest = divmod(rest, _UNITS[unit])
            if amount:
                parts.append(f"{amount}{unit}")
        return "".join(parts) or "0s"

    def __add__(self, other: Duration) -> Duration:
        return Duration(self.milliseconds + other.milliseconds)


ZERO = Duration()
