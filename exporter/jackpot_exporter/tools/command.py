"""`jackpot-exporter tools`: which outside programs there are, and bringing those that are missing."""

from __future__ import annotations

import click

from ..errors import ToolError
from . import TOOLS, fetch, list_tools


@click.group()
def tools() -> None:
    """The outside programs that checks and the demo run."""


@tools.command("list")
def list_() -> None:
    """Each tool, its version and where it is."""
    for found in list_tools():
        place = str(found.path) if found.path else "missing"
        click.echo(f"{found.tool.name:<36} {found.version or '-':<10} {place}")


@tools.command("fetch")
@click.argument("names", nargs=-1, required=True, type=click.Choice(sorted(TOOLS)), metavar="NAME...")
def fetch_(names: tuple[str, ...]) -> None:
    """Bring tools: installed with apt by root, unpacked into the cache by anyone else."""
    try:
        brought = fetch(names)
    except ToolError as error:
        raise click.ClickException(str(error)) from None
    for found in brought:
        click.echo(f"{found.tool.name} {found.version or ''}: {found.path}")
