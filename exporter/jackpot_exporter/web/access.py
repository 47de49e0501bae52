"""Who may ask for what: methods, networks, credentials. Decides on one request by what is in force, and reads no file.

`/-/healthy` and `/-/ready` are open to all, so that an orchestrator needs no secret to keep the process alive.
"""

from __future__ import annotations

import binascii
import hmac
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from aiohttp import web

from ..telemetry import Refusal
from .logins import Logins, TooManyLoginsError

OPEN = "open"
"""The name of a route begins so when it needs no credentials."""
TAKES_BODY = "takes-body"
"""The name of a route begins so when it reads what it is sent, up to aiohttp's limit of a megabyte."""

Address = IPv4Address | IPv6Address
Networks = tuple[IPv4Network | IPv6Network, ...]

_METHODS = ("GET", "HEAD", "POST")
_CHALLENGE = 'Basic realm="jackpot-exporter", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a request may not be, and what is said about it."""

    reason: Refusal
    answer: web.Response
    stranger: str = ""
    """The address of who is not let in; empty where who asks is not the reason."""


@dataclass(frozen=True, slots=True)
class Access:
    """The rules in force; replaced whole."""

    allowed_networks: Networks = ()
    """Empty: all."""
    trusted_proxies: Networks = ()
    token: bytes | None = None
    logins: Logins | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    """Those of every answer."""

    async def refusal(self, request: web.Request) -> Refused | None:
        """Why a request may not be; None when it may."""
        if request.method not in _METHODS:
            return _refused(Refusal.METHOD, 405, "only GET and HEAD are answered here", {"Allow": "GET, HEAD"})
        name = request.match_info.route.name or ""
        if request.body_exists and not name.startswith(TAKES_BODY):
            return _refused(Refusal.BODY, 413, "nothing here takes a body")
        if name.startswith(OPEN):
            return None
        address = client_address(request.remote, request.headers.getall("X-Forwarded-For", []), self.trusted_proxies)
        if self.allowed_networks and not _is_in(address, self.allowed_networks):
            return _refused(Refusal.NETWORK, 403, "this address may not ask", stranger=str(address))
        if self.token is None and self.logins is None:
            return None
        return await self._judge(request.headers.getall("Authorization", []), str(address))

    async def _judge(self, authorization: list[str], address: str) -> Refused | None:
        scheme, _, given = authorization[0].partition(" ") if len(authorization) == 1 else ("", "", "")
        try:
            if scheme.lower() == "bearer":
                is_right = self._knows_token(given)
            elif scheme.lower() == "basic":
                is_right = await self._knows_user(given, address)
            else:
                is_right = False
        except TooManyLoginsError:
            return _refused(Refusal.LOGINS, 429, "too many logins are being checked", {"Retry-After": "1"})
        if is_right:
            return None
        challenge = {"WWW-Authenticate": _CHALLENGE if self.logins else "Bearer"}
        # A browser's first request has none, and means nothing by it.
        stranger = address if authorization else ""
        return _refused(Refusal.CREDENTIALS, 401, "credentials are needed", challenge, stranger)

    def _knows_token(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(given.strip().encode(errors="replace"), self.token)

    async def _knows_user(self, given: str, address: str) -> bool:
        try:
            user, colon, password = b64decode(given.strip(), validate=True).partition(b":")
        except (binascii.Error, ValueError):
            return False
        return self.logins is not None and bool(colon) and await self.logins.is_right(user, password, address)


def client_address(peer: str | None, forwarded: Iterable[str], proxies: Networks) -> Address | None:
    """Whose request it is: what a trusted proxy says, or the peer; None when that is no address.

    The list is read from its end, where the nearest proxy has written: what stands before the first address that is
    no proxy of ours, anybody may have made up.
    """
    entries = [entry.strip() for line in forwarded for entry in line.split(",")]
    address = _address(peer or "")
    while entries and _is_in(address, proxies):
        address = _address(entries.pop())
    return address


def _is_in(address: Address | None, networks: Networks) -> bool:
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    # A socket for both families shows an IPv4 peer as ::ffff:a.b.c.d.
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _refused(
    reason: Refusal, status: int, text: str, headers: Mapping[str, str] | None = None, stranger: str = ""
) -> Refused:
    response = web.Response(status=status, text=f"{text}\n", headers=headers)
    if status != 401:
        # A client that then sends the right credentials goes on with the connection; others begin anew.
        response.force_close()
    return Refused(reason, response, stranger)
