"""How often things happen: so many a second, whatever the length of a tick."""

from __future__ import annotations


class Pace:
    """Remembers what is left over of each rate."""

    def __init__(self) -> None:
        self._owed: dict[str, float] = {}

    def due(self, what: str, a_second: float, seconds: float) -> int:
        """How many times it happens now."""
        owed = self._owed.get(what, 0.0) + a_second * seconds
        self._owed[what] = owed - int(owed)
        return int(owed)
