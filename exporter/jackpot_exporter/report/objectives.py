"""The objectives and the promised response times, as the pack of a namespace has them.

Read as plain data: the bundle's loader judges them when they are generated, and needs a parser that a report does not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any

import yaml

from ..config import parse_duration
from ..packsettings import PACKS

_WINDOWS = {"period": "$period", "month": "$month"}


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of good events that is promised; `bad` and `total` count events over `${window}`."""

    name: str
    title: str
    target: float
    """The share, as the pack has it; a site may promise another."""
    bad: str
    total: str


@dataclass(frozen=True, slots=True)
class Promises:
    """What is promised for one namespace."""

    objectives: tuple[Objective, ...] = ()
    response_seconds: Mapping[str, float] | None = None
    """By priority: how soon someone answers."""

    def questions(self) -> dict[str, str]:
        """By name: bad and total events of each objective, over the period and over thirty days."""
        return {
            f"{objective.name}:{what}:{window}": Template(getattr(objective, what)).safe_substitute(window=span)
            for objective in self.objectives
            for what in ("bad", "total")
            for window, span in _WINDOWS.items()
        }


def read_promises(namespace: str, packs: Path = PACKS) -> Promises:
    """Of the pack with the name of the namespace; nothing when there is none."""
    objectives = tuple(
        _objective(entry) for entry in _read(packs / namespace / "objectives.yaml").get("objectives", [])
    )
    times = _read(packs / namespace / "pack.yaml").get("response_times", {})
    return Promises(objectives, {priority: parse_duration(text) for priority, text in times.items()})


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def _objective(entry: Mapping[str, Any]) -> Objective:
    values = {name: str(value) for name, value in entry.get("values", {}).items()}
    bad, total = (Template(entry[name]).safe_substitute(values).strip() for name in ("bad", "total"))
    return Objective(entry["objective"], entry["title"], entry["target"] / 100, bad, total)
