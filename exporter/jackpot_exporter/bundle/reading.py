"""Pack files read into entries with their sources; a file that cannot be read does not hide the others' problems."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from ..errors import InvalidInputError, Problem
from ..packsettings import pack_settings
from ..queries import QuerySettings
from ..yamlfile import Document, load, validate
from .routing import Routing, merge, problems_of
from .schema import (
    AlertEntry,
    AlertsFile,
    ObjectiveEntry,
    ObjectivesFile,
    PackFile,
    ValuesFile,
)
from .source import Problems, Source

M = TypeVar("M", bound=BaseModel)


class _SettingsFile(BaseModel):
    """Of a pack's settings, what gives families of its own; the rest is judged by the exporter."""

    queries: dict[str, QuerySettings] = {}


@dataclass(frozen=True, slots=True)
class ReadPack:
    """One pack as written: nothing substituted, nothing overridden."""

    folder: Path

    entry: PackFile
    source: Source
    alerts: tuple[tuple[AlertEntry, Source], ...]
    objectives: tuple[tuple[ObjectiveEntry, Source], ...]
    queries: Mapping[str, QuerySettings] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Values:
    """The shipped values with a site's own on top; `sources` says which file an override came from."""

    entry: ValuesFile
    sources: Mapping[tuple[str, str], Source] = field(default_factory=dict)
    """By section (`alerts`) and name."""


def read_packs(folder: Path, further: Sequence[Path], problems: Problems) -> list[ReadPack]:
    """Every pack of `folder`, in the order of their names, then the `further` ones."""
    files = sorted(folder.glob("*/pack.yaml"))
    for path in [*([] if files else [folder]), *(path for path in further if not (path / "pack.yaml").is_file())]:
        problems.add(Problem(f"{path}: no pack here", remedy="a pack is a folder with a pack.yaml in it"))
    files += [path / "pack.yaml" for path in further if (path / "pack.yaml").is_file()]
    return [pack for path in files if (pack := _read_pack(path, problems))]


def read_routing(folder: Path, site: Values, problems: Problems) -> Routing:
    """`routing.yaml` with the site's own `routing:` on top."""
    found = _read(folder / "routing.yaml", Routing, problems)
    if found is None:
        return site.entry.routing
    routing = merge(found[0], site.entry.routing)
    problems.add(*problems_of(routing))
    return routing


def read_values(folder: Path, own: Path | None, problems: Problems) -> Values:
    """`values.yaml` of the packs, with the file `own` on top of it where there is one."""
    values = Values(ValuesFile())
    for path in (folder / "values.yaml", own):
        found = _read(path, ValuesFile, problems) if path else None
        if found and path:
            entry = found[0].model_copy(update={"folders": [path.parent / one for one in found[0].folders]})
            values = _on_top(values, entry, found[1])
    return values


def _read_pack(path: Path, problems: Problems) -> ReadPack | None:
    pack = _read(path, PackFile, problems)
    alerts = [_read(file, AlertsFile, problems) for file in _alert_files(path.parent)]
    objectives = _read_optional(path.with_name("objectives.yaml"), ObjectivesFile, problems)
    if pack is None:
        return None
    entry, document = pack
    if not alerts:
        problems.add(Problem(f"{path.parent}: has no alerts", remedy="write alerts.yaml, or files in alerts/"))
    if entry.name != path.parent.name:
        source = Source(document, (), "name")
        remedy = f"name it {path.parent.name}, or rename the folder"
        problems.add(source.problem(f'"{entry.name}" is not the name of the folder', "name", remedy=remedy))
    return ReadPack(
        path.parent,
        entry,
        Source(document, (), entry.name),
        tuple(one for found in alerts if found for one in _alerts(*found)),
        tuple(_objectives(*objectives)) if objectives else (),
        _queries(path.parent, problems),
    )


def _queries(pack: Path, problems: Problems) -> Mapping[str, QuerySettings]:
    """The queries that the exporter runs for this pack."""
    try:
        settings = pack_settings(pack)
        return validate(settings, _SettingsFile).queries if settings else {}
    except InvalidInputError as error:
        problems.take(error)
        return {}


def _alert_files(pack: Path) -> list[Path]:
    """One file, or a folder of them where a pack has many alerts."""
    return [file for file in (pack / "alerts.yaml", *sorted(pack.glob("alerts/*.yaml"))) if file.exists()]


def _alerts(file: AlertsFile, document: Document) -> Iterator[tuple[AlertEntry, Source]]:
    for index, entry in enumerate(file.alerts):
        yield entry, Source(document, ("alerts", index), entry.alert)


def _objectives(file: ObjectivesFile, document: Document) -> Iterator[tuple[ObjectiveEntry, Source]]:
    for index, entry in enumerate(file.objectives):
        yield entry, Source(document, ("objectives", index), entry.objective)


def _read(path: Path, model: type[M], problems: Problems) -> tuple[M, Document] | None:
    try:
        document = load(path)
        return validate(document, model), document
    except InvalidInputError as error:
        problems.take(error)
        return None


def _read_optional(path: Path, model: type[M], problems: Problems) -> tuple[M, Document] | None:
    return _read(path, model, problems) if path.exists() else None


def _on_top(values: Values, own: ValuesFile, document: Document) -> Values:
    """`own` wins field by field; of an entry in both, the whole of `own`'s counts."""
    given = {name: getattr(own, name) for name in own.model_fields_set}
    merged = {
        name: {**getattr(values.entry, name), **value} if isinstance(value, dict) else value
        for name, value in given.items()
    }
    sources = {
        (section, name): Source(document, (section, name), name)
        for section, entries in given.items()
        if isinstance(entries, dict)
        for name in entries
    }
    return Values(values.entry.model_copy(update=merged), {**values.sources, **sources})
