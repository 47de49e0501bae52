"""How many of a thing happen in a span of time, at so many a second; what is left over happens later."""

from __future__ import annotations


class Pace:
    """Keeps the remainder of each thing."""

    def __init__(self) -> None:
        self._left: dict[str, float] = {}

    def due(self, thing: str, per_second: float, seconds: float) -> int:
        """How many times it happens now."""
        amount = self._left.get(thing, 0.0) + per_second * seconds
        self._left[thing] = amount - int(amount)
        return int(amount)
