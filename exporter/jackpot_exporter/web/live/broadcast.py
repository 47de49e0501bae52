"""One maker of messages for all who watch the same: it runs only while somebody does, and its bytes are shared.

Nothing is queued. A viewer that is slow gets, when it is ready again, the newest of each topic and not what it missed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from ...logs import fields

log = logging.getLogger(__name__)


class _News(NamedTuple):
    number: int
    message: bytes
    is_beginning: bool


class Viewer:
    """One who watches."""

    def __init__(self, broadcast: Broadcast) -> None:
        self._broadcast = broadcast
        self._stirred = asyncio.Event()
        self._seen: dict[str, int] = {}
        self._has_ended = False

    async def next(self) -> bytes | None:
        """Everything that is new, waited for; None when it is over."""
        while not self._has_ended:
            await self._stirred.wait()
            self._stirred.clear()
            if found := self._take():
                return found
        return None

    def stir(self) -> None:
        self._stirred.set()

    def end(self) -> None:
        """Let `next` return None."""
        self._has_ended = True
        self._stirred.set()

    def _take(self) -> bytes:
        if self._has_ended:
            return b""
        found = []
        for topic, news in self._broadcast.topics.items():
            before = self._seen.get(topic)
            if before is None or (before < news.number and not news.is_beginning):
                found.append(news.message)
            self._seen[topic] = news.number
        return b"".join(found)


class Broadcast:
    """`make` publishes to the broadcast that it is given, for ever; when it returns, all viewers are let go."""

    def __init__(self, make: Callable[[Broadcast], Coroutine[Any, Any, None]]) -> None:
        self._make = make
        self._task: asyncio.Task[None] | None = None
        self._viewers: set[Viewer] = set()
        self.topics: dict[str, _News] = {}

    def join(self) -> Viewer:
        """One more viewer; it must `leave`."""
        viewer = Viewer(self)
        self._viewers.add(viewer)
        if self._task is None:
            self._task = asyncio.create_task(self._make(self))
            self._task.add_done_callback(self._on_end)
        if self.topics:
            viewer.stir()
        return viewer

    def leave(self, viewer: Viewer) -> None:
        self._viewers.discard(viewer)
        if not self._viewers and self._task is not None:
            self._task.cancel()
            self._forget()

    def publish(self, topic: str, message: bytes, *, is_beginning: bool = False) -> None:
        """Set what is new of a topic. The beginning is for viewers that come, not for those that have it."""
        before = self.topics.get(topic)
        self.topics[topic] = _News(before.number + 1 if before else 0, message, is_beginning)

    def send(self) -> None:
        """Tell all viewers that there is something new."""
        for viewer in self._viewers:
            viewer.stir()

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("live view failed", extra=fields(error=repr(error)), exc_info=error)
        if task is self._task:
            self._forget()
            for viewer in self._viewers:
                viewer.end()

    def _forget(self) -> None:
        """Who comes now gets a beginning of its own."""
        self._task, self.topics = None, {}
