"""The command line. Exit status: 0 done, 1 the thing checked is wrong, 2 usage or invalid configuration."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from . import __version__, logs
from .config import CollectorSection, Settings
from .errors import ExporterError, InvalidInputError
from .neighbours import settle
from .redaction import redact
from .settings import load_settings, settings_from_environment
from .shards import Shard

_config_option = click.option(
    "--config.file",
    "config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings; without it DATABASE_URL (or PG*), REDIS_URL and JACKPOT_SERVICE_URL name the sources.",
)

_web_config_option = click.option(
    "--web.config.file",
    "web_config_file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="TLS, client certificates and users, in the format of Prometheus' exporter-toolkit.",
)


def _parse_shard(_context: click.Context, _option: click.Parameter, text: str) -> Shard:
    try:
        return Shard.parse(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_shard_option = click.option(
    "--shard",
    default="1/1",
    metavar="I/N",
    callback=_parse_shard,
    help="Watch only the share of the I-th of N exporters: targets by a hash of their names, the rest is the first's.",
)

_ALONE = Shard()

_LATER = {
    "alerts": (".alerts.command:alerts", ""),
    "demo": (".demo.command:demo", "; it needs the extra: pip install 'jackpot-exporter[demo]'"),
    "generate": (".bundle.command:generate_command", "; it needs the extra: pip install 'jackpot-exporter[bundle]'"),
    "grafana": (".bundle.access_command:grafana", "; it needs the extra: pip install 'jackpot-exporter[bundle]'"),
    "report": (".report.command:report", ""),
    "tools": (".tools.command:tools", ""),
}
"""Commands of parts that most runs never load: where each is, and what to do when it cannot be imported."""


class _Group(click.Group):
    """Loads the commands in `_LATER` only when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *_LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _LATER:
            return super().get_command(ctx, cmd_name)
        place, remedy = _LATER[cmd_name]
        module, _, name = place.partition(":")
        try:
            found: click.Command = getattr(importlib.import_module(module, __package__), name)
        except ModuleNotFoundError as error:
            raise click.ClickException(f"{cmd_name} cannot be loaded: {error}{remedy}") from None
        return found


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="jackpot-exporter")
def main() -> None:
    """Monitoring of jackpot services for Prometheus."""


@main.command()
@_config_option
@click.option("--web.listen-address", "listen_address", default=":7777", show_default=True, help="[HOST]:PORT")
@_web_config_option
@click.option("--web.telemetry-path", "telemetry_path", default="/metrics", show_default=True)
@_shard_option
@click.option("--log.level", "log_level", type=click.Choice(logs.LEVELS), default="info", show_default=True)
@click.option("--log.format", "log_format", type=click.Choice(logs.FORMATS), default="logfmt", show_default=True)
def serve(
    config_file: Path | None,
    listen_address: str,
    web_config_file: Path | None,
    telemetry_path: str,
    shard: Shard,
    log_level: str,
    log_format: str,
) -> None:
    """Sample the sources and serve the metrics."""
    from .serve import serve as run  # noqa: PLC0415 - aiohttp is loaded only to serve

    logs.configure(log_level, log_format)
    host, port = _split_address(listen_address)
    if not telemetry_path.startswith("/"):
        raise click.UsageError(f"--web.telemetry-path {telemetry_path!r} must begin with /")
    with _errors_told():
        asyncio.run(run(_loader(config_file, shard), host, port, telemetry_path, web_config_file))


@main.command()
@_config_option
@_web_config_option
@_shard_option
@click.option("--connect", is_flag=True, help="Also try every source once.")
def check(config_file: Path | None, web_config_file: Path | None, shard: Shard, *, connect: bool) -> None:
    """Check the settings and show all problems at once."""
    from .check import check_sources, describe  # noqa: PLC0415

    logs.configure("error", "logfmt")
    with _errors_told():
        if web_config_file is not None:
            from .web.webconfig import load_web_config  # noqa: PLC0415

            load_web_config(web_config_file)
        settings = _loader(config_file, shard)()
        if not connect:
            click.echo(describe(settings))
            return
        lines, is_well = asyncio.run(check_sources(settings))
    click.echo("\n".join(lines))
    sys.exit(0 if is_well else 1)


@main.command()
@_config_option
@click.option("--collector", "collectors", multiple=True, help="Only this collector; may be repeated.")
@click.option("--target", default="", help="A further target of the settings.")
def once(config_file: Path | None, collectors: tuple[str, ...], target: str) -> None:
    """Collect once and write Prometheus text to standard output."""
    from .check import collect_once  # noqa: PLC0415

    logs.configure("warning", "logfmt")
    with _errors_told():
        text, is_well = asyncio.run(collect_once(_loader(config_file)(), target, collectors))
    sys.stdout.buffer.write(text)
    sys.exit(0 if is_well else 1)


def _sections() -> list[CollectorSection]:
    from .collectors import discover  # noqa: PLC0415

    return [kind.section for kind in discover()]


def _loader(config_file: Path | None, shard: Shard = _ALONE) -> Callable[[], Settings]:
    def load() -> Settings:
        if config_file is None:
            return shard.share(settings_from_environment(_sections(), os.environ))
        return shard.share(settle(load_settings(config_file, _sections(), os.environ)))

    return load


def _split_address(address: str) -> tuple[str | None, int]:
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise click.UsageError(f"--web.listen-address {address!r} must be [HOST]:PORT, for example :7777")
    return host.strip("[]") or None, int(port)


class _errors_told:  # noqa: N801 - reads as a phrase where it is used
    """A user's mistake ends the command with its message and status, never with a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> None:
        if isinstance(error, InvalidInputError):
            _fail(str(error), 2)
        if isinstance(error, ExporterError):
            _fail(str(error), 1)


def _fail(message: str, status: int) -> NoReturn:
    click.echo(redact(message), err=True)
    sys.exit(status)
