"""Calls that may never come back, made in a thread that can be left behind.

A thread of asyncio's own pool would be waited for at the end of the process. Reading the command line of a process
that hangs in the kernel is such a call.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
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
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()  # from here on nobody can cancel it, only stop waiting
        threading.Thread(target=self._work, args=(future,), name=self._name, daemon=True).start()
        return await asyncio.wrap_future(future)

    def _work(self, future: Future[T]) -> None:
        try:
            result = self._call()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            self._is_out = False
            future.set_exception(error)
        else:
            self._is_out = False
            future.set_result(result)
