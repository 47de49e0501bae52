"""What is asked over HTTP, what comes back, and what happened on the way. Must not import an HTTP library.

A trace is filled while things happen, so that a failure leaves what came before it.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from socket import AddressFamily
from time import perf_counter
from typing import Any, Literal

from ..errors import AuthError, BadDataError, MissingError, PermissionDeniedError, RefusedError

BODY_MAX_BYTES = 1024 * 1024


class CertificateRefusedError(RefusedError):
    """The server is there, and its certificate is not one to trust."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for."""

    url: str
    method: str = "GET"
    body: bytes | None = None
    follow_redirects: bool = True
    body_max_bytes: int = BODY_MAX_BYTES
    keep_body: bool = True
    """False: the body is read, measured and forgotten."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    length: int
    """Bytes of the body on the wire."""
    version: float
    url: str
    redirects: int
    seconds: float

    @property
    def content_type(self) -> str:
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()


Phase = Literal["resolve", "connect", "tls", "processing", "transfer"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """A TLS connection; times are Unix seconds."""

    earliest_expiry: float
    """Of all that the server showed."""
    chain_expiry: float | None
    """Of the chain by which it was found to be trusted; None when that was not asked for."""
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


def _certificates(connection: ssl.SSLObject) -> Certificates | None:
    # The public way to the chains came with Python 3.13 and gives DER, which the standard library cannot read. This
    # one gives the same fields as getpeercert, also for certificates that are not trusted.
    tls = connection._sslobj  # type: ignore[attr-defined]
    shown = _expiry(tls.get_unverified_chain())
    if shown is None:
        return None
    is_verified = connection.context.verify_mode is not ssl.CERT_NONE
    cipher = connection.cipher()
    return Certificates(
        shown,
        _expiry(tls.get_verified_chain()) if is_verified else None,
        (connection.version() or "").replace("TLSv", "TLS "),
        cipher[0] if cipher else "",
    )


def _expiry(chain: Any) -> float | None:
    """When the first certificate of a chain expires."""
    return min((ssl.cert_time_to_seconds(each.get_info()["notAfter"]) for each in chain or ()), default=None)


def raise_for_status(answer: Answer) -> None:
    """Nothing for a success; otherwise the SourceError that fits the status."""
    if 200 <= answer.status < 300:
        return
    if answer.status == 404:
        raise MissingError("HTTP status 404: nothing is at this address")
    if answer.status in (401, 407):
        raise AuthError(f"HTTP status {answer.status}: the credentials are missing or not accepted")
    if answer.status == 403:
        raise PermissionDeniedError("HTTP status 403: these credentials may not read this address")
    raise BadDataError(f"HTTP status {answer.status}")
