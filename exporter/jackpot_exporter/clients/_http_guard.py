"""Which addresses may be connected to, and how names become addresses.

The rule is applied where the socket is made: neither a redirect nor a name that resolves differently the second
time gets around it. A service that answers `Location: http://169.254.169.254/` would otherwise have the exporter
fetch the credentials of its machine.
"""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from ._http_trace import current_trace

_LINK_LOCAL = tuple(map(ip_network, ("169.254.0.0/16", "fe80::/10")))
_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192")))
_NAT64 = ip_network("64:ff9b::/96")
_THREADS = 8

AddressInfo = tuple[Any, Any, int, str, tuple[Any, ...]]


class ForbiddenAddressError(OSError):
    """The address is link-local or a cloud's metadata service."""


def is_forbidden(text: str) -> bool:
    """Whether this address is link-local or a metadata service, in whatever form it is written."""
    address = _plain(ip_address(text))
    return address in _METADATA or any(address in network for network in _LINK_LOCAL)


def _plain(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address


def guarded_socket(info: AddressInfo) -> socket.socket:
    """A socket for this address; ForbiddenAddressError when nobody may connect there."""
    if is_forbidden(info[4][0].partition("%")[0]):
        raise ForbiddenAddressError(f"{info[4][0]} is link-local or a metadata service; allow_link_local permits it")
    return open_socket(info)


def open_socket(info: AddressInfo) -> socket.socket:
    """A socket for this address, which is noted as the one in use."""
    if trace := current_trace.get():
        trace.family = socket.AddressFamily(info[0])
    made = socket.socket(*info[:3])
    made.setblocking(False)
    return made


class Resolver(AbstractResolver):
    """Looks names up in threads of its own: a dead DNS server must not hold up those of the rest of the process."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_THREADS, "resolver")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of this name. OSError when it has none."""
        ask = partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        try:
            infos = await asyncio.get_running_loop().run_in_executor(self._threads, ask)
        except UnicodeError:
            raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None
        finally:
            if trace := current_trace.get():
                trace.lap("resolve")
        return [
            ResolveResult(hostname=host, host=str(address[0]), port=port, family=found, proto=proto, flags=0)
            for found, _, proto, _, address in infos
        ]

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
