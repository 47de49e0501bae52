"""Waiting for an event with a deadline, instead of sleeping and hoping."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_INTERVAL_SECONDS = 0.01
_PATIENCE_SECONDS = 30.0
"""For an event that takes no time where nothing else runs: only a failing test is as slow as this."""


def eventually(probe: Callable[[], T], *, within: float = _PATIENCE_SECONDS) -> T:
    """Call `probe` until its value is true and return it; fail with its last exception or value."""
    deadline = time.monotonic() + within
    while True:
        value, error = _attempt(probe)
        if error is None and value:
            return value
        if time.monotonic() > deadline:
            raise _too_late(within, value, error)
        time.sleep(_INTERVAL_SECONDS)


async def eventually_async(probe: Callable[[], Awaitable[T]], *, within: float = _PATIENCE_SECONDS) -> T:
    """The same for a coroutine function; one call may take no longer than the deadline either."""
    deadline = time.monotonic() + within
    value, error = None, None
    while time.monotonic() < deadline:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                value, error = await probe(), None
        except Exception as failed:
            value, error = None, failed
        if error is None and value:
            return value
        await asyncio.sleep(_INTERVAL_SECONDS)
    raise _too_late(within, value, error)


def _attempt(probe: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return probe(), None
    except Exception as failed:
        return None, failed


def _too_late(within: float, value: object, error: Exception | None) -> AssertionError:
    last = f"last exception {error!r}" if error else f"last value {value!r}"
    failure = AssertionError(f"not within {within} s; {last}")
    failure.__cause__ = error
    return failure
