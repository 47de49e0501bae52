"""Being asked to end, by Ctrl-C or SIGTERM, in a way that cannot get lost.

The handler raises KeyboardInterrupt, so that whatever takes its time ends at once. Python drops an exception that is
raised while it clears something away (`__del__`, callbacks of weak references): hence it is also written down.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ending:
    """Whether it was asked for."""

    def __init__(self) -> None:
        self.is_asked = False

    def ask(self, _number: int, _frame: FrameType | None) -> None:
        """The signal handler."""
        self.is_asked = True
        raise KeyboardInterrupt


@contextmanager
def heeding_signals() -> Iterator[Ending]:
    """Inside the block both signals raise KeyboardInterrupt and are remembered."""
    ending = Ending()
    before = {number: signal.signal(number, ending.ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
