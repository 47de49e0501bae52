"""The server's socket and what guards it, kept up to date with the files that say so while it runs.

What is wrong with a file leaves in force what was there before. TLS is neither switched on nor off while running: a
file that lost its block by mistake would send passwords in the clear.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from ..config import WebSettings, read_secret
from ..engine import Exporter
from ..errors import ExporterError, InvalidInputError, Problem
from ..logs import fields
from ..redaction import redact
from ..telemetry import Refusal
from .access import OPEN, Access
from .connections import Connection, Connections
from .knocks import Knocks
from .logins import Logins, LoginThread
from .webconfig import LoadedWebConfig, WebConfig, load_web_config

log = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0  # every look wakes the processor, which costs more than the look
_BACKLOG = 1024
_ACCEPTED_AT_ONCE = 64
_DRAIN_SECONDS = 2.0

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""Of every answer that does not set them itself."""


class ListenError(ExporterError):
    """The address to listen on cannot be had."""


Stamps = Mapping[Path, tuple[int, int, int] | None]
"""What tells one state of a file from another; None when it cannot be looked at."""


@dataclass(frozen=True, slots=True)
class _Rules:
    """What the settings and the files say."""

    settings: WebSettings
    loaded: LoadedWebConfig
    token: bytes | None

    @property
    def files(self) -> tuple[Path, ...]:
        token = self.settings.bearer_token_file
        return self.loaded.files if token is None else (*self.loaded.files, token)


class FrontDoor:
    """Serves an application behind its guards. InvalidInputError when a file is wrong at the start."""

    def __init__(self, exporter: Exporter, application: web.Application, config_file: Path | None) -> None:
        application.middlewares.insert(0, self._guard)
        application.on_response_prepare.append(self._finish_headers)
        self._exporter = exporter
        self._config_file = config_file
        self._runner = web.AppRunner(application, shutdown_timeout=_DRAIN_SECONDS)
        self._connections = Connections(self._runner, exporter.settings.web, exporter.process.count_refusal)
        self._server: asyncio.Server | None = None
        self._login_thread = LoginThread()
        self._access = Access()
        self._knocks = Knocks()
        self._failure = ""
        self._rules = _read(exporter.settings.web, config_file)
        self._stamps = _stamps(self._rules.files)
        self._enforce(self._rules)

    async def open(self, host: str | None, port: int) -> None:
        """Begin to listen. ListenError when the address cannot be had."""
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(self._connections, host, port, backlog=_ACCEPTED_AT_ONCE)
        except OSError as error:
            raise ListenError(f"cannot listen on {host or ''}:{port}: {error.strerror}") from None
        # asyncio accepts as many connections before it looks at the first as its backlog has room for; the kernel's
        # may be longer, so that who comes in the middle of a flood is not sent away.
        for listening in self._server.sockets:
            with listening.dup() as same:
                same.listen(_BACKLOG)

    @property
    def addresses(self) -> list[str]:
        """Where it listens."""
        names = [socket.getsockname() for socket in self._server.sockets] if self._server else []
        return [f"{name[0]}:{name[1]}" for name in names]

    async def close(self) -> None:
        """Answer what is being asked, then end."""
        if self._server is not None:
            self._server.close()
        self._connections.end_streams()
        await self._runner.cleanup()
        self._login_thread.close()

    async def watch(self) -> None:
        """For ever: close who waits too long, and follow the files."""
        before = self._stamps
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            self._connections.sweep()
            now = _stamps(self._rules.files)
            is_settled, before = now == before, now
            # A file that is still being written is left alone; one that was wrong is tried until it is right.
            is_changed = now != self._stamps or self._rules.settings is not self._exporter.settings.web
            if is_settled and (is_changed or self._failure):
                await self.refresh()

    async def refresh(self) -> None:
        """Read everything again; what is wrong is logged and changes nothing."""
        stamps = _stamps(self._rules.files)
        try:
            rules = await asyncio.to_thread(_read, self._exporter.settings.web, self._config_file)
            _refuse_switch(self._rules, rules)
        except InvalidInputError as error:
            if str(error) != self._failure:
                log.error("web configuration not taken, the old one stays in force", extra=fields(error=error))  # noqa: TRY400
            self._failure = str(error)
            return
        self._failure = ""
        # Of files that are named for the first time it is not known whether they changed while they were read.
        self._stamps = stamps if stamps.keys() == set(rules.files) else _stamps(rules.files)
        self._enforce(rules)
        log.info("web configuration read")

    def _enforce(self, rules: _Rules) -> None:
        config, users = rules.loaded.config, rules.loaded.config.basic_auth_users
        self._rules = rules
        self._connections.limits = rules.settings
        self._connections.tls = rules.loaded.tls
        self._access = Access(
            rules.settings.allowed_networks,
            rules.settings.trusted_proxies,
            rules.token,
            Logins(users, self._login_thread) if users else None,
            config.http_server_config.headers,
        )
        self._exporter.process.set_certificate_expiry(rules.loaded.certificate_expiry)
        self._connections.end_streams()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if isinstance(request.protocol, Connection):
            request.protocol.begin_answer()
        refusal = await self._access.refusal(request)
        if refusal is not None:
            self._exporter.process.count_refusal(refusal.reason)
            if refusal.stranger:
                self._knocks.tell(refusal.stranger, refusal.reason)
            return refusal.answer
        if not (request.match_info.route.name or "").startswith(OPEN) and not self._connections.may_answer():
            self._exporter.process.count_refusal(Refusal.BUSY)
            return web.Response(status=503, text="too many requests at a time\n", headers={"Retry-After": "1"})
        return await handler(request)

    async def _finish_headers(self, _request: web.Request, response: web.StreamResponse) -> None:
        response.headers.pop("Server", None)
        response.headers.update(self._access.headers)
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)


def _read(settings: WebSettings, path: Path | None) -> _Rules:
    nothing = LoadedWebConfig(WebConfig(), None, None, ())
    return _Rules(settings, load_web_config(path) if path else nothing, _token(settings.bearer_token_file))


def _refuse_switch(old: _Rules, new: _Rules) -> None:
    if (old.loaded.tls is None) != (new.loaded.tls is None):
        raise InvalidInputError([Problem("TLS is switched on and off only by a restart")])


def _token(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        token = read_secret(path).strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not valid UTF-8"
        raise InvalidInputError([Problem(f"web.bearer_token_file: {path} cannot be read: {reason}")]) from None
    if not token:
        raise InvalidInputError([Problem(f"web.bearer_token_file: the first line of {path} is empty")])
    redact.add(token)
    return token.encode()


def _stamps(files: tuple[Path, ...]) -> Stamps:
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
