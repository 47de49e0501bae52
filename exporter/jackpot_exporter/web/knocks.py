"""Tells the log who was refused for an address or a password: the counter says how often, not who.

Each address once a minute and few a minute: whoever knocks must not be able to fill the disk.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from ..logs import fields
from ..telemetry import Refusal

log = logging.getLogger(__name__)

_WINDOW_SECONDS = 60.0
_ADDRESSES = 20


class Knocks:
    """What was told within this minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._since = clock()
        self._told: set[str] = set()

    def tell(self, address: str, reason: Refusal) -> None:
        now = self._clock()
        if now - self._since >= _WINDOW_SECONDS:
            self._since, self._told = now, set()
        if address not in self._told and len(self._told) < _ADDRESSES:
            self._told.add(address)
            log.warning("request refused", extra=fields(address=address, reason=reason.value))
