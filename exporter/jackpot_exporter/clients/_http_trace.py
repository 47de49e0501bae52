"""What happens on the way to an answer, noted while it happens, so that a failure leaves what came before it."""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from socket import AddressFamily
from time import perf_counter
from typing import Any, Literal

import aiohttp

Phase = Literal["resolve", "connect", "tls", "processing", "transfer"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """The chain that a server showed; times are Unix seconds."""

    earliest_expiry: float
    version: str
    cipher: str


@dataclass(slots=True)
class Trace:
    """Seconds spent in each phase, over all redirects; and what kind of connection it was in the end."""

    phases: dict[Phase, float] = field(default_factory=dict)
    family: AddressFamily | None = None
    certificates: Certificates | None = None
    status: int = 0
    """The last HTTP status, 0 when none came."""
    _tls: ssl.SSLObject | None = None
    _mark: float = 0.0

    def begin(self) -> None:
        """A request starts."""
        self._tls = None
        self._mark = perf_counter()

    def lap(self, phase: Phase) -> None:
        """What passed since the last lap belongs to this phase."""
        now = perf_counter()
        self.phases[phase] = self.phases.get(phase, 0.0) + now - self._mark
        self._mark = now

    def tls_begins(self, connection: ssl.SSLObject) -> None:
        self.lap("connect")
        self._tls = connection

    def connected(self) -> None:
        if self._tls is None:
            self.lap("connect")
            return
        self.lap("tls")
        self.certificates = _certificates(self._tls)


current_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the request that this task makes."""


def _certificates(connection: ssl.SSLObject) -> Certificates | None:
    # The public way to the chain came with Python 3.13 and gives DER, which the standard library cannot read. This
    # one gives the same fields as getpeercert, also for certificates that are not trusted.
    chain = connection._sslobj.get_unverified_chain() or ()  # type: ignore[attr-defined]
    expiries = [ssl.cert_time_to_seconds(found["notAfter"]) for found in (c.get_info() for c in chain)]
    if not expiries:
        return None
    cipher = connection.cipher()
    return Certificates(min(expiries), connection.version() or "", cipher[0] if cipher else "")


class TracingContext(ssl.SSLContext):
    """A TLS context that tells the trace when a handshake begins: nobody else does."""

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        made = super().wrap_bio(*arguments, **options)
        if trace := current_trace.get():
            trace.tls_begins(made)
        return made


def tls_context(
    ca_file: Path | None, cert_file: Path | None, key_file: Path | None, *, is_verified: bool
) -> TracingContext:
    """A client's context. OSError or ssl.SSLError when a file cannot be used."""
    context = TracingContext(ssl.PROTOCOL_TLS_CLIENT)
    if not is_verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif ca_file is not None:
        context.load_verify_locations(ca_file)
    else:
        context.load_default_certs()
    if cert_file is not None:
        context.load_cert_chain(cert_file, key_file)
    return context


def trace_config() -> aiohttp.TraceConfig:
    """Tells the trace about connections and answers."""

    async def start(*_: object) -> None:
        if trace := current_trace.get():
            trace.begin()

    async def connected(*_: object) -> None:
        if trace := current_trace.get():
            trace.connected()

    async def answered(*_: object) -> None:
        if trace := current_trace.get():
            trace.lap("processing")

    config = aiohttp.TraceConfig()
    config.on_request_start.append(start)
    config.on_connection_create_end.append(connected)
    config.on_request_end.append(answered)
    return config
