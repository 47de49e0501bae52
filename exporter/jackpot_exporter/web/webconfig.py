"""The file of `--web.config.file`, in the format of Prometheus' exporter-toolkit.

Only reads and checks, and puts nothing in force; relative paths in it are relative to the file. What the format knows
and this server does not do (HTTP/2, cipher suites by name) is accepted where leaving it out harms nobody, and refused
otherwise.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from .. import yamlfile
from ..config import Section
from ..errors import InvalidInputError, Problem
from .tls import TlsConfig, earliest_expiry, server_context

_HASH = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_COSTS = range(4, 15)
_HEADERS = (
    "Content-Security-Policy",
    "Strict-Transport-Security",
    "X-Content-Type-Options",
    "X-Frame-Options",
    "X-XSS-Protection",
)


def _check_hash(value: str) -> str:
    match = _HASH.fullmatch(value)
    if match is None:
        raise ValueError("not a bcrypt hash; htpasswd -nBC 10 \"\" | tr -d ':' makes one")
    if int(match[1]) not in _COSTS:
        raise ValueError(f"a cost outside {_COSTS[0]} to {_COSTS[-1]}: one check would be too cheap, or take seconds")
    return value


def _check_users(value: dict[str, str]) -> dict[str, str]:
    if any(":" in name or not name for name in value):
        raise ValueError("a user name must not be empty and has no colon")
    return value


def _check_headers(value: dict[str, str]) -> dict[str, str]:
    for name, text in value.items():
        if name not in _HEADERS:
            raise ValueError(f"not a header that can be set: {name}; use one of: {', '.join(_HEADERS)}")
        if not text.isascii() or not text.isprintable():
            raise ValueError(f"characters that no header may have, in {name}")
    return value


Hash = Annotated[str, AfterValidator(_check_hash)]
Users = Annotated[dict[str, Hash], AfterValidator(_check_users)]
Headers = Annotated[dict[str, str], AfterValidator(_check_headers)]


class HttpConfig(Section):
    """`http_server_config`."""

    http2: bool = Field(True, description="taken for the format's sake: the server speaks HTTP/1.1")
    headers: Headers = Field({}, description="headers of every answer")


class WebConfig(Section):
    """The whole file."""

    tls_server_config: TlsConfig | None = None
    basic_auth_users: Users = Field({}, description="bcrypt hashes by user name")
    http_server_config: HttpConfig = HttpConfig()


@dataclass(frozen=True, slots=True)
class LoadedWebConfig:
    """What the file says, and what the files that it names gave."""

    config: WebConfig
    tls: ssl.SSLContext | None
    certificate_expiry: float | None
    """When the first certificate of our chain ends, in Unix seconds."""
    files: tuple[Path, ...]
    """Everything that was read."""


def load_web_config(path: Path) -> LoadedWebConfig:
    """Read the file, its certificates and keys. InvalidInputError with every problem and its place."""
    try:
        return _load(path)
    except InvalidInputError as error:
        # Lines are not repeated: a password may stand where its hash belongs.
        raise InvalidInputError([_without_line(problem) for problem in error.problems]) from None


def _load(path: Path) -> LoadedWebConfig:
    document = yamlfile.load(path)
    if document.data is None:
        # While an editor writes it a file is empty for a moment: that must not open the door.
        raise InvalidInputError([Problem(f"{path}: is empty", remedy="write {} to ask for nothing")])
    config = yamlfile.validate(document, WebConfig)
    if config.tls_server_config is None:
        return LoadedWebConfig(config, None, None, (path,))
    tls = _anchored(config.tls_server_config, path.parent)
    problems = [*_file_problems(document, tls)]
    if problems:
        raise InvalidInputError(problems)
    try:
        context = server_context(tls)
    except (OSError, ValueError) as error:
        # Each file by itself is well, so it is how they go together.
        raise InvalidInputError([_problem(document, "key_file", _reason(error))]) from None
    return LoadedWebConfig(config, context, earliest_expiry(tls.cert_file.read_text()), (path, *tls.files))


def _without_line(problem: Problem) -> Problem:
    return replace(problem, place=replace(problem.place, source_line="")) if problem.place else problem


def _anchored(tls: TlsConfig, folder: Path) -> TlsConfig:
    paths = {name: value for name, value in tls if isinstance(value, Path)}
    return tls.model_copy(update={name: folder / value for name, value in paths.items()})


def _file_problems(document: yamlfile.Document, tls: TlsConfig) -> Iterator[Problem]:
    for name in ("cert_file", "key_file", "client_ca_file"):
        path: Path | None = getattr(tls, name)
        if path is None:
            continue
        try:
            text = path.read_text(encoding="ascii", errors="replace")
            if name != "key_file":
                earliest_expiry(text)
        except OSError as error:
            yield _problem(document, name, f"{path} cannot be read: {error.strerror}")
        except ValueError as error:
            yield _problem(document, name, f"{path}: {error}")


def _problem(document: yamlfile.Document, name: str, message: str) -> Problem:
    way = ("tls_server_config", name)
    return Problem(f"{'.'.join(way)}: {message}", document.place(way))


def _reason(error: Exception) -> str:
    if isinstance(error, ssl.SSLError) and error.reason == "KEY_VALUES_MISMATCH":
        return "the key belongs to another certificate"
    what = error.reason if isinstance(error, ssl.SSLError) else str(error)
    return f"the key cannot be used, with a passphrase it never can: {what}"
