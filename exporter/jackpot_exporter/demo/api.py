"""The service's HTTP: requests parsed, operations called, answers and failures as JSON.

The API and the health documents are two applications, for two ports; the faults are switched on the second, from
this machine only. Must not decide anything about pools.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Annotated, Literal, TypeVar
from uuid import uuid4

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from .faults import Fault, FaultSwitch
from .health import Document, Health
from .journal import timestamp
from .loopback import require_loopback
from .measurements import Measurements
from .operations import FAILURES, Operations, failure_of

CORRELATION_HEADER = "X-Correlation-ID"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class _Body(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True)


class _Contribution(_Body):
    game_id: Name
    wager_amount: int
    user_id: Name | None = None


class _Win(_Body):
    game_id: Name
    user_id: Name
    group: Literal["minor", "major", "mega"]


class _Configuration(_Body):
    user_id: Name
    group: Literal["minor", "major", "mega"]
    share_basis_points: Annotated[int, Field(ge=0, le=10_000)]


class _FaultOrder(_Body):
    name: Annotated[Fault, Field(strict=False)]
    on: bool


Body = TypeVar("Body", bound=_Body)


class Api:
    """Makes the two applications."""

    def __init__(self, operations: Operations, health: Health, faults: FaultSwitch, measurements: Measurements) -> None:
        self._operations = operations
        self._health = health
        self._faults = faults
        self._measurements = measurements

    def application(self) -> web.Application:
        application = web.Application(middlewares=[self._count, self._answer_failures])
        application.router.add_get("/api/jackpot/pools", self._get_pools)
        application.router.add_get("/api/jackpot/statistics", self._get_statistics)
        application.router.add_post("/api/jackpot/contribute", self._post_contribute)
        application.router.add_post("/api/jackpot/win", self._post_win)
        application.router.add_post("/api/jackpot/config", self._post_config)
        self._add_health(application)  # the guide's Kubernetes probes ask here
        return application

    def health_application(self) -> web.Application:
        application = web.Application(middlewares=[self._answer_failures])
        self._add_health(application)
        application.router.add_get("/demo/fault", self._get_faults)
        application.router.add_post("/demo/fault", self._post_fault)
        return application

    def _add_health(self, application: web.Application) -> None:
        application.router.add_get("/health", _document(self._health.overall))
        application.router.add_get("/health/database", _document(self._health.database))
        application.router.add_get("/health/jackpot", _document(self._health.jackpot))
        application.router.add_get("/metrics", _document(self._health.metrics))

    @web.middleware
    async def _count(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/api/"):
            self._measurements.count_request()
            if Fault.SERVICE_DOWN in self._faults.active:
                return _failed(503, "Service unavailable", "the service is down")
        return await handler(request)

    @web.middleware
    async def _answer_failures(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            return _failed(400, "Invalid request", f"{'.'.join(map(str, first['loc']))}: {first['msg']}")
        except FAILURES as error:
            name, status = failure_of(error)
            return _failed(status, name, str(error) if status < 500 else "")

    async def _get_pools(self, request: web.Request) -> web.Response:
        pools = await self._operations.pools_json(_correlation_id(request))
        body = f'{{"success":true,"data":{pools},"timestamp":"{timestamp()}"}}'
        return web.Response(text=body, content_type="application/json")

    async def _get_statistics(self, _: web.Request) -> web.Response:
        statistics = await self._operations.statistics()
        return _succeeded(
            {
                "totalJackpotAmount": statistics.total_amount,
                "totalContributions": statistics.total_contributions,
                "totalWins": statistics.total_wins,
                "lastWin": timestamp(statistics.last_won_at) if statistics.last_won_at else None,
                "averagesMs": {
                    operation.value: asdict(record.latency())
                    for operation, record in self._measurements.operations.items()
                },
            }
        )

    async def _post_contribute(self, request: web.Request) -> web.Response:
        body = await _parse(request, _Contribution)
        correlation_id = _correlation_id(request)
        given = await self._operations.contribute(body.game_id, body.wager_amount, body.user_id, correlation_id)
        return _succeeded(
            {
                "success": True,
                "totalContribution": sum(given.values()),
                "contributions": given,
                "correlationId": correlation_id,
            }
        )

    async def _post_win(self, request: web.Request) -> web.Response:
        body = await _parse(request, _Win)
        correlation_id = _correlation_id(request)
        win = await self._operations.win(body.group, body.game_id, body.user_id, correlation_id)
        return _succeeded(
            {
                "success": True,
                "group": body.group,
                "actualWinAmount": win.paid_amount,
                "remainingAmount": win.reset_amount,
                "correlationId": correlation_id,
            }
        )

    async def _post_config(self, request: web.Request) -> web.Response:
        body = await _parse(request, _Configuration)
        correlation_id = _correlation_id(request)
        await self._operations.change_share(body.group, body.share_basis_points, body.user_id, correlation_id)
        return _succeeded({"success": True, "correlationId": correlation_id})

    async def _get_faults(self, request: web.Request) -> web.Response:
        require_loopback(request)
        return web.json_response({fault.value: fault in self._faults.active for fault in Fault})

    async def _post_fault(self, request: web.Request) -> web.Response:
        require_loopback(request)
        order = await _parse(request, _FaultOrder)
        await self._faults.switch(order.name, on=order.on)
        return await self._get_faults(request)


def _document(make: Callable[[], Awaitable[Document]]) -> Handler:
    async def handler(_: web.Request) -> web.Response:
        document = await make()
        return web.json_response(document, status=503 if document.get("status") == "unhealthy" else 200)

    return handler


async def _parse(request: web.Request, kind: type[Body]) -> Body:
    return kind.model_validate_json(await request.read())


def _correlation_id(request: web.Request) -> str:
    given = request.headers.get(CORRELATION_HEADER, "")
    return given if given.isprintable() and 0 < len(given) <= 64 else str(uuid4())


def _succeeded(data: Document) -> web.Response:
    return web.json_response({"success": True, "data": data, "timestamp": timestamp()})


def _failed(status: int, error: str, message: str) -> web.Response:
    return web.json_response({"success": False, "error": error, "message": message}, status=status)
