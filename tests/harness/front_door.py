"""The exporter behind its front door, and clients that say exactly what a test wants."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from .exporter import ExporterProcess

OPEN_PATHS = ("/-/healthy", "/-/ready")
PASSWORD = "s3cret:with colon é"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class FrontDoorProcess(ExporterProcess):
    """`jackpot-exporter serve` with a web configuration and the block `web` of the settings."""

    def __init__(self, config: Mapping[str, Any] | str | None = None, web: Mapping[str, Any] | None = None) -> None:
        super().__init__({"host": {"interval": "1s"}, "web": dict(web or {})})
        self.config_path = self.folder / "web.yml"
        if config is not None:
            self.configure(config)
            self.arguments = ("--web.config.file", str(self.config_path))

    def configure(self, config: Mapping[str, Any] | str) -> None:
        """Write the web configuration, in place as an editor does."""
        self.config_path.write_text(config if isinstance(config, str) else yaml.safe_dump(dict(config)))

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
            return True
        return False

    def ask(
        self,
        path: str = "/metrics",
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        tls: ssl.SSLContext | None = None,
        source: str = "127.0.0.1",
    ) -> Answer:
        """One request on a connection of its own."""
        with contextlib.closing(self.connection(tls, source)) as connection:
            connection.request(method, path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())

    def connection(self, tls: ssl.SSLContext | None = None, source: str = "127.0.0.1") -> http.client.HTTPConnection:
        """A connection to make requests on."""
        address = (source, 0)
        if tls is None:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20, source_address=address)
        return http.client.HTTPSConnection("localhost", self.port, timeout=20, source_address=address, context=tls)

    @contextlib.contextmanager
    def socket(self, tls: ssl.SSLContext | None = None) -> Iterator[socket.socket]:
        """A bare connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as plain:
            if tls is None:
                yield plain
            else:
                with tls.wrap_socket(plain, server_hostname="localhost") as secured:
                    yield secured

    def say(self, request: bytes) -> bytes:
        """Everything that comes back until the server closes; it must do so within 20 seconds."""
        with self.socket() as connection:
            connection.sendall(request)
            return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    """Everything until the other side closes or resets; TimeoutError when it does neither."""
    received = b""
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        while piece := connection.recv(65536):
            received += piece
    return received


def is_closed_within(connection: socket.socket, seconds: float, drip: bytes = b"") -> bool:
    """Whether the server closes, while a byte is sent every tenth of a second."""
    deadline = time.monotonic() + seconds
    connection.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            if drip:
                connection.sendall(drip)
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


def basic(user: str, password: str) -> dict[str, str]:
    """The header of a login."""
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


RIGHT = basic("prometheus", PASSWORD)


def bearer(token: str) -> dict[str, str]:
    """The header of a token."""
    return {"Authorization": f"Bearer {token}"}


def hashed(password: str, cost: int = 10) -> str:
    """What stands in the web configuration for a password."""
    return bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(cost)).decode()


def tls_config(chain: Path, **more: Any) -> dict[str, Any]:
    """The web configuration that serves this certificate."""
    return {"tls_server_config": {"cert_file": str(chain), "key_file": str(chain), **more}}


def replace(path: Path, text: str) -> None:
    """Write a file at once, as a secret store does."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.rename(path)


def trusting(ca: Path, **versions: ssl.TLSVersion) -> ssl.SSLContext:
    """The context of a client that trusts this authority."""
    context = ssl.create_default_context(cafile=str(ca))
    for name, version in versions.items():
        setattr(context, name, version)
    return context
