"""A deadline that does not wait for what it gives up.

asyncio.timeout waits until the cancelled work has ended, and psycopg's cancelling asks the server, which takes
seconds when the server is frozen. Here the work is cancelled and left to end by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_given_up: set[asyncio.Task[Any]] = set()  # the event loop alone holds tasks weakly


async def within(seconds: float, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` returns or raises; TimeoutError after `seconds`."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.done():
            return task.result()
        raise TimeoutError(f"no answer in {seconds:g} s")
    finally:
        if not task.done():
            task.cancel()
            _given_up.add(task)
            task.add_done_callback(_forget)


def _forget(task: asyncio.Task[Any]) -> None:
    _given_up.discard(task)
    if not task.cancelled():
        task.exception()  # marks it as seen: nobody waits for it any more
