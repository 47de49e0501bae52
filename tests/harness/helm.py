"""The chart of deploy/helm, rendered by Helm's own engine in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from harness import apart
from harness.composition import ROOT

CHART = ROOT / "deploy" / "helm"


class ChartError(Exception):
    """Helm refuses the chart or the values."""


def render(values: Mapping[str, Any] | None = None, chart: Path = CHART) -> list[dict[str, Any]]:
    """The objects that the chart, a folder or an archive, makes of these values; ChartError says why there are none."""
    files: dict[str, str] = _ask("render", values or {}, chart)
    objects = [yaml.safe_load_all(text) for name, text in files.items() if not name.endswith("NOTES.txt")]
    return [found for documents in objects for found in documents if found]


def lint() -> list[dict[str, Any]]:
    """What `helm lint --strict` has to say; severity 1 is a hint, 2 a warning."""
    messages: list[dict[str, Any]] = _ask("lint", {})["messages"]
    return messages


def pack(folder: str) -> str:
    """The path of the archive that `helm package` writes into the folder."""
    return str(_ask("package", {"folder": folder}))


def _ask(what: str, values: Mapping[str, Any], chart: Path = CHART) -> Any:
    try:
        return apart.ask(__file__, {"what": what, "values": values, "chart": str(chart)})
    except apart.FailedError as error:
        raise ChartError(str(error)) from None


def _answer(question: dict[str, Any]) -> Any:
    import helm_python as helm  # noqa: PLC0415 - only in the process that is for it

    what, values = question["what"], question["values"]
    if what == "lint":
        return helm.lint(CHART, strict=True)
    if what == "package":
        return helm.package(CHART, destination=values["folder"])
    with helm.Chart.load(question["chart"]) as chart:
        return chart.render(values, name="jackpot-exporter", namespace="monitoring")


if __name__ == "__main__":
    apart.answer(_answer)
