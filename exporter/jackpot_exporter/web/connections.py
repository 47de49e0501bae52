"""The connections of our server: how many there may be, and for how long each may keep us waiting.

aiohttp limits neither their number nor the time that a request takes to arrive or an answer to leave. Each connection
is in one phase; those of a phase stand in the order in which they entered it, so the one that waits longest is the
first, and neither a sweep nor a flood costs a look at all of them.

TLS begins here, on a connection that is accepted and counted, and not in asyncio's server: there a handshake that
never ends would be counted nowhere, and another context would need another server.
"""

from __future__ import annotations

import asyncio
import logging
import resource
import ssl
from collections.abc import Callable
from enum import Enum, auto

from aiohttp import web

from ..config import WebSettings
from ..logs import fields
from ..telemetry import Refusal

log = logging.getLogger(__name__)

_HEADER_BYTES = 8190
_HEADERS = 64
_LINGER_SECONDS = 1.0
_SHUTDOWN_SECONDS = 2.0  # the other side's farewell is waited for no longer
_LOG_SECONDS = 60.0
_SLOW_SECONDS = 5.0


class Phase(Enum):
    """What a connection waits for."""

    RECEIVING = auto()
    """The rest of a request; on a new connection also its beginning, and the handshake before it."""
    IDLE = auto()
    """The next request."""
    ANSWERING = auto()
    """The end of its answer."""
    STREAMING = auto()
    """News, for as long as somebody watches: whoever streams lets go of those that do not take it."""


_LATE = {Phase.RECEIVING: Refusal.SLOW, Phase.ANSWERING: Refusal.UNREAD}
"""Whom the end of its time refuses; one that was idle had all that it asked for."""


