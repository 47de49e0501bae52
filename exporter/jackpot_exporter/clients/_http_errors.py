"""Why there was no answer, in our words: aiohttp's texts hold the URL, and with it perhaps a token."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable

import aiohttp

from ..errors import BadDataError, RefusedError, SourceError
from .http_exchange import CertificateRefusedError


def translate(error: Exception) -> SourceError:
    """The SourceError for what aiohttp or the system raised."""
    if isinstance(error, SourceError):
        return error
    for kinds, wording in _WORDINGS:
        if isinstance(error, kinds):
            return wording(error)
    return BadDataError(f"no answer: {type(error).__name__}")


def reason(error: BaseException) -> str:
    """What the system says, without its numbers."""
    # aiohttp's own numbers and texts are copies: that of a TLS error would be read as one of the system.
    while isinstance(error, aiohttp.ClientError) and isinstance(error.__cause__, OSError):
        error = error.__cause__
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or "TLS failed"
    if isinstance(error, OSError):
        return os.strerror(error.errno) if error.errno else str(error)
    return str(error)


_WORDINGS: tuple[tuple[tuple[type[Exception], ...], Callable[[Exception], SourceError]], ...] = (
    # The first that fits counts: a class stands before those it derives from.
    ((aiohttp.ClientConnectorDNSError, socket.gaierror), lambda _: RefusedError("the host name does not resolve")),
    (
        (aiohttp.ClientConnectorCertificateError, ssl.SSLCertVerificationError),
        lambda error: CertificateRefusedError(f"its certificate is not accepted: {reason(error)}"),
    ),
    (
        (aiohttp.ServerDisconnectedError,),
        lambda _: RefusedError("the server closed the connection without an answer"),
    ),
    (
        (aiohttp.WSServerHandshakeError,),
        lambda error: BadDataError(f"no upgrade to a WebSocket: HTTP status {getattr(error, 'status', 0)}"),
    ),
    ((aiohttp.InvalidURL,), lambda _: BadDataError("the address is not a URL")),
    ((aiohttp.ClientPayloadError,), lambda _: BadDataError("the answer breaks off")),
    ((aiohttp.ClientResponseError,), lambda _: BadDataError("the answer is not HTTP")),
    ((OSError,), lambda error: RefusedError(f"no connection: {reason(error)}")),
    ((ValueError,), lambda _: BadDataError("the answer is not HTTP")),
)
