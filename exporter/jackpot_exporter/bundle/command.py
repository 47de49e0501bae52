"""The command `generate`: packs in, files out, problems and drift to standard error.

Exit status: 0 done, 1 the files differ (with --check), 2 packs or values are wrong. Without promtool the rules are
only read by the loader's own parser, and a line says so.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from ..errors import InvalidInputError, ToolError
from ..packsettings import PACKS
from .bundle import compile_bundle, generate
from .judge import check_rules
from .loader import load_packs
from .model import Artifact, Drift, PackSet
from .routing import for_version

_DIFF_LINES = 200


@click.command("generate")
@click.option("--values", type=click.Path(path_type=Path), help="A site's own thresholds, windows, channels.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="Where to write; here.")
@click.option("--check", is_flag=True, help="Compare only: what is missing, stale or orphan, with a diff.")
@click.option("--packs", type=click.Path(path_type=Path), default=PACKS, hidden=True, help="Another folder of packs.")
@click.option("--alertmanager-version", help="Use what this version knows, e.g. 0.33.  [default: 0.25, or the values']")
def generate_command(
    values: Path | None, out: Path, packs: Path, alertmanager_version: str | None, *, check: bool
) -> None:
    """Compile the packs to rules, rule tests, routing, runbook and metric reference."""
    sys.exit(run(out, values=values, packs=packs, check=check, alertmanager_version=alertmanager_version))


def run(
    out: Path,
    *,
    values: Path | None = None,
    packs: Path = PACKS,
    check: bool = False,
    alertmanager_version: str | None = None,
) -> int:
    """What the command does; the exit status. Writes nothing when the packs are wrong."""
    try:
        loaded = load_packs(packs, values)
        if alertmanager_version:
            loaded = replace(loaded, routing=for_version(loaded.routing, alertmanager_version))
        artifacts = compile_bundle(loaded)
        doubt = _judge(artifacts)
    except InvalidInputError as error:
        click.echo(error, err=True)
        return 2
    drift = generate(artifacts, out, check=check)
    for line in (*loaded.remarks, *doubt, *_report(drift, check=check)):
        click.echo(line, err=True)
    if not check:
        click.echo(_summary(loaded, artifacts, drift))
    return 1 if check and drift else 0


def _judge(artifacts: list[Artifact]) -> list[str]:
    """Why promtool could not be asked, if it could not; InvalidInputError when it is not content."""
    with tempfile.TemporaryDirectory(prefix="jackpot-rules-") as folder:
        generate(artifacts, Path(folder), check=False)
        try:
            check_rules(Path(folder) / "prometheus" / "rules")
        except ToolError as error:
            return [f"rules not checked by promtool: {error}"]
    return []


def _report(drift: Drift, *, check: bool) -> list[str]:
    kinds = (("missing", drift.missing), ("stale", drift.stale), ("orphan", drift.orphan)) if check else ()
    lines = [f"{kind}: {path}" for kind, paths in kinds for path in paths]
    if check and drift.diff:
        diff = drift.diff.splitlines()
        lines += diff[:_DIFF_LINES]
        lines += [f"... and {len(diff) - _DIFF_LINES} more lines"] if len(diff) > _DIFF_LINES else []
    return lines + (["run `jackpot-exporter generate` and commit what it writes"] if check and drift else [])


def _summary(packs: PackSet, artifacts: list[Artifact], drift: Drift) -> str:
    cases = sum(len(alert.cases) for alert in packs.alerts)
    written = len(drift.missing) + len(drift.stale)
    found = f"{len(packs.packs)} packs, {len(packs.alerts)} alerts, {cases} cases"
    return f"{found}: {written} of {len(artifacts)} files written"
