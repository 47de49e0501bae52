"""`jackpot-exporter report`: one document about a day, a week or a month.

Exit status: 0 done, 1 a server does not answer (the report is made, and says so) or a delivery failed, 2 usage.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from ..alerts.servers import Alertmanager, Prometheus
from ..clients.http import HttpClient
from ..clients.http_options import HttpOptions, check_url
from ..config import read_secret
from ..errors import ExporterError
from ..redaction import redact
from .answers import Scope
from .assembly import Order, build_report
from .delivery import Attachment, MailServer, Security, post, send_mail
from .document import render_json
from .kinds import OUTLINES
from .markdown import render_markdown
from .model import Chart, Period, Report
from .options import Chosen, Format, options
from .page import Draw, Element, render_page
from .wording import say_date

_EXTRA = "pip install 'jackpot-exporter[report]'"


_TYPES = {
    Format.HTML: "text/html",
    Format.MARKDOWN: "text/markdown",
    Format.JSON: "application/json",
    Format.PDF: "application/pdf",
}


_PORTS = {Security.STARTTLS: 587, Security.TLS: 465, Security.NONE: 25}


@click.command(context_settings={"show_default": True})
@options
def report(**given: Any) -> None:
    """Service, errors, objectives, alerts, database, money, backups and forecasts in one document."""
    chosen = Chosen(**given)
    _check(chosen)
    webhook = _webhook(chosen)
    made = _build(chosen)
    content = _render(made, chosen.format)
    if chosen.output is not None:
        _write(chosen.output, content)
    elif not (chosen.mail_to or webhook):
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    is_sent = _deliver(made, content, chosen, webhook)
    for source in made.sources:
        if source.problem:
            click.echo(f"{source.name} did not answer everything: {source.problem}", err=True)
    sys.exit(0 if made.is_complete and is_sent else 1)


def _check(chosen: Chosen) -> None:
    """What one option alone cannot know; passwords in addresses are masked from here on."""
    if not (chosen.namespace.isidentifier() and chosen.namespace.isascii()):
        raise click.UsageError(f"--namespace {chosen.namespace!r} must be letters, digits and _, a digit not first")
    if (chosen.smtp_user is None) != (chosen.smtp_password_file is None):
        raise click.UsageError("--smtp-user and --smtp-password-file belong together")
    if chosen.smtp_user is not None and chosen.smtp_security is Security.NONE:
        raise click.UsageError("--smtp-security none would send the password in the clear; use starttls or tls")
    for url in (chosen.prometheus, chosen.alertmanager):
        _check_url("a server's address", url)
        if password := urlsplit(url).password:
            redact.add(password)
    if chosen.format is Format.PDF:
        _check_pdf(chosen)


def _check_pdf(chosen: Chosen) -> None:
    if not _has("fpdf") or not _has("matplotlib"):
        raise click.UsageError(f"--format pdf needs the extra: {_EXTRA}")
    is_for_terminal = chosen.output is None and not (chosen.mail_to or chosen.webhook or chosen.webhook_file)
    if is_for_terminal and sys.stdout.isatty():
        raise click.UsageError("a PDF is nothing for a terminal; name a file with --output")


def _check_url(name: str, url: str) -> None:
    try:
        check_url(url, "http", "https")
    except ValueError as error:
        raise click.UsageError(f"{name} {error}") from None


def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _webhook(chosen: Chosen) -> str | None:
    url, file = chosen.webhook, chosen.webhook_file
    if url is not None and file is not None:
        raise click.UsageError("--webhook and --webhook-file exclude each other")
    if file is not None:
        try:
            url = read_secret(file)
        except (OSError, UnicodeDecodeError):
            raise click.UsageError(f"--webhook-file {file} cannot be read") from None
    if url is not None:
        redact.add(url)
        _check_url("--webhook", url)
    return url


def _order(chosen: Chosen) -> Order:
    """Ending at a full minute, so that its charts have round times."""
    end = chosen.until // 60 * 60
    since = chosen.since or OUTLINES[chosen.kind].since_seconds
    return Order(chosen.kind, Scope(chosen.namespace, chosen.service), Period(end - since, end), time.time())


def _build(chosen: Chosen) -> Report:
    order = _order(chosen)
    asked = HttpOptions(bearer_token_file=chosen.bearer_token_file, ca_file=chosen.ca_file)

    async def run(progress: Callable[[str], None]) -> Report:
        client = HttpClient()
        prometheus = Prometheus(client, chosen.prometheus, asked, chosen.timeout)
        alertmanager = Alertmanager(client, chosen.alertmanager, asked, chosen.timeout)
        try:
            return await build_report(order, prometheus, alertmanager, progress)
        finally:
            await client.close()

    with _progress("Asking", order.steps) as progress:
        return asyncio.run(run(progress))


def _render(made: Report, form: Format) -> bytes:
    if form is Format.JSON:
        return render_json(made)
    if form is Format.MARKDOWN:
        return render_markdown(made)
    drawn = sum(not chart.is_empty for section in made.sections for chart in section.charts)
    with _progress("Drawing", drawn) as progress:
        if form is Format.PDF:
            from .pdf import render_pdf  # noqa: PLC0415 - an extra

            return render_pdf(made, lambda: progress(""))
        return render_page(made, _drawing(progress))


def _drawing(progress: Callable[[str], None]) -> Draw | None:
    if not _has("matplotlib"):
        return None
    from .charts import draw_svg  # noqa: PLC0415 - an extra

    def draw(chart: Chart, key: str) -> Element:
        progress("")
        return draw_svg(chart, key)

    return draw


@contextmanager
def _progress(label: str, length: int) -> Iterator[Callable[[str], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty() or length == 0:
        yield lambda _: None
        return
    with click.progressbar(length=length, label=f"{label:<8}", file=sys.stderr) as bar:
        yield lambda _: bar.update(1)


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=path.absolute().parent, prefix=f".{path.name}.", delete=False) as file:
            file.write(content)
        Path(file.name).chmod(0o666 & ~_umask())
        Path(file.name).replace(path)
    except OSError as error:
        raise click.ClickException(f"cannot write {path}: {error.strerror}") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _deliver(made: Report, content: bytes, chosen: Chosen, webhook: str | None) -> bool:
    """Whether everything that was asked for has left; what has not is told."""
    sendings: list[Callable[[], None]] = []
    if chosen.mail_to:
        sendings.append(
            lambda: send_mail(made, _attachment(made, content, chosen), _mail_server(chosen), chosen.mail_to)
        )
    if webhook:
        sendings.append(lambda: asyncio.run(post(made, webhook)))
    failed = [sending for sending in sendings if not _is_done(sending)]
    return not failed


def _is_done(sending: Callable[[], None]) -> bool:
    try:
        sending()
    except ExporterError as error:
        click.echo(redact(str(error)), err=True)
        return False
    return True


def _attachment(made: Report, content: bytes, chosen: Chosen) -> Attachment:
    name = f"{chosen.namespace}-{chosen.kind}-{say_date(made.period.end)}.{chosen.format}"
    return Attachment(name, _TYPES[chosen.format], content)


def _mail_server(chosen: Chosen) -> MailServer:
    return MailServer(
        chosen.smtp_host,
        chosen.smtp_port or _PORTS[chosen.smtp_security],
        chosen.mail_from,
        chosen.smtp_security,
        chosen.smtp_user,
        chosen.smtp_password_file,
        chosen.smtp_ca_file,
    )
