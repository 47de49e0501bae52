"""The options of the command: what is asked for, where the servers are, where the document goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import click

from ..config import parse_duration
from .delivery import Security
from .kinds import Kind

_LONGEST_SECONDS = 366 * 86400.0
_FILE = click.Path(dir_okay=False, path_type=Path)

F = TypeVar("F", bound=Callable[..., Any])


class Format(StrEnum):
    HTML = "html"
    MARKDOWN = "md"
    JSON = "json"
    PDF = "pdf"


class Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 60 <= seconds <= _LONGEST_SECONDS:
            self.fail("must be between a minute and a year", param, ctx)
        return seconds


class Moment(click.ParamType[float]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if value == "now":
            return time.time()
        try:
            moment = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no time; write now, 2026-03-01 or 2026-03-01T08:00", param, ctx)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


@dataclass(frozen=True, slots=True)
class Chosen:
    """The options as they were given."""

    kind: Kind
    since: float | None
    until: float
    format: Format
    output: Path | None
    namespace: str
    service: str | None
    prometheus: str
    alertmanager: str
    bearer_token_file: Path | None
    ca_file: Path | None
    timeout: float
    mail_to: tuple[str, ...]
    mail_from: str
    smtp_host: str
    smtp_port: int | None
    smtp_security: Security
    smtp_user: str | None
    smtp_password_file: Path | None
    smtp_ca_file: Path | None
    webhook: str | None
    webhook_file: Path | None


def _choice(name: str, kinds: type[StrEnum], default: StrEnum, **more: Any) -> Callable[[F], F]:
    """By value: click would show the names of the members."""
    words = click.Choice([one.value for one in kinds])
    return click.option(name, type=words, default=default.value, callback=lambda _, __, word: kinds(word), **more)


_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    _choice("--kind", Kind, Kind.HEALTH),
    click.option("--since", type=Duration(), help="How far back; by kind 24h, 4h, 7d or 30d when left out."),
    click.option("--until", type=Moment(), default="now", help="Where it ends, UTC: 2026-03-01T08:00."),
    _choice("--format", Format, Format.HTML),
    click.option("--output", type=_FILE, help="A file; otherwise standard output."),
    click.option("--namespace", default="jackpot", help="First word of the families it is about."),
    click.option("--service", help="Only this service; all of the namespace when left out."),
    click.option("--prometheus.url", "prometheus", envvar="PROMETHEUS_URL", default="http://localhost:9090"),
    click.option("--alertmanager.url", "alertmanager", envvar="ALERTMANAGER_URL", default="http://localhost:9093"),
    click.option("--bearer-token-file", type=_FILE, help="For servers that ask for a token."),
    click.option("--ca-file", type=_FILE, help="Certificates to trust instead of the system's."),
    click.option("--timeout", type=click.FloatRange(0.1, 600), default=60.0, help="Seconds for each question."),
    click.option("--mail-to", multiple=True, help="Send it to this address as an attachment; may be repeated."),
    click.option("--mail-from", envvar="MAIL_FROM", default="jackpot-exporter@localhost"),
    click.option("--smtp-host", envvar="SMTP_HOST", default="localhost"),
    click.option("--smtp-port", envvar="SMTP_PORT", type=click.IntRange(1, 65535), help="By security 587, 465 or 25."),
    _choice("--smtp-security", Security, Security.STARTTLS, envvar="SMTP_SECURITY"),
    click.option("--smtp-user", envvar="SMTP_USER"),
    click.option("--smtp-password-file", envvar="SMTP_PASSWORD_FILE", type=_FILE),
    click.option("--smtp-ca-file", type=_FILE, help="Certificates to trust instead of the system's."),
    click.option("--webhook", help="POST a summary and the report as JSON to this URL."),
    click.option("--webhook-file", type=_FILE, help="A file that holds the URL, which is often a secret."),
)


def options(command: F) -> F:
    """The command with all of them, in this order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
