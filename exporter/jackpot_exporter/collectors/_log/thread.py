"""Calls to the file system in a thread of their own: a dead mount may keep one for ever.

Threads of asyncio's pool would be waited for when the process ends; this one is left behind.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from ...errors import SourceTimeoutError

T = TypeVar("T")
_Task = tuple[Callable[[], Any], asyncio.AbstractEventLoop, "asyncio.Future[Any]"]


class FileThread:
    """Makes one call after another. The thread begins with the first call and ends with this object."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: SimpleQueue[_Task | None] | None = None
        self._last: _Call | None = None

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. SourceTimeoutError while an earlier one, given up by then, still hangs."""
        if self._last is not None and not self._last.has_ended:
            raise SourceTimeoutError("the file system has not answered since an earlier collection")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._last = _Call(call)
        self._queue().put((self._last, loop, future))
        return await future

    def _queue(self) -> SimpleQueue[_Task | None]:
        if self._tasks is None:
            self._tasks = SimpleQueue()
            threading.Thread(target=_work, args=(self._tasks,), name=self._name, daemon=True).start()
            weakref.finalize(self, self._tasks.put, None)
        return self._tasks


class _Call:
    """A call that knows whether it has come back."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.has_ended = False

    def __call__(self) -> Any:
        try:
            return self._call()
        finally:
            self.has_ended = True


def _work(tasks: SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        call, loop, future = task
        result, failure = None, None
        try:
            result = call()
        except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
            failure = error
        with suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(_deliver, future, result, failure)
        del task, call, future, result, failure  # or the object that ends this thread would be kept by it


def _deliver(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
