"""A site of the demo's own: the bundle compiled with values that shorten times and lead every channel to the sink.

The product's files are used as they are; only values differ, as at any site.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from ..bundle import PackSet, compile_bundle, generate, load_packs
from ..bundle.model import Pack, Recording
from ..packsettings import shipped_systems
from .programs import SinkProcess
from .prometheus import AlertmanagerServer

JACKPOT = "jackpot"
"""The system that is not in `systems`."""

_USUAL_WINDOW = "5m"
_RETENTION = "--data.retention=240h"
_AMAZON = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
"""Amazon's client signs what it sends; the sink does not look."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the files of a site are."""

    folder: Path

    @property
    def rules(self) -> Path:
        return self.folder / "prometheus" / "rules"

    @property
    def alertmanager(self) -> Path:
        return self.folder / "alertmanager" / "alertmanager.yml"


def write_site(
    folder: Path,
    sink: SinkProcess,
    values: Mapping[str, Any],
    windows: Mapping[str, str] | None = None,
    running: Collection[str] = (JACKPOT,),
) -> Site:
    """Compile the bundle into `folder`; `values` are a site's, without addresses and secrets.

    `windows` gives recordings over five minutes another window, which values cannot. Of the packs that are about a
    system, those of the `running` ones are in force.
    """
    values = {**values, "packs": {**_disabled(running), **values.get("packs", {})}}
    secrets = folder / "secrets"
    secrets.mkdir(parents=True, exist_ok=True)
    for name, content in sink.secrets().items():
        (secrets / name).write_text(content)
    routing = {**sink.routing(), "secrets": str(secrets), **values.get("routing", {})}
    file = folder / "values.yaml"
    file.write_text(yaml.safe_dump({**values, "routing": routing}, sort_keys=False))
    generate(compile_bundle(_with_windows(load_packs(values=file), windows or {})), folder, check=False)
    return Site(folder)


def _disabled(running: Collection[str]) -> dict[str, Any]:
    idle = {JACKPOT, *shipped_systems()} - set(running)
    return {name: {"disabled": True} for name in sorted(idle)}


def _with_windows(packs: PackSet, windows: Mapping[str, str]) -> PackSet:
    return replace(packs, packs=tuple(_shortened(pack, windows) for pack in packs.packs))


def _shortened(pack: Pack, windows: Mapping[str, str]) -> Pack:
    def window(recording: Recording) -> Recording:
        wanted = windows.get(recording.record, _USUAL_WINDOW)
        return replace(recording, expr=recording.expr.replace(f"[{_USUAL_WINDOW}]", f"[{wanted}]"))

    groups = tuple(replace(group, recordings=tuple(map(window, group.recordings))) for group in pack.groups)
    return replace(pack, groups=groups)


class SiteAlertmanager(AlertmanagerServer):
    """Alertmanager with the configuration of a site."""

    def __init__(self, site: Site, *arguments: str, version: str | None = None) -> None:
        super().__init__(site.alertmanager, _RETENTION, *arguments, version=version)

    def command(self) -> list[str]:
        environment = [f"{name}={value}" for name, value in _AMAZON.items()]
        return ["/usr/bin/env", *environment, *super().command()]
