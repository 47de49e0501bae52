"""One probe, tried once: what was measured until it succeeded or failed."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from socket import AF_INET6
from time import perf_counter
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from ..clients.http_exchange import Answer, CertificateRefusedError, Request, Trace
from ..errors import SourceError
from . import _probe_families as families
from ._probe_settings import HTTP_SCHEMES, SOCKET_SCHEMES, WEBSOCKET_SCHEMES, ProbeSettings

if TYPE_CHECKING:
    from ..clients.http import HttpClient

_LINE_MAX: Final = 8192  # bytes; a regular expression may take the square of this
_SEARCHED_MAX: Final = 256 * 1024
_PORTS: Final = {"https": 443, "wss": 443}


@dataclass(slots=True)
class Finding:
    """What one try brought: values by family, the time of each phase, the TLS connection, and why it failed."""

    values: dict[str, float] = field(default_factory=dict)
    phases: Mapping[str, float] | None = None
    tls_version: str = ""
    tls_cipher: str = ""
    failure: str = ""


class _FailedError(Exception):
    """The server answered as it should not."""


async def run(probe: ProbeSettings, client: HttpClient, within_seconds: float) -> Finding:
    """Try once. Never raises SourceError: a failure is what a probe is for."""
    found = Finding()
    trace = Trace()
    limit = min(probe.within or within_seconds, within_seconds)
    started = perf_counter()
    try:
        await _KINDS[probe.scheme](probe, client, limit, trace, found)
    except CertificateRefusedError as error:
        found.failure = str(error)
        await _look_at_certificate(probe, client, limit - (perf_counter() - started), trace)
    except (SourceError, _FailedError) as error:
        found.failure = str(error)
    found.values[families.SUCCESS.name] = int(not found.failure)
    found.values[families.DURATION.name] = perf_counter() - started
    _describe(trace, found)
    return found


def _describe(trace: Trace, found: Finding) -> None:
    values = found.values
    values[families.DNS.name] = trace.phases.get("resolve", 0.0)
    if trace.family is not None:
        values[families.PROTOCOL.name] = 6 if trace.family == AF_INET6 else 4
    if trace.certificates is not None:
        values[families.EXPIRY.name] = trace.certificates.earliest_expiry
        if trace.certificates.chain_expiry is not None:
            values[families.CHAIN_EXPIRY.name] = trace.certificates.chain_expiry
        found.tls_version, found.tls_cipher = trace.certificates.version, trace.certificates.cipher


async def _look_at_certificate(probe: ProbeSettings, client: HttpClient, left_seconds: float, trace: Trace) -> None:
    """An expired certificate ends the handshake before it can be seen: look once more, and ask for nothing."""
    parts = urlsplit(probe.url)
    url = f"tls://{parts.netloc.rpartition('@')[2]}"
    if parts.port is None:
        url += f":{_PORTS.get(parts.scheme, 443)}"
    trusting = probe.model_copy(update={"insecure_skip_verify": True})
    again = Trace()
    try:
        await client.connect(url, trusting, max(0.01, left_seconds), again)
    except SourceError:
        return
    trace.certificates = again.certificates


async def _http(probe: ProbeSettings, client: HttpClient, limit: float, trace: Trace, found: Finding) -> None:
    body = probe.body.encode() if probe.body is not None else None
    request = Request(
        probe.url, probe.method, body, probe.follow_redirects, probe.max_body_bytes, keep_body=probe.reads_body
    )
    values = found.values
    try:
        answer = await client.fetch(request, probe, limit, trace)
    finally:
        values[families.STATUS.name] = trace.status
        found.phases = {phase: trace.phases.get(phase, 0.0) for phase in families.PHASE_NAMES}  # type: ignore[call-overload]
    values[families.REDIRECTS.name] = answer.redirects
    values[families.SSL.name] = int(answer.url.startswith("https:"))
    values[families.VERSION.name] = answer.version
    values[families.LENGTH.name] = _length(answer)
    values[families.BODY.name] = len(answer.body) if probe.reads_body else answer.length
    modified = _modified(answer)
    if modified is not None:
        values[families.MODIFIED.name] = modified
    _judge(probe, answer, values)


def _judge(probe: ProbeSettings, answer: Answer, values: dict[str, float]) -> None:
    is_valid = answer.status in probe.valid_status if probe.valid_status else 200 <= answer.status < 300
    complaint = _complaint(probe, answer.body)
    values[families.REGEX.name] = int(is_valid and bool(complaint))
    if not is_valid:
        wanted = ", ".join(map(str, probe.valid_status)) or "2xx"
        raise _FailedError(f"HTTP status {answer.status}, wanted {wanted}")
    if complaint:
        raise _FailedError(complaint)


def _complaint(probe: ProbeSettings, body: bytes) -> str:
    """What the body should say and does not, or the other way round; without the body itself."""
    if probe.body_contains is not None and probe.body_contains.encode() not in body:
        return "the answer does not contain body_contains"
    if probe.body_matches is not None and not _any_line(probe.body_matches, body):
        return "no line of the answer matches body_matches"
    if probe.body_not_matches is not None and _any_line(probe.body_not_matches, body):
        return "a line of the answer matches body_not_matches"
    return ""


def _any_line(pattern: str, body: bytes) -> bool:
    """Line by line and cut: on one line of a megabyte an innocent expression takes minutes."""
    matches = re.compile(pattern.encode()).search
    return any(matches(line[:_LINE_MAX]) for line in body[:_SEARCHED_MAX].splitlines() or [b""])


def _length(answer: Answer) -> int:
    text = answer.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else -1


def _modified(answer: Answer) -> float | None:
    try:
        return parsedate_to_datetime(answer.headers["Last-Modified"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


async def _websocket(probe: ProbeSettings, client: HttpClient, limit: float, trace: Trace, found: Finding) -> None:
    try:
        found.values[families.PING.name] = await client.ping(probe.url, probe, limit, trace)
    finally:
        found.values[families.WEBSOCKET_STATUS.name] = trace.status
        found.values[families.UPGRADED.name] = int(trace.status == 101)


async def _socket(probe: ProbeSettings, client: HttpClient, limit: float, trace: Trace, _: Finding) -> None:
    await client.connect(probe.url, probe, limit, trace)


async def _dns(probe: ProbeSettings, client: HttpClient, limit: float, trace: Trace, found: Finding) -> None:
    count = await client.resolve(urlsplit(probe.url).hostname or "", probe, limit, trace)
    found.values[families.ADDRESSES.name] = count


_Kind = Callable[[ProbeSettings, "HttpClient", float, Trace, Finding], Awaitable[None]]
_KINDS: Final[Mapping[str, _Kind]] = {
    **dict.fromkeys(HTTP_SCHEMES, _http),
    **dict.fromkeys(WEBSOCKET_SCHEMES, _websocket),
    **dict.fromkeys(SOCKET_SCHEMES, _socket),
    "dns": _dns,
}
