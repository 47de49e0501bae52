"""Sent by mail over real SMTP and posted to a real HTTP server; what goes wrong is told without the secrets."""

from __future__ import annotations

import asyncio
import email
import email.policy
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from harness.answering import answering, http
from harness.certificates import Authority
from jackpot_exporter.demo.process import free_port
from jackpot_exporter.errors import AuthError, BadDataError, RefusedError, SourceError
from jackpot_exporter.report.delivery import Attachment, MailServer, Security, post, send_mail
from jackpot_exporter.report.document import report_document
from jackpot_exporter.report.model import Finding, Period, Report, Section, Source, Status

PASSWORD = "hunter2-of-the-mail"
REPORT = Report(
    "health",
    "Health",
    ("de\nmo",),
    Period(1_772_352_000, 1_772_438_400),
    1_772_438_460,
    (Source("Prometheus"),),
    (Section("state", "Service", findings=(Finding(Status.BAD, "The cache is down."),)),),
)
PAGE = Attachment("health.html", "text/html", b"<!doctype html>\xc3\xa4")


class Postbox:
    """Keeps what is handed over."""

    def __init__(self) -> None:
        self.letters: list[tuple[list[str], EmailMessage]] = []

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address.startswith("nobody@"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        content = envelope.content or b""
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        self.letters.append((envelope.rcpt_tos, message))
        return "250 taken"


def is_known(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: object) -> AuthResult:
    assert isinstance(login, LoginPassword)
    return AuthResult(success=login.password == PASSWORD.encode(), handled=False)


@asynccontextmanager
async def mail_server(authority: Authority | None = None) -> AsyncIterator[tuple[Postbox, int]]:
    """With an authority it wants STARTTLS and a login."""
    postbox, port = Postbox(), free_port()
    tls = authority.server(f"mail-{port}") if authority else None

    def protocol() -> SMTP:
        if tls is None:
            return SMTP(postbox, hostname="localhost")
        return SMTP(
            postbox,
            hostname="localhost",
            tls_context=tls,
            require_starttls=True,
            auth_required=True,
            authenticator=is_known,
        )

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", port)
    try:
        yield postbox, port
    finally:
        server.close()
        await server.wait_closed()


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    return file


async def send(server: MailServer, *to: str) -> None:
    await asyncio.to_thread(send_mail, REPORT, PAGE, server, to or ("ops@example.com",))


async def test_a_letter_holds_summary_text_and_file() -> None:
    async with mail_server() as (postbox, port):
        await send(MailServer("127.0.0.1", port, "report@example.com", Security.NONE), "a@example.com", "b@example.com")

    ((to, letter),) = postbox.letters
    (attached,) = letter.iter_attachments()
    text = letter.get_body(("plain",))
    assert text is not None
    assert to == ["a@example.com", "b@example.com"]
    assert letter["Subject"] == "Health: de mo, 2026-03-02, bad"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert "bad: The cache is down." in text.get_content()
    assert (attached.get_filename(), attached.get_content_type()) == ("health.html", "text/html")
    assert attached.get_payload(decode=True) == PAGE.content


async def test_the_password_goes_only_over_tls(tmp_path: Path, password_file: Path) -> None:
    authority = Authority(tmp_path)
    async with mail_server(authority) as (postbox, port):
        server = MailServer("localhost", port, "r@example.com", Security.STARTTLS, "ops", password_file, authority.file)
        await send(server)

    assert len(postbox.letters) == 1


async def test_a_certificate_that_is_not_trusted_ends_it(tmp_path: Path, password_file: Path) -> None:
    async with mail_server(Authority(tmp_path)) as (postbox, port):
        server = MailServer("localhost", port, "r@example.com", Security.STARTTLS, "ops", password_file)
        with pytest.raises(RefusedError, match="certificate"):
            await send(server)

    assert postbox.letters == []


async def test_a_server_without_starttls_gets_nothing() -> None:
    async with mail_server() as (postbox, port):
        with pytest.raises(RefusedError, match="STARTTLS"):
            await send(MailServer("127.0.0.1", port, "r@example.com"))

    assert postbox.letters == []


async def test_a_wrong_password_is_not_shown(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    (tmp_path / "wrong").write_text("a-wrong-password")
    async with mail_server(authority) as (_, port):
        server = MailServer("localhost", port, "r@x.org", Security.STARTTLS, "ops", tmp_path / "wrong", authority.file)
        with pytest.raises(AuthError) as caught:
            await send(server)

    assert "a-wrong-password" not in str(caught.value)


async def test_a_refused_address_is_named() -> None:
    async with mail_server() as (postbox, port):
        server = MailServer("127.0.0.1", port, "r@example.com", Security.NONE)
        with pytest.raises(BadDataError, match=r"nobody@example\.com"):
            await send(server, "a@example.com", "nobody@example.com")

    assert len(postbox.letters) == 1


async def test_no_mail_server_is_told() -> None:
    with pytest.raises(RefusedError, match=r"mail server 127\.0\.0\.1"):
        await send(MailServer("127.0.0.1", free_port(), "r@example.com", Security.NONE))


async def test_a_webhook_gets_summary_and_report() -> None:
    bodies: list[bytes] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies.append(await reader.read(65536))
        writer.write(http(b"ok"))

    async with answering(take) as server:
        await post(REPORT, server.url)

    sent = json.loads(bodies[0])
    assert sent["text"].startswith("Health: de\nmo\n2026-03-01 08:00 to 2026-03-02 08:00 UTC")
    assert "- bad: The cache is down." in sent["text"]
    assert sent["report"] == report_document(REPORT)


@pytest.mark.parametrize("status", [301, 404, 500])
async def test_a_webhook_that_says_no_is_not_named(status: int) -> None:
    async with answering(http(b"no", status, "text/plain", "Location: http://127.0.0.1/else")) as server:
        url = f"{server.url}/T0/secret-part"
        with pytest.raises(SourceError) as caught:
            await post(REPORT, url)

    assert str(status) in str(caught.value)
    assert "secret-part" not in str(caught.value)


async def test_a_mute_webhook_has_a_deadline() -> None:
    async def wait(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with answering(wait) as server:
        with pytest.raises(SourceError, match="no answer within"):
            await post(REPORT, server.url, 0.2)
