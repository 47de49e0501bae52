"""The routes of the monitoring guide: JSON for scripts that were written for it."""

from __future__ import annotations

from aiohttp import web

from ..engine import MAIN, Exporter
from . import documents
from .alerting import Watchers
from .readings import Readings

_STATUS_OF: dict[str | None, int] = {"healthy": 200, "degraded": 200}
"""HTTP status by health; unhealthy and unknown are 503."""

_HISTORY = 100
_RECENT = 10


class Guide:
    """The handlers, over one exporter."""

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._watchers: tuple[tuple[str | None, str | None], Watchers] | None = None

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/health", self.health)
        app.router.add_get("/health/database", self.health_database)
        app.router.add_get("/health/jackpot", self.health_jackpot)
        app.router.add_get("/status", self.status)
        app.router.add_get("/alerts", self.alerts)
        app.router.add_get("/dashboard", self.dashboard)
        app.on_cleanup.append(self._close)

    async def health(self, _request: web.Request) -> web.Response:
        return _judged(documents.health(self._readings()))

    async def health_database(self, _request: web.Request) -> web.Response:
        return _judged(documents.database(self._readings()))

    async def health_jackpot(self, _request: web.Request) -> web.Response:
        return _judged(documents.jackpot(self._readings()))

    async def metrics(self) -> web.Response:
        return web.json_response(documents.metrics(self._readings()))

    async def status(self, _request: web.Request) -> web.Response:
        word = documents.overall_status(self._readings())
        answer = {"status": "ok" if word == "healthy" else word, "timestamp": documents.now()}
        return web.json_response(answer, status=_STATUS_OF.get(word, 503))

    async def alerts(self, request: web.Request) -> web.Response:
        text = request.query.get("limit", str(_HISTORY))
        if not text.isascii() or not text.isdigit():
            return web.Response(status=400, text="limit is a number\n")
        return web.json_response(await (await self.watching()).alerts(min(int(text), 1000)))

    async def dashboard(self, _request: web.Request) -> web.Response:
        return web.json_response({"success": True, **await self.dashboard_document()})

    async def dashboard_document(self) -> documents.Document:
        """What `/dashboard` and each message of its WebSocket say."""
        watchers = await self.watching()
        alerts = {"active": await watchers.active(), "recent": await watchers.history(_RECENT)}
        trends = await watchers.trends(self._exporter.engines[MAIN].store.namespace)
        return {"data": documents.dashboard(self._readings(), trends, alerts), "timestamp": documents.now()}

    async def watching(self) -> Watchers:
        """Those of the settings in force: a reload may have named others."""
        settings = self._exporter.settings.web
        wanted = settings.alertmanager_url, settings.prometheus_url
        if self._watchers is None or self._watchers[0] != wanted:
            if self._watchers is not None:
                await self._watchers[1].close()
            self._watchers = wanted, Watchers(*wanted)
        return self._watchers[1]

    def _readings(self) -> Readings:
        return Readings(self._exporter.engines[MAIN].store)

    async def _close(self, _app: web.Application) -> None:
        if self._watchers is not None:
            await self._watchers[1].close()


def _judged(document: documents.Document) -> web.Response:
    return web.json_response(document, status=_STATUS_OF.get(document["status"], 503))
