"""The aiohttp application. Handlers read the stores and never wait for a source."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from ..engine import MAIN, Engine, Exporter
from ..errors import InvalidInputError
from .access import OPEN, TAKES_BODY
from .alertlog import take_alerts
from .discovery import Discovery
from .guide import Guide
from .live.streams import Live
from .negotiation import accepts_gzip, choose_format, prefers_json
from .parts import Parts

_LARGE = 256 * 1024  # bytes of a body; less is sent faster when it is copied together first
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Site:
    """The handlers, over one exporter."""

    def __init__(self, exporter: Exporter, telemetry_path: str = "/metrics") -> None:
        self._exporter = exporter
        self._telemetry_path = telemetry_path
        self._guide = Guide(exporter)
        self._live = Live(exporter, self._guide, telemetry_path)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get(self._telemetry_path, self.metrics)
        app.router.add_get("/probe", self.probe)
        app.router.add_get("/sd", Discovery(self._exporter).targets)
        app.router.add_get("/-/healthy", self.healthy, name=f"{OPEN}-healthy")
        app.router.add_get("/-/ready", self.ready, name=f"{OPEN}-ready")
        app.router.add_post("/-/reload", self.reload)
        app.router.add_post("/alertlog", take_alerts, name=f"{TAKES_BODY}-alertlog")
        self._guide.add_to(app)
        self._live.add_to(app)
        return app

    async def metrics(self, request: web.Request) -> web.Response:
        if prefers_json(request.headers.get("Accept", "")):
            return await self._guide.metrics()
        return self._scrape(request, self._exporter.engines[MAIN], with_process=True)

    async def probe(self, request: web.Request) -> web.Response:
        """Another configured target, by name; an address is a name that is not known."""
        engine = self._exporter.engines.get(request.query.get("target") or "/")
        if engine is None:
            self._exporter.process.count_scrape(404, 0.0)
            return web.Response(status=404, text="no such target; /probe takes the name of a configured one\n")
        return self._scrape(request, engine, with_process=False)

    async def healthy(self, _request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(self, _request: web.Request) -> web.Response:
        if self._exporter.is_ready:
            return web.Response(text="ready\n")
        return web.Response(status=503, text="not every collector has finished once\n")

    async def reload(self, _request: web.Request) -> web.Response:
        if not self._exporter.settings.web.enable_reload:
            return web.Response(status=403, text="web.enable_reload is off; send SIGHUP instead\n")
        try:
            await asyncio.shield(self._exporter.reload())
        except InvalidInputError as error:
            return web.Response(status=400, text=f"{error}\n")
        return web.Response(text="reloaded\n")

    def _scrape(self, request: web.Request, engine: Engine, *, with_process: bool) -> web.Response:
        started = time.perf_counter()
        only = request.query.getall("collect[]", [])
        unknown = [name for name in only if name not in engine.store.collectors]
        if unknown:
            return web.Response(status=400, text=f"no such collector: {', '.join(unknown)}\n")
        fmt = choose_format(request.headers.get("Accept", ""))
        gzipped = accepts_gzip(request.headers.get("Accept-Encoding", ""))
        tail = self._exporter.process.families() if with_process else ()
        parts = engine.store.page_parts(fmt, gzipped=gzipped, tail=tail, only=only)
        headers = {"Content-Type": fmt.value, "Vary": "Accept, Accept-Encoding"}
        if gzipped:
            headers["Content-Encoding"] = "gzip"
        self._exporter.process.count_scrape(200, time.perf_counter() - started)
        body = Parts(parts) if sum(map(len, parts)) > _LARGE else b"".join(parts)
        return web.Response(body=body, headers=headers)
