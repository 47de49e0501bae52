"""Packs and values read, judged and made into a `PackSet`; every problem is reported at once, none is repaired.

Reads files only: nothing is asked of Prometheus or of promtool.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..packsettings import PACKS
from .assembly import Assembly
from .dashboards_loader import dashboard_folders, load_dashboards
from .families import declared, exporter_families, queried
from .model import Family, PackSet
from .overrides import override
from .reading import read_packs, read_routing, read_values
from .source import Problems

NAMESPACE = "jackpot"
"""First word of the families that are about a watched service, where no pack names another."""


def load_packs(folder: Path = PACKS, values: Path | None = None, known: Mapping[str, Family] | None = None) -> PackSet:
    """The packs of `folder` with the site's `values` on top.

    `known` are the families that rules may read besides those that the packs declare; by default the exporter's.
    InvalidInputError carries every problem.
    """
    problems = Problems()
    site = read_values(folder, values, problems)
    packs = read_packs(folder, site.entry.folders, problems)
    routing = read_routing(folder, site, problems)
    problems.raise_if_any()
    namespaces = dict.fromkeys([NAMESPACE, *(pack.entry.namespace for pack in packs if pack.entry.namespace)])
    families = dict(exporter_families(namespaces) if known is None else known)
    for pack in packs:
        families |= declared(pack.entry.metrics, pack.entry.title)
        families |= queried(pack.queries, f"{pack.entry.title}: queries")
    assembly = Assembly(families, routing.who, site, problems)
    built = assembly.build(override(packs, site, problems))
    built, dashboards = load_dashboards(dashboard_folders(folder, packs), packs, built, families, site, problems)
    problems.raise_if_any()
    return PackSet(tuple(built), families, routing, tuple(assembly.remarks), dashboards)
