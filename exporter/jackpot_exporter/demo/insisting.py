"""Asking more than once: a service in trouble may not hear the first time."""

from __future__ import annotations

import time
from collections.abc import Callable

_SECONDS, _AGAIN_SECONDS = 15.0, 0.2


def insist(act: Callable[[], None]) -> None:
    """OSError when it still refuses after seconds."""
    end = time.monotonic() + _SECONDS
    while True:
        try:
            return act()
        except OSError:
            if time.monotonic() > end:
                raise
        time.sleep(_AGAIN_SECONDS)
