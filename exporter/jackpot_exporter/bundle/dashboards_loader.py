"""dashboards.yaml of every pack read, and its dashboards built, beside the packs that they show.

Dashboards that packs share stand in folders without a pack. Recordings that only dashboards read become a pack of
their own, so that the rules for them are written like any other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InvalidInputError, Problem
from ..yamlfile import load, validate
from .assembly import DEFAULT_RETENTION
from .checks import World, check_expression, check_unique
from .dashboards import Dashboards
from .dashboards_build import Builder, Site
from .dashboards_schema import DashboardsFile
from .durations import Duration
from .families import Catalogue
from .model import Family, Group, Pack, Recording
from .objectives import objective_families
from .overrides import DASHBOARDS, interval
from .reading import ReadPack, Values
from .source import Problems, Source, nearest

_INTERVAL = Duration.parse("30s")


@dataclass(frozen=True, slots=True)
class ReadDashboards:
    """One file as written."""

    entry: DashboardsFile
    source: Source
    is_in_force: bool = True
    """False for those of a pack that is switched off: links to them lead nowhere and are left out."""


def dashboard_folders(folder: Path, packs: Sequence[ReadPack]) -> list[Path]:
    """Where dashboards are looked for: every folder beside the packs that come with the exporter, and further packs."""
    return sorted({*(path for path in folder.iterdir() if path.is_dir()), *(pack.folder for pack in packs)})


def load_dashboards(
    folders: Sequence[Path],
    packs: Sequence[ReadPack],
    built: Sequence[Pack],
    families: Mapping[str, Family],
    values: Values,
    problems: Problems,
) -> tuple[list[Pack], Dashboards]:
    """The packs, with one for the recordings of dashboards, and the dashboards that show them."""
    disabled = frozenset(name for name, change in values.entry.packs.items() if change.disabled)
    read = _read(folders, disabled, problems)
    files = [file for file in read if file.is_in_force]
    own = _recordings_pack(files, values)
    every = [*built, own] if own else list(built)
    recorded = [one for pack in every for group in pack.groups for one in group.recordings]
    catalogue = Catalogue.of([*families.values(), *objective_families()]).with_recordings(recorded)
    site = Site(
        alerts={alert.name: alert for pack in built for alert in pack.alerts},
        known_alerts=frozenset(entry.alert for pack in packs for entry, _ in pack.alerts),
        world=World(catalogue, values.entry.retention or DEFAULT_RETENTION, {}),
        runbook_url=values.entry.runbook_url or "",
    )
    absent = {entry.uid for file in read if not file.is_in_force for entry in file.entry.dashboards}
    dashboards = _build(files, absent, site, problems)
    if dashboards.found:
        problems.add(*_check_uids(packs, [*absent, *(dashboard.uid for dashboard in dashboards.found)]))
    return every, dashboards


def _check_uids(packs: Sequence[ReadPack], uids: Sequence[str]) -> Iterator[Problem]:
    """An alert links to the dashboard of its pack, so that one must exist."""
    for pack in packs:
        uid = pack.entry.dashboard_uid
        if uid not in uids:
            remedy = nearest(uid, uids, f"uids: {', '.join(uids)}")
            yield pack.source.problem(f'no dashboard has the uid "{uid}"', "dashboard_uid", remedy=remedy)


def _read(folders: Sequence[Path], disabled: frozenset[str], problems: Problems) -> list[ReadDashboards]:
    """Every dashboards.yaml, and every file in a folder `dashboards`."""
    found = []
    for folder in folders:
        for path in [*folder.glob("dashboards.yaml"), *sorted(folder.glob("dashboards/*.yaml"))]:
            try:
                document = load(path)
                entry, source = validate(document, DashboardsFile), Source(document, (), path.parent.name)
                found.append(ReadDashboards(entry, source, folder.name not in disabled))
            except InvalidInputError as error:
                problems.take(error)
    return found


def _recordings_pack(files: Sequence[ReadDashboards], values: Values) -> Pack | None:
    """The recordings that dashboards ask for, as a pack; None when there are none."""
    recordings = tuple(recording for recording, _ in _recordings(files))
    if not recordings:
        return None
    group = Group(DASHBOARDS, interval(values, DASHBOARDS, _INTERVAL), DASHBOARDS, recordings)
    return Pack(DASHBOARDS, "Dashboards", "Recordings that dashboards read and alerts do not.", "", (group,), ())


def _build(files: Sequence[ReadDashboards], absent: Collection[str], site: Site, problems: Problems) -> Dashboards:
    """The dashboards of all files; what is wrong with them is added to `problems`."""
    for recording, source in _recordings(files):
        problems.add(*check_expression(recording.expr, site.world, source, "expr"))
    sources = [
        (entry, Source(file.source.document, ("dashboards", index), entry.uid), file.entry.vocabularies)
        for file in files
        for index, entry in enumerate(file.entry.dashboards)
    ]
    problems.add(*check_unique(((entry.uid, source) for entry, source, _ in sources), "dashboard", "uid"))
    known = {entry.uid: entry for entry, _, _ in sources}
    found = [Builder(site, known, absent, words, source, problems).dashboard(entry) for entry, source, words in sources]
    return Dashboards(tuple(found), site.runbook_url)


def _recordings(files: Sequence[ReadDashboards]) -> Iterator[tuple[Recording, Source]]:
    for file in files:
        for index, entry in enumerate(file.entry.recordings):
            source = Source(file.source.document, ("recordings", index), entry.record)
            yield Recording(entry.record, entry.expr.strip(), entry.labels, entry.help), source
