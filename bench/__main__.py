"""The command `python -m bench [CASE...] [--quick] [--markdown FILE]`: measures, prints tables and verdicts."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable
from pathlib import Path

import click

from jackpot_exporter import tools

from .cases import cost, flat, load, logs, pools, render, rules, scrape, start
from .figures import Report, Verdict
from .scene import Effort, Scene

CASES: dict[str, Callable[[Scene, Effort], Report]] = {
    "scrape": scrape.measure,
    "cost": cost.measure,
    "load": load.measure,
    "start": start.measure,
    "render": render.measure,
    "pools": pools.measure,
    "logs": logs.measure,
    "rules": rules.measure,
    "flat": flat.measure,
}


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("cases", nargs=-1, type=click.Choice(list(CASES)))
@click.option("--quick", is_flag=True, help="Fewer repetitions and sizes: a look, not a measurement.")
@click.option("--markdown", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file too.")
def main(cases: tuple[str, ...], quick: bool, markdown: Path | None) -> None:
    """Measure the exporter beside its peers on the same servers."""
    parts = [_heading()]
    verdicts: list[Verdict] = []
    click.echo(parts[0])
    with Scene() as scene:
        for name in cases or CASES:
            started = time.monotonic()
            report = CASES[name](scene, Effort(quick))
            verdicts += report.verdicts
            parts += [table.markdown() for table in report.tables]
            click.echo("\n".join(table.markdown() for table in report.tables))
            click.echo(f"({name}: {time.monotonic() - started:.0f} s)\n", err=True)
    if verdicts:
        parts.append("\n".join(["### Goals", "", "```", *(verdict.line() for verdict in verdicts), "```", ""]))
        click.echo(parts[-1])
    if markdown:
        markdown.write_text("\n".join(parts))


def _heading() -> str:
    peers = (tool for tool in tools.TOOLS.values() if tool.name.endswith(f"-exporter@{tools.CURRENT}"))
    versions = [f"{tool.programs[0]} {tools.version(tool.programs[0], tools.CURRENT)}" for tool in peers]
    servers = [f"PostgreSQL {tools.version('postgres')}", f"Redis {tools.version('redis-server')}"]
    machine = f"{os.cpu_count()} processors, Python {platform.python_version()}"
    return "\n".join([f"## Benchmarks on {machine}", "", ", ".join([*servers, *versions]), ""])


if __name__ == "__main__":
    main()
