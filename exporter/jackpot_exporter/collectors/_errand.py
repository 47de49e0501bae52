"""Calls that may never come back, made in a thread that can be left behind.

A thread of asyncio's own pool would be waited for at the end of the process. Reading the command line of a process
that hangs in the kernel is such a call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

from ..errors import SourceTimeoutError

T = TypeVar("T")


class Errand(Generic[T]):
    """One call at a time; while the last one has not come back, there is no next."""

    def __init__(self, call: Callable[[], T], name: str) -> None:
        self._call = call
        self._name = name
        self._is_out = False

    async def run(self) -> T:
        """What the call returns or raises. SourceTimeoutError while an earlier one hangs."""
        if self._is_out:
            raise SourceTimeoutError(f"{self._name} has been hanging since an earlier collection")
        self._is_out = True
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        threading.Thread(target=self._work, args=(loop, future), name=self._name, daemon=True).start()
        return await future

    def _work(self, loop: asyncio.AbstractEventLoop, future: asyncio.Future[T]) -> None:
        result: T | None = None
        failure: BaseException | None = None
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            failure = error
        self._is_out = False

        def deliver() -> None:
            if future.done():  # nobody waits any more
                return
            if failure is not None:
                future.set_exception(failure)
            else:
                future.set_result(result)  # type: ignore[arg-type] - the call returned it

        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(deliver)
