"""Where a Redis is and how to get in: the URL of the settings turned into connections that are not yet open.

`redis://a:6379,b:6379` names several nodes of which the first that answers is taken, as for a cluster.
`sentinel://a:26379,b:26379/mymaster` names sentinels that know where the master is; with `sentinels://` both they and
the master speak TLS. Of the rest of the URL only the login and the options of TLS are taken: the database, the size
of the pool and the timeouts are meant for the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection, parse_url

from ..config import RedisSource, read_secret
from ..errors import AuthError
from ..redaction import redact

_SENTINEL = {"sentinel": "redis", "sentinels": "rediss"}
_SENTINEL_PORT = 26379
_LOGIN_OPTIONS = {"host", "port", "path", "username", "password"}
_TLS_OPTIONS = {"ssl_cert_reqs", "ssl_check_hostname", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile"}


@dataclass(frozen=True, slots=True)
class Address:
    """One server with what is needed to log in."""

    kind: type[AbstractConnection]
    options: Mapping[str, Any]

    def connection(self) -> AbstractConnection:
        """A connection, not yet opened. Speaks RESP2 and says nothing of itself that the server has to allow."""
        return self.kind(protocol=2, driver_info=None, socket_timeout=None, **self.options)

    def at(self, host: str, port: int) -> Address:
        return replace(self, options={**self.options, "host": host, "port": port})

    def __str__(self) -> str:
        return self.options.get("path") or f"{self.options.get('host', 'localhost')}:{self.options.get('port', 6379)}"


def addresses(source: RedisSource) -> list[Address]:
    """The servers of the URL in its order. AuthError when a file cannot be read.

    Files are read anew at each connect: a rotated password or certificate needs no restart.
    """
    scheme, _, rest = source.url.partition("://")
    login, at, places = rest.rpartition("@")
    hosts, slash, path = places.partition("/")
    if scheme == "unix":
        return [_address(source.url, source)]
    urls = (f"{_SENTINEL.get(scheme, scheme)}://{login}{at}{host}{slash}{path}" for host in hosts.split(","))
    return [_address(url, source) for url in urls]


def master_name(source: RedisSource) -> str | None:
    """What the sentinels call the master; None when the URL does not name sentinels."""
    parts = urlsplit(source.url)
    return unquote(parts.path.strip("/")) if parts.scheme in _SENTINEL else None


def as_sentinel(address: Address, source: RedisSource) -> Address:
    """The address of a sentinel: its login is not that of the master."""
    options = {name: value for name, value in address.options.items() if name not in ("username", "password")}
    if source.sentinel_password_file is not None:
        options["password"] = _secret(source.sentinel_password_file)
    return Address(address.kind, {"port": _SENTINEL_PORT, **options})


def _address(url: str, source: RedisSource) -> Address:
    parts: dict[str, Any] = dict(parse_url(url))
    kind: type[AbstractConnection] = parts.pop("connection_class", Connection)
    taken = _LOGIN_OPTIONS | _TLS_OPTIONS if kind is SSLConnection else _LOGIN_OPTIONS
    options = {name: value for name, value in parts.items() if name in taken}
    for name, path in (("ca_certs", source.ca_file), ("certfile", source.cert_file), ("keyfile", source.key_file)):
        if path is not None:
            options[f"ssl_{name}"] = str(_readable(path))
    if source.username is not None:
        options["username"] = source.username
    if source.password_file is not None:
        options["password"] = _secret(source.password_file)
    if secret := options.get("password"):
        redact.add(secret)
    return Address(kind, options)


def _secret(path: Path) -> str:
    try:
        secret = read_secret(_readable(path))
    except UnicodeDecodeError:
        raise AuthError(f"{path} is not UTF-8 text") from None
    redact.add(secret)
    return secret


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        raise AuthError(f"cannot read {path}: {error.strerror}") from None