class Connections:
    """All connections; asyncio calls it for the protocol of each new one."""

    def __init__(self, runner: web.AppRunner, limits: WebSettings, refuse: Callable[[Refusal], None]) -> None:
        self._runner = runner
        self.limits = limits
        self.refuse = refuse
        """Counts what is refused."""
        self.tls: ssl.SSLContext | None = None
        """Of connections to come; replaced as a whole."""
        self._loop = asyncio.get_running_loop()
        self._phases: dict[Phase, dict[Connection, None]] = {phase: {} for phase in Phase}
        self._told = float("-inf")

    def __call__(self) -> Connection:
        if self._runner.server is None:
            raise RuntimeError("the application is not set up")
        return Connection(self, self._runner.server)

    def __len__(self) -> int:
        return sum(map(len, self._phases.values()))

    def may_answer(self) -> bool:
        """Whether one more may be answered; those that take their answers very slowly give way."""
        answering = self._phases[Phase.ANSWERING]
        while len(answering) > self.limits.max_requests:
            oldest = next(iter(answering))
            if self._loop.time() - oldest.since < _SLOW_SECONDS:
                return False
            self.refuse(Refusal.UNREAD)
            oldest.abort()
        return True

    def enter(self, connection: Connection, phase: Phase) -> None:
        """A connection begins to wait for something else."""
        self._phases[connection.phase].pop(connection, None)
        connection.phase, connection.since = phase, self._loop.time()
        self._phases[phase][connection] = None

    def leave(self, connection: Connection) -> None:
        self._phases[connection.phase].pop(connection, None)

    def make_room(self, newcomer: Connection) -> None:
        """Close one when there are too many: the oldest that has yet to ask, then the one idle for longest."""
        if len(self) <= self._limit():
            return
        self._tell()
        self.refuse(Refusal.CROWD)
        silent = next(iter(self._phases[Phase.RECEIVING]))
        idle = next(iter(self._phases[Phase.IDLE]), newcomer)
        (silent if silent is not newcomer else idle).abort()

    def sweep(self) -> None:
        """Close those that have waited too long."""
        now = self._loop.time()
        allowed = {
            Phase.RECEIVING: self.limits.read_timeout,
            Phase.IDLE: self.limits.idle_timeout,
            Phase.ANSWERING: self.limits.write_timeout,
            Phase.STREAMING: float("inf"),
        }
        for phase, connections in self._phases.items():
            late = [one for one in connections if now - one.since > allowed[phase]]
            for connection in late:
                if phase in _LATE:
                    self.refuse(_LATE[phase])
                connection.abort()

    def end_streams(self) -> None:
        """Ask all streams to end: who may watch is asked again when they come back."""
        for connection in tuple(self._phases[Phase.STREAMING]):
            connection.end_stream()

    def _limit(self) -> int:
        """Collectors need file descriptors as well."""
        descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.limits.max_connections if descriptors < 0 else min(self.limits.max_connections, descriptors // 2)

    def _tell(self) -> None:
        if self._loop.time() - self._told > _LOG_SECONDS:
            self._told = self._loop.time()
            log.warning("too many connections, the oldest are closed", extra=fields(limit=self._limit()))


class Connection(web.RequestHandler):
    """One connection, from its acceptance."""

    __slots__ = ("_all", "_early", "_end_stream", "_greeting", "_is_lost", "_tcp", "phase", "since")

    def __init__(self, connections: Connections, server: web.Server) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # as AppRunner passes it on
            max_line_size=_HEADER_BYTES,
            max_field_size=_HEADER_BYTES,
            max_headers=_HEADERS,
            lingering_time=_LINGER_SECONDS,
            auto_decompress=False,
        )
        self.phase = Phase.RECEIVING
        self.since = 0.0
        self._all = connections
        self._tcp: asyncio.Transport | None = None
        self._greeting: asyncio.Task[None] | None = None
        self._early = b""
        self._is_lost = False
        self._end_stream: Callable[[], None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if not isinstance(transport, asyncio.Transport):
            raise TypeError(f"{transport!r} is no stream")
        self._tcp = transport
        self._all.enter(self, Phase.RECEIVING)
        self._all.make_room(self)
        if self._is_lost:
            return
        if self._all.tls is None:
            super().connection_made(transport)
        else:
            transport.pause_reading()  # nothing may arrive before the handshake reads it
            self._greeting = asyncio.create_task(self._greet(transport, self._all.tls))

    async def _greet(self, transport: asyncio.Transport, context: ssl.SSLContext) -> None:
        try:
            secured = await asyncio.get_running_loop().start_tls(
                transport, self, context, server_side=True, ssl_shutdown_timeout=_SHUTDOWN_SECONDS
            )
        except OSError as error:  # the handshake failed; the other side has been told why
            if isinstance(error, ssl.SSLError):
                self._all.refuse(Refusal.HANDSHAKE)
            self._all.leave(self)
            return
        if self._is_lost or secured is None:
            self._all.leave(self)
            return
        super().connection_made(secured)
        if self._early:
            super().data_received(self._early)
            self._early = b""

    def data_received(self, data: bytes) -> None:
        if self.transport is None:
            self._early += data  # a request may come with the end of the handshake
            return
        if self.phase is Phase.IDLE:
            self._all.enter(self, Phase.RECEIVING)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._is_lost = True
        self._all.leave(self)
        self.end_stream()
        if self.transport is not None:
            super().connection_lost(exc)

    def begin_answer(self) -> None:
        """A request is there as a whole."""
        self._all.enter(self, Phase.ANSWERING)

    def begin_stream(self, end: Callable[[], None]) -> None:
        """The answer goes on until one side ends it; `end` is called when ours should, or when the other did."""
        self._end_stream = end
        if self._is_lost:
            end()
        else:
            self._all.enter(self, Phase.STREAMING)

    def end_stream(self) -> None:
        """Does nothing when there is none."""
        end, self._end_stream = self._end_stream, None
        if end is not None:
            end()

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        try:
            return await super().finish_response(request, resp, start_time)
        finally:
            self._end_stream = None
            if not self._is_lost:
                self._all.enter(self, Phase.IDLE)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what was sent
    ) -> web.StreamResponse:
        """What cannot be understood is refused without repeating it, and without a word in the log."""
        if status == 400:
            self._all.refuse(Refusal.MALFORMED)
            answer: web.StreamResponse = web.Response(status=400, text="this is not a request that can be answered\n")
            answer.force_close()
        else:
            answer = super().handle_error(request, status, exc)
        answer.headers["Server"] = ""
        return answer

    def abort(self) -> None:
        """Close at once, whatever is still to be sent."""
        self._all.leave(self)
        self._is_lost = True
        if self._tcp is not None:
            self._tcp.abort()
