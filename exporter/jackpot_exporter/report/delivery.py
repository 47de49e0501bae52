"""A finished report sent: as an attachment by mail, or as JSON to a webhook. Nothing is tried twice.

Secrets come from files and are masked wherever text is written; the address of a webhook is one itself.
"""

from __future__ import annotations

import json
import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import StrEnum
from pathlib import Path

from ..clients.http import HttpClient
from ..clients.http_exchange import Request, raise_for_status
from ..clients.http_options import HttpOptions
from ..config import read_secret
from ..errors import AuthError, BadDataError, RefusedError, SourceError, SourceTimeoutError
from ..redaction import redact
from .document import report_document
from .markdown import render_markdown, summary
from .model import Report
from .page import title
from .wording import say_date, say_status

_WITHIN_SECONDS = 30.0


class Security(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over, and who we are there."""

    host: str
    port: int
    sender: str
    security: Security = Security.STARTTLS
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None


@dataclass(frozen=True, slots=True)
class Attachment:
    """The document as a file."""

    name: str
    kind: str
    content: bytes


def send_mail(report: Report, attachment: Attachment, server: MailServer, to: Sequence[str]) -> None:
    """Hand it over. SourceError says why it could not be, or who was refused."""
    message = _message(report, attachment, server.sender, to)
    try:
        with _connect(server) as connection:
            _log_in(connection, server)
            refused = connection.send_message(message)
    except smtplib.SMTPAuthenticationError:
        raise AuthError(f"mail server {server.host}: the user or the password is not accepted") from None
    except TimeoutError:
        raise SourceTimeoutError(f"mail server {server.host}: no answer within {_WITHIN_SECONDS:g}s") from None
    except (smtplib.SMTPException, OSError) as error:
        raise RefusedError(f"mail server {server.host}: {redact(str(error))}") from None
    if refused:
        raise BadDataError(f"mail server {server.host} refuses {', '.join(sorted(refused))}")


async def post(report: Report, url: str, within_seconds: float = _WITHIN_SECONDS) -> None:
    """POST `text`, a summary that chat services show, and `report`, all of it. SourceError without the address."""
    body = {"text": summary(report), "report": report_document(report)}
    request = Request(url, "POST", json.dumps(body).encode(), follow_redirects=False)
    client = HttpClient()
    redact.add(url)
    try:
        options = HttpOptions.model_validate({"headers": {"Content-Type": "application/json"}})
        raise_for_status(await client.fetch(request, options, within_seconds))
    except SourceError as error:
        raise type(error)(f"webhook: {redact(str(error))}") from None
    finally:
        await client.close()


def _message(report: Report, attachment: Attachment, sender: str, to: Sequence[str]) -> EmailMessage:
    message = EmailMessage()
    state = f", {say_status(report.status)}" if report.status else ""
    # A header cannot hold a line break, and a service may be called anything.
    message["Subject"] = " ".join(f"{title(report)}, {say_date(report.period.end)}{state}".split())
    message["From"] = sender
    message["To"] = ", ".join(to)
    message["Date"] = formatdate(report.made_at)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or None)
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(f"{summary(report)}\n\n{render_markdown(report).decode()}", cte="quoted-printable")
    main, _, sub = attachment.kind.partition("/")
    message.add_attachment(attachment.content, maintype=main, subtype=sub, filename=attachment.name)
    return message


def _connect(server: MailServer) -> smtplib.SMTP:
    context = ssl.create_default_context(cafile=server.ca_file)
    if server.security is Security.TLS:
        return smtplib.SMTP_SSL(server.host, server.port, timeout=_WITHIN_SECONDS, context=context)
    connection = smtplib.SMTP(server.host, server.port, timeout=_WITHIN_SECONDS)
    if server.security is Security.STARTTLS:
        try:
            connection.starttls(context=context)
        except BaseException:
            connection.close()
            raise
    return connection


def _log_in(connection: smtplib.SMTP, server: MailServer) -> None:
    if server.user is None or server.password_file is None:
        return
    try:
        password = read_secret(server.password_file)
    except OSError as error:
        raise AuthError(f"cannot read {error.filename}: {error.strerror}") from None
    redact.add(password)
    connection.login(server.user, password)
