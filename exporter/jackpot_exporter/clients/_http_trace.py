"""Tells the trace of a request what happens to its connection."""

from __future__ import annotations

import ssl
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import aiohttp

from .http_exchange import Trace

current_trace: ContextVar[Trace | None] = ContextVar("trace", default=None)
"""The trace of the request that this task makes."""


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
