"""Settings of a probe."""

from __future__ import annotations

import re
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ..clients.http_options import HttpOptions, check_url
from ..config import Schedule, Seconds

HTTP_SCHEMES = ("http", "https")
WEBSOCKET_SCHEMES = ("ws", "wss")
SOCKET_SCHEMES = ("tcp", "tls")
SCHEMES = (*HTTP_SCHEMES, *WEBSOCKET_SCHEMES, *SOCKET_SCHEMES, "dns")


def _check_probe_url(value: str) -> str:
    check_url(value, *SCHEMES)
    parts = urlsplit(value)
    if parts.scheme in SOCKET_SCHEMES and parts.port is None:
        raise ValueError(f"{parts.scheme}:// needs a port")
    return value


def _check_pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return value


ProbeUrl = Annotated[str, AfterValidator(_check_probe_url)]
Pattern = Annotated[str, AfterValidator(_check_pattern)]
StatusCode = Annotated[int, Field(ge=100, le=599)]


class ProbeSettings(HttpOptions, Schedule):
    """One address that is tried from outside, as its users do."""

    name: str = Field(pattern=r"^[\w.-]{1,64}$", description="its name, the label `probe`")
    url: ProbeUrl = Field(
        description="what to try: http(s)://, ws(s):// with a ping, tcp://host:port, tls://host:port, or dns://name"
    )
    within: Seconds | None = Field(None, description="limit for this probe; default: what the number of probes allows")
    method: str = Field("GET", pattern="^[A-Z]{3,10}$", description="HTTP method")
    body: str | None = Field(None, description="HTTP body to send")
    follow_redirects: bool = Field(True, description="go where redirects lead; to http and https only")
    valid_status: tuple[StatusCode, ...] = Field((), description="HTTP status codes that are a success; default: 2xx")
    body_contains: str | None = Field(None, description="text that the answer must contain")
    body_matches: Pattern | None = Field(
        None, description="regular expression that a line of the answer must match (lines are cut at 8 KiB)"
    )
    body_not_matches: Pattern | None = Field(None, description="regular expression that no line may match")
    max_body_bytes: int = Field(1024 * 1024, ge=0, description="longer answers are a failure")

    @model_validator(mode="after")
    def _fitting(self) -> Self:
        if self.scheme not in HTTP_SCHEMES and self.reads_body:
            raise ValueError("body_contains, body_matches and body_not_matches are for http:// and https://")
        return self

    @property
    def scheme(self) -> str:
        return urlsplit(self.url).scheme

    @property
    def reads_body(self) -> bool:
        """Whether what the answer says matters."""
        return any(wish is not None for wish in (self.body_contains, self.body_matches, self.body_not_matches))
