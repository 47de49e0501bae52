"""Settings of whatever is reached over HTTP. Must not import an HTTP library: settings are read in every process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ..config import Section


def check_url(value: str, *schemes: str) -> str:
    """The same URL. ValueError when it is none of these schemes or names no host."""
    try:
        parts = urlsplit(value)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        named = False
    if not named or parts.scheme not in schemes:
        raise ValueError(f"must be a URL that begins with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    return value


def _check_http_url(value: str) -> str:
    return check_url(value, "http", "https")


HttpUrl = Annotated[str, AfterValidator(_check_http_url)]


class HttpOptions(Section):
    """How an HTTP server is spoken to."""

    headers: dict[str, str] = Field(default_factory=dict, description="further request headers")
    username: str | None = Field(None, description="user for basic authentication")
    password_file: Path | None = Field(None, description="file that holds its password, read at each request")
    bearer_token_file: Path | None = Field(None, description="file that holds a bearer token, read at each request")
    ca_file: Path | None = Field(None, description="certificates to trust; default: those of the system")
    cert_file: Path | None = Field(None, description="certificate to show")
    key_file: Path | None = Field(None, description="its key")
    server_name: str | None = Field(None, description="name that the certificate must have; default: that of the URL")
    insecure_skip_verify: bool = Field(False, description="accept any certificate")
    allow_link_local: bool = Field(
        False, description="allow link-local and cloud metadata addresses, also as the aim of a redirect"
    )

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> Self:
        if self.bearer_token_file is not None and self.username is not None:
            raise ValueError("username and bearer_token_file exclude each other")
        if (self.username is None) != (self.password_file is None):
            raise ValueError("username and password_file belong together")
        if self.key_file is not None and self.cert_file is None:
            raise ValueError("key_file needs cert_file")
        return self
