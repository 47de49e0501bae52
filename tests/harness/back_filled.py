"""A Prometheus that remembers what a test made up: samples written as OpenMetrics, made into blocks by promtool."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from jackpot_exporter.demo.servers import PrometheusServer
from jackpot_exporter.tools import find

Key = tuple[str, frozenset[tuple[str, str]]]


@dataclass(slots=True)
class Samples:
    """Series by name and labels, each a list of (Unix seconds, value) in the order of time."""

    series: dict[Key, list[tuple[int, float]]] = field(default_factory=dict)

    def add(self, name: str, at: int, value: float, **labels: str) -> None:
        self.series.setdefault((name, frozenset(labels.items())), []).append((at, value))

    def select(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], list[tuple[int, float]]]]:
        """The series with this name and these labels, and maybe others."""
        return [
            (dict(key), points)
            for (there, key), points in self.series.items()
            if there == name and labels.items() <= dict(key).items()
        ]

    def one(self, name: str, **labels: str) -> list[tuple[int, float]]:
        ((_, points),) = self.select(name, **labels)
        return points

    def write(self, path: Path) -> None:
        """As OpenMetrics."""
        with path.open("w") as file:
            for (name, labels), points in sorted(self.series.items(), key=lambda one: one[0][0]):
                told = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels))
                file.writelines(f"{name}{{{told}}} {value!r} {at}\n" for at, value in points)
            file.write("# EOF\n")


def make_blocks(samples: Iterable[Samples], folder: Path) -> Path:
    """The folder `blocks`, with all of them. A block reads its whole file, so long spans go into files of their own."""
    blocks = folder / "blocks"
    for number, part in enumerate(samples):
        text = folder / f"samples-{number}"
        part.write(text)
        command = [
            str(find("promtool")),
            "tsdb",
            "create-blocks-from",
            "openmetrics",
            "--quiet",
            str(text),
            str(blocks),
        ]
        subprocess.run(command, check=True, capture_output=True, timeout=120)
    return blocks


class BackFilledPrometheus(PrometheusServer):
    """Prometheus over a copy of these blocks; it scrapes nothing."""

    def __init__(self, blocks: Path, *, version: int | None = 3) -> None:
        super().__init__({"scrape_configs": []}, version=version)
        self._blocks = blocks

    def command(self) -> list[str]:
        kept = [part for part in super().command() if "retention" not in part]
        return [*kept, "--storage.tsdb.retention.time=10y"]

    def prepare(self) -> None:
        super().prepare()
        shutil.copytree(self._blocks, self.folder / "data")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
