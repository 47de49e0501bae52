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

    @property
    def is_idle(self) -> bool:
        """Every call has come back."""
        return self._last is None or self._last.has_ended

    async def run(self, call: Callable[[], T]) -> T:
        """What the call returns or raises. SourceTimeoutError while an earlier one, given up by then, still hangs."""
        if not self.is_idle:
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
    """A call that knows whether it has come back. It is let go of then: it may hold what holds the thread."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call: Callable[[], Any] | None = call

    @property
    def has_ended(self) -> bool:
        return self._call is None

    def __call__(self) -> Any:
        try:
            return self._call() if self._call is not None else None
        finally:
            self._call = None


def _work(tasks: SimpleQueue[_Task | None]) -> None:
    while (task := tasks.get()) is not None:
        _do(*task)
        del task


def _do(call: Callable[[], Any], loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]) -> None:
    result, failure = None, None
    try:
        result = call()
    except BaseException as error:  # noqa: BLE001 - handed over to whoever waits
        failure = error
    with suppress(RuntimeError):  # the loop has closed meanwhile
        loop.call_soon_threadsafe(_deliver, future, result, failure)


def _deliver(future: asyncio.Future[Any], result: Any, failure: BaseException | None) -> None:
    if future.done():  # nobody waits any more
        return
    if failure is not None:
        future.set_exception(failure)
    else:
        future.set_result(result)
