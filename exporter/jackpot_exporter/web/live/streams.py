"""The routes of the live page: the page, its files, its stream of events, and the guide's WebSocket.

A stream stays open, so the front door's limits for answers do not fit it: viewers are counted here, and one that does
not take what it is sent is let go. A stream ends when the process, the settings or the rules of access change; who
still may watch comes back within a second or two.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import msgspec
from aiohttp import WSCloseCode, WSMsgType, web

from ...engine import MAIN, Exporter
from ...logs import fields
from ..connections import Connection
from ..guide import Guide
from .assets import load_assets
from .broadcast import Broadcast, Viewer
from .history import STEP_SECONDS
from .view import View

log = logging.getLogger(__name__)

_SLOW_SECONDS = 5.0
_BUFFER_BYTES = 32 * 1024
_LOOK_SECONDS = 0.2
_DASHBOARD_SECONDS = 5.0
_PING_SECONDS = 20.0
_GOODBYE_SECONDS = 0.5
_HEARD_BYTES = 4096
_RETRY_MILLISECONDS = 1000

_STREAM_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would collect what should arrive at once
}


class Live:
    """The handlers, over one exporter."""

    def __init__(self, exporter: Exporter, guide: Guide, metrics_path: str) -> None:
        self._exporter = exporter
        self._guide = guide
        self._assets = load_assets(metrics_path)
        self._views: dict[str, View] = {}
        self._pages: dict[str, Broadcast] = {}
        self._dashboard = Broadcast(self._make_dashboard)
        self._watching = 0

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/", self.page)
        app.router.add_get("/live/{name}", self.asset)
        app.router.add_get("/live", self.events)
        app.router.add_get("/dashboard/realtime", self.realtime, allow_head=False)
        app.cleanup_ctx.append(self._remembering)

    async def page(self, request: web.Request) -> web.Response:
        return self._assets["index.html"].answer(request)

    async def asset(self, request: web.Request) -> web.Response:
        found = self._assets.get(request.match_info["name"])
        return found.answer(request) if found else web.Response(status=404, text="no such file\n")

    async def events(self, request: web.Request) -> web.StreamResponse:
        """The stream of one target; HEAD tells whether there would be one."""
        target = request.query.get("target", MAIN)
        if target not in self._exporter.engines:
            return web.Response(status=404, text="no such target\n")
        if not self._has_room():
            return _full()
        if request.method == "HEAD":
            return web.Response(headers=_STREAM_HEADERS)
        response = web.StreamResponse(headers=_STREAM_HEADERS)
        with self._viewing(request, self._page_of(target)) as viewer:
            await response.prepare(request)
            await response.write(f"retry: {_RETRY_MILLISECONDS}\n\n".encode())
            while (message := await viewer.next()) is not None:
                async with asyncio.timeout(_SLOW_SECONDS):
                    await response.write(message)
                    await _taken(request)
        return response

    async def realtime(self, request: web.Request) -> web.StreamResponse:
        """The guide's dashboard message at every turn; one message for who asks without a WebSocket."""
        answer = web.WebSocketResponse(
            timeout=_GOODBYE_SECONDS,
            heartbeat=_PING_SECONDS,
            compress=False,
            max_msg_size=_HEARD_BYTES,
            writer_limit=_BUFFER_BYTES,
        )
        if not answer.can_prepare(request).ok:
            return web.Response(body=await self._message(), content_type="application/json")
        if _is_foreign(request):
            return web.Response(status=403, text="pages of other sites may not watch\n")
        if not self._has_room():
            return _full()
        with self._viewing(request, self._dashboard) as viewer:
            await answer.prepare(request)
            sending = asyncio.create_task(_send(answer, viewer, request))
            try:
                async for _ in answer:
                    pass  # pings are answered; what is said is not asked for
            finally:
                sending.cancel()
                await asyncio.wait([sending])
        return answer

    def _has_room(self) -> bool:
        return self._watching < self._exporter.settings.web.max_viewers

    @contextlib.contextmanager
    def _viewing(self, request: web.Request, broadcast: Broadcast) -> Iterator[Viewer]:
        """One more viewer for as long as this lasts. One that is gone, or slow, ends it without an error."""
        self._watching += 1
        viewer = broadcast.join()
        if isinstance(request.protocol, Connection):
            request.protocol.begin_stream(viewer.end)
        try:
            _bound_buffers(request)
            yield viewer
        except (TimeoutError, ConnectionError):
            _abort(request)
        finally:
            self._watching -= 1
            broadcast.leave(viewer)

    def _page_of(self, target: str) -> Broadcast:
        if target not in self._pages:
            self._pages[target] = Broadcast(self._view_of(target).make)
        return self._pages[target]

    def _view_of(self, target: str) -> View:
        if target not in self._views:
            self._views[target] = View(self._exporter, target, self._guide.watching)
        return self._views[target]

    async def _make_dashboard(self, broadcast: Broadcast) -> None:
        while True:
            broadcast.publish("dashboard", await self._message())
            broadcast.send()
            await asyncio.sleep(_DASHBOARD_SECONDS)

    async def _message(self) -> bytes:
        document = await self._guide.dashboard_document()
        return msgspec.json.encode({"type": "dashboard_update", **document})

    async def _remembering(self, _app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(self._remember())
        task.add_done_callback(_tell_of_bug)
        yield
        task.cancel()
        await asyncio.wait([task])

    async def _remember(self) -> None:
        while True:
            await asyncio.sleep(STEP_SECONDS)
            for gone in self._views.keys() - self._exporter.engines.keys():
                del self._views[gone]
                self._pages.pop(gone, None)
            for target in tuple(self._exporter.engines):
                await self._view_of(target).remember()


async def _send(answer: web.WebSocketResponse, viewer: Viewer, request: web.Request) -> None:
    try:
        while (message := await viewer.next()) is not None:
            async with asyncio.timeout(_SLOW_SECONDS):
                await answer.send_frame(message, WSMsgType.TEXT)
                await _taken(request)
        await answer.close(code=WSCloseCode.SERVICE_RESTART)
    except (TimeoutError, ConnectionError):
        _abort(request)


async def _taken(request: web.Request) -> None:
    """Until the kernel has all of it. aiohttp waits only now and then, so that more than a message would lie here."""
    while request.transport is not None and request.transport.get_write_buffer_size():  # noqa: ASYNC110 - none tells
        await asyncio.sleep(_LOOK_SECONDS)


def _full() -> web.Response:
    return web.Response(status=503, text="too many watch at a time\n", headers={"Retry-After": "10"})


def _is_foreign(request: web.Request) -> bool:
    """Browsers let any page open a WebSocket to anywhere, with the credentials that they keep for there."""
    origin = request.headers.get("Origin")
    return origin is not None and urlsplit(origin).netloc.lower() != request.host.lower()


def _bound_buffers(request: web.Request) -> None:
    """Little lies between us and a viewer: who reads nothing is noticed soon, and the kernel keeps no megabytes."""
    connected = request.transport.get_extra_info("socket") if request.transport else None
    if connected is not None:
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(6 * _SLOW_SECONDS * 1000))


def _abort(request: web.Request) -> None:
    if isinstance(request.protocol, Connection):
        request.protocol.abort()
    elif request.transport is not None:
        request.transport.abort()


def _tell_of_bug(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("history of the live page failed", extra=fields(error=repr(error)), exc_info=error)
