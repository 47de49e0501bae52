"""`jackpot-exporter alerts`: what fires, taking it, what fired before, and whether a channel works.

Exit status: 0 done, 1 nothing of that name, or a server that does not answer, 2 usage.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import click

from ..clients.http import HttpClient
from ..clients.http_options import HttpOptions
from ..config import parse_duration
from ..errors import ExporterError
from .acknowledging import Taken, acknowledge, release
from .history import read_history
from .incidents import Incident, State, group
from .presentation import history_json, history_table, incident_json, incident_table
from .servers import Alertmanager, Prometheus
from .trial import try_channel

T = TypeVar("T")


class _Duration(click.ParamType[float]):
    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class _Where:
    """How both servers are reached."""

    alertmanager: str
    prometheus: str
    options: HttpOptions

    def ask(self, question: Callable[[Alertmanager, Prometheus], Awaitable[T]]) -> T:
        async def run() -> T:
            client = HttpClient()
            try:
                return await question(
                    Alertmanager(client, self.alertmanager, self.options),
                    Prometheus(client, self.prometheus, self.options),
                )
            finally:
                await client.close()

        try:
            return asyncio.run(run())
        except ExporterError as error:
            raise click.ClickException(str(error)) from None


_output = click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
_service = click.option("--service", help="Only on this service; all where it fires when left out.")


@click.group()
@click.option(
    "--alertmanager.url",
    "alertmanager",
    envvar="ALERTMANAGER_URL",
    default="http://localhost:9093",
    show_default=True,
    show_envvar=True,
)
@click.option(
    "--prometheus.url",
    "prometheus",
    envvar="PROMETHEUS_URL",
    default="http://localhost:9090",
    show_default=True,
    show_envvar=True,
)
@click.option("--bearer-token-file", type=click.Path(path_type=Path), help="For servers that ask for a token.")
@click.option("--ca-file", type=click.Path(path_type=Path), help="Certificates to trust instead of the system's.")
@click.pass_context
def alerts(
    context: click.Context, alertmanager: str, prometheus: str, bearer_token_file: Path | None, ca_file: Path | None
) -> None:
    """What fires, who has taken it, what fired before."""
    if "NO_COLOR" in os.environ:
        context.color = False
    context.obj = _Where(alertmanager, prometheus, HttpOptions(bearer_token_file=bearer_token_file, ca_file=ca_file))


@alerts.command("list")
@_output
@click.option("--all", "everything", is_flag=True, help="Also what is inhibited, and what tells nobody.")
@click.pass_obj
def list_(where: _Where, output: str, *, everything: bool) -> None:
    """Incidents that fire, the most urgent first."""
    found = where.ask(_incidents)
    shown = [one for one in found if everything or (one.state is not State.INHIBITED and one.severity != "none")]
    now = _now()
    click.echo(incident_json(shown, now) if output == "json" else incident_table(shown, now))


@alerts.command()
@click.argument("incident")
@_service
@click.option("--for", "lasting", type=_Duration(), default="2h", show_default=True, help="How long.")
@click.option("--comment", required=True, help="What is being done.")
@click.option("--author", default=getpass.getuser, show_default="you")
@click.pass_obj
def ack(where: _Where, incident: str, service: str | None, lasting: float, comment: str, author: str) -> None:
    """Take INCIDENT: mute it, its twin and every escalation of it. A second time prolongs."""
    span = timedelta(seconds=lasting)
    taken = where.ask(
        lambda alertmanager, _: acknowledge(alertmanager, incident, service, span, author, comment, _now())
    )
    until = (_now() + span).strftime("%Y-%m-%d %H:%M:%S")
    for one in taken:
        click.echo(f"{_named(one)} is taken by {author} until {until} UTC (silence {one.silence})")


@alerts.command()
@click.argument("incident")
@_service
@click.pass_obj
def unack(where: _Where, incident: str, service: str | None) -> None:
    """Give INCIDENT back: it is told again, and escalates."""
    for one in where.ask(lambda alertmanager, _: release(alertmanager, incident, service)):
        click.echo(f"{_named(one)} is no longer taken")


@alerts.command()
@click.option("--since", type=_Duration(), default="24h", show_default=True, help="How far back.")
@_output
@click.pass_obj
def history(where: _Where, since: float, output: str) -> None:
    """What fired, the latest first, from Prometheus."""
    now = _now()
    found = where.ask(lambda _, prometheus: read_history(prometheus, since, now))
    click.echo(history_json(found) if output == "json" else history_table(found, now))


@alerts.command()
@click.argument("channel")
@click.option("--severity", type=click.Choice(["critical", "warning", "info"]), default="warning", show_default=True)
@click.option("--within", type=_Duration(), default="60s", show_default=True, help="How long to wait for it to leave.")
@click.pass_obj
def test(where: _Where, channel: str, severity: str, within: float) -> None:
    """Send a marked test notification to CHANNEL, through Alertmanager."""
    trial = where.ask(lambda alertmanager, _: try_channel(alertmanager, channel, severity, within, _now()))
    click.echo(f"receivers: {', '.join(trial.receivers)}")
    for kind, count in trial.sent.items():
        click.echo(f"sent by {kind}: {count}")
    for kind, count in trial.failed.items():
        click.echo(f"failed by {kind}: {count}; the reason stands in Alertmanager's log", err=True)
    if trial.failed:
        raise click.exceptions.Exit(1)


async def _incidents(alertmanager: Alertmanager, _prometheus: Prometheus) -> list[Incident]:
    return group(await alertmanager.alerts(), await alertmanager.silences())


def _named(one: Taken) -> str:
    return f"{one.incident} on {one.service}" if one.service else one.incident


def _now() -> datetime:
    return datetime.now(UTC)
