"""Opens the connections: guarded, traced, not kept, and also without HTTP on them."""

from __future__ import annotations

import asyncio
import socket
import ssl

import aiohttp
from yarl import URL

from ..errors import AuthError
from ._http_errors import reason
from ._http_guard import AddressInfo, Resolver, guarded_socket, open_socket
from ._http_trace import current_trace, tls_context
from .http_options import HttpOptions


class Connector(aiohttp.TCPConnector):
    """Opens guarded connections; also plain ones, for probes that speak no HTTP."""

    def __init__(self, options: HttpOptions) -> None:
        self._tls = _tls(options)
        self._names = Resolver()
        self._open = open_socket if options.allow_link_local else guarded_socket
        super().__init__(
            ssl=self._tls,
            resolver=self._names,
            use_dns_cache=False,
            force_close=True,
            limit=0,
            socket_factory=self._open,
        )

    async def dial(self, url: URL, server_name: str | None) -> asyncio.Transport:
        """A connection to this host and port, with TLS when the scheme is tls. OSError when none of them accepts."""
        host, port = url.host or "", url.port or 0
        tls, name = (self._tls, server_name or host) if url.scheme == "tls" else (None, None)
        failure = OSError(f"{host} has no address")
        for found in await self._names.resolve(host, port):
            address = (found["host"], found["port"])
            try:
                opened = await self._connected((found["family"], socket.SOCK_STREAM, found["proto"], "", address))
            except OSError as error:
                failure = error
                continue
            made = await self._loop.create_connection(asyncio.Protocol, sock=opened, ssl=tls, server_hostname=name)
            return made[0]
        raise failure

    async def resolve(self, host: str) -> int:
        """How many addresses this name has. OSError when it has none."""
        found = await self._names.resolve(host)
        if trace := current_trace.get():
            trace.family = socket.AddressFamily(found[0]["family"])
        return len(found)

    async def _connected(self, info: AddressInfo) -> socket.socket:
        opened = self._open(info)
        try:
            await self._loop.sock_connect(opened, info[4])
        except BaseException:
            opened.close()
            raise
        return opened

    async def close(self) -> None:  # type: ignore[override]  # aiohttp gives an awaitable of its own
        await self._names.close()
        await super().close()


def _tls(options: HttpOptions) -> ssl.SSLContext:
    is_verified = not options.insecure_skip_verify
    try:
        return tls_context(options.ca_file, options.cert_file, options.key_file, is_verified=is_verified)
    except (OSError, ssl.SSLError) as error:
        files = [str(f) for f in (options.ca_file, options.cert_file, options.key_file) if f]
        raise AuthError(f"cannot use the certificates in {', '.join(files)}: {reason(error)}") from None
