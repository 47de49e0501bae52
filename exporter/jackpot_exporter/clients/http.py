"""HTTP requests to the monitored services, guarded: each has a deadline, a longest body and few redirects.

Connections are not kept: a new one every few seconds costs little, shows whether new clients get in, and does not
meet servers that close idle connections just then. A proxy or .netrc of the environment is not used: what is
measured must be the service.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from time import perf_counter

import aiohttp
from yarl import URL

from ..config import read_secret
from ..errors import AuthError, BadDataError, SourceTimeoutError
from ..redaction import redact
from ._http_body import decoded, read_body
from ._http_connector import Connector
from ._http_errors import translate
from ._http_ping import ping
from ._http_trace import current_trace, trace_config
from .http_exchange import Answer, Request, Trace
from .http_options import HttpOptions

_REDIRECTS_MAX = 5
_REDIRECTS = frozenset((301, 302, 303, 307, 308))
_USER_AGENT = "jackpot-exporter"

_Key = tuple[object, ...]


class HttpClient:
    """The requests of one target."""

    def __init__(self) -> None:
        self._sessions: dict[_Key, aiohttp.ClientSession] = {}

    async def fetch(
        self, request: Request, options: HttpOptions, within_seconds: float, trace: Trace | None = None
    ) -> Answer:
        """The answer. SourceError says why there is none; `trace` then holds what happened until then."""
        async with _guarded(within_seconds, trace):
            return await self._fetch(request, options)

    async def ping(self, url: str, options: HttpOptions, within_seconds: float, trace: Trace | None = None) -> float:
        """Open a WebSocket and give the round trip of a ping on it. SourceError says what went wrong."""
        async with _guarded(within_seconds, trace):
            try:
                async with self._websocket(url, options) as connection:
                    if trace is not None:
                        trace.status = 101
                    return await ping(connection)
            except aiohttp.WSServerHandshakeError as error:
                if trace is not None:
                    trace.status = error.status
                raise

    async def connect(self, url: str, options: HttpOptions, within_seconds: float, trace: Trace | None = None) -> None:
        """Open a TCP connection (tcp://), with TLS (tls://), and close it. SourceError says why it cannot be opened."""
        async with _guarded(within_seconds, trace):
            await self._connect(URL(url), options)

    async def resolve(self, host: str, options: HttpOptions, within_seconds: float, trace: Trace | None = None) -> int:
        """How many addresses a name has. SourceError when it has none."""
        async with _guarded(within_seconds, trace):
            if trace is not None:
                trace.begin()
            return await self._connector(options).resolve(host)

    async def close(self) -> None:
        """Close everything; never raises."""
        sessions = list(self._sessions.values())
        self._sessions.clear()
        for session in sessions:
            await session.close()

    async def _fetch(self, request: Request, options: HttpOptions) -> Answer:
        started = perf_counter()
        url = first = URL(request.url)
        method, body = request.method, request.body
        for redirects in range(_REDIRECTS_MAX + 1):
            # What is meant for one server goes to no other.
            is_first = url.origin() == first.origin()
            async with self._session(options).request(
                method,
                url,
                data=body,
                headers=_headers(options) if is_first else _plain_headers(),
                allow_redirects=False,
                server_hostname=options.server_name if is_first and url.scheme == "https" else None,
            ) as answer:
                if trace := current_trace.get():
                    trace.status = answer.status
                aim = answer.headers.get("Location") if answer.status in _REDIRECTS else None
                if aim is None or not request.follow_redirects:
                    return await _read(answer, request, redirects, started)
            url = _redirected(url, aim)
            method, body = "HEAD" if method == "HEAD" else "GET", None
        raise BadDataError(f"redirected more than {_REDIRECTS_MAX} times")

    def _websocket(
        self, url: str, options: HttpOptions
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        return self._session(options).ws_connect(
            url,
            headers=_headers(options),
            server_hostname=options.server_name,
            autoping=False,
            max_msg_size=64 * 1024,
            timeout=aiohttp.ClientWSTimeout(ws_close=0.5),
        )

    async def _connect(self, url: URL, options: HttpOptions) -> None:
        trace = current_trace.get() or Trace()
        trace.begin()
        connection = await self._connector(options).dial(url, options.server_name)
        trace.connected()
        connection.abort()

    def _connector(self, options: HttpOptions) -> Connector:
        connector = self._session(options).connector
        assert isinstance(connector, Connector)  # noqa: S101 - made below
        return connector

    def _session(self, options: HttpOptions) -> aiohttp.ClientSession:
        """One for all who trust and show the same certificates: a TLS context costs 20 ms and half a megabyte."""
        key = _key(options)
        if key not in self._sessions:
            self._sessions[key] = aiohttp.ClientSession(
                connector=Connector(options),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                auto_decompress=False,
                trust_env=False,
                trace_configs=[trace_config()],
                middlewares=(_no_redirected_upgrade,),
            )
        return self._sessions[key]


@contextlib.asynccontextmanager
async def _guarded(within_seconds: float, trace: Trace | None) -> AsyncIterator[None]:
    token = current_trace.set(trace)
    try:
        async with asyncio.timeout(within_seconds):
            yield
    except TimeoutError:  # before OSError, its base class
        raise SourceTimeoutError(f"no answer within {within_seconds:.3g}s") from None
    except (aiohttp.ClientError, OSError, ValueError) as error:
        raise translate(error) from None
    finally:
        current_trace.reset(token)


def _key(options: HttpOptions) -> _Key:
    files = (options.ca_file, options.cert_file, options.key_file)
    return (*((file, _changed_at(file)) for file in files), options.insecure_skip_verify, options.allow_link_local)


def _changed_at(file: Path | None) -> int:
    """So that renewed certificates need no restart."""
    try:
        return file.stat().st_mtime_ns if file else 0
    except OSError:
        return 0


def _plain_headers() -> dict[str, str]:
    return {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"}


def _headers(options: HttpOptions) -> dict[str, str]:
    """Read anew for each request: a rotated token needs no restart."""
    headers = _plain_headers()
    if options.bearer_token_file is not None:
        headers["Authorization"] = f"Bearer {_secret(options.bearer_token_file)}"
    elif options.username is not None and options.password_file is not None:
        login = aiohttp.BasicAuth(options.username, _secret(options.password_file), "utf-8")
        headers["Authorization"] = login.encode()
        redact.add(headers["Authorization"].partition(" ")[2])
    return headers | options.headers


def _secret(path: Path) -> str:
    try:
        secret = read_secret(path)
    except OSError as error:
        raise AuthError(f"cannot read {error.filename}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise AuthError(f"{path} is not UTF-8 text") from None
    redact.add(secret)
    return secret


async def _no_redirected_upgrade(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Browsers follow none either; aiohttp would, with our headers and to anywhere."""
    answer = await handler(request)
    if answer.status in _REDIRECTS and request.headers.get("Upgrade") == "websocket":
        if trace := current_trace.get():
            trace.status = answer.status
        answer.close()
        raise BadDataError(f"no upgrade to a WebSocket: HTTP status {answer.status}, a redirect")
    return answer


def _redirected(url: URL, aim: str) -> URL:
    try:
        new = url.join(URL(aim))
    except ValueError:
        raise BadDataError("redirected to something that is no URL") from None
    if new.scheme not in ("http", "https") or not new.host:
        raise BadDataError(f"redirected to a {new.scheme or 'broken'} URL; only http and https are followed")
    return new


async def _read(answer: aiohttp.ClientResponse, request: Request, redirects: int, started: float) -> Answer:
    wire, length = await read_body(answer, request.body_max_bytes, keep=request.keep_body)
    encoding = answer.headers.get("Content-Encoding", "") if request.keep_body else ""
    body = decoded(wire, encoding, request.body_max_bytes)
    if trace := current_trace.get():
        trace.lap("transfer")
    version = answer.version or aiohttp.HttpVersion11
    number = version.major + version.minor / 10
    seconds = perf_counter() - started
    return Answer(answer.status, answer.headers, body, length, number, str(answer.url), redirects, seconds)
