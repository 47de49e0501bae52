"""The settings that packs bring, laid under those of the file: a site writes only what is different there.

A pack's `settings.yaml` is a settings file. Mappings are merged key by key; of anything else the site's own counts,
then that of the pack that is named first. Blocks of a source (PostgreSQL, Redis) count only where the site names the
source: no pack makes the exporter connect to anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import yamlfile
from .errors import InvalidInputError, Problem

PACKS = Path(__file__).parent / "packs"
"""The packs that come with the exporter."""

FILE = "settings.yaml"

Data = Mapping[str, Any]

_INSTEAD = {"file": "sql", "sql": "file"}
"""Two ways to say one thing: whoever says the one takes back the other."""


Judge = Callable[[yamlfile.Document], frozenset[str]]
"""Raises InvalidInputError for settings that are wrong; gives back the keys of the blocks that are sources."""


def lay_packs_under(document: yamlfile.Document, judge: Judge, problems: list[Problem]) -> Any:
    """The data of `document` with the packs that it and its targets name; what is wrong in a pack is placed there."""
    data = document.data
    if not isinstance(data, dict):
        return data
    read: dict[Path, _Brought] = {}

    def brought(name: str, way: yamlfile.Keys) -> _Brought:
        """Each pack is read, and what is wrong in it told, once for all targets."""
        folder = find_pack(name, Path(document.path).parent)
        if folder is None:
            problems.append(_no_pack(name, document, way))
            return _NOTHING
        if folder not in read:
            read[folder] = _read(folder, judge, problems)
        return read[folder]

    def laid(block: Any, way: yamlfile.Keys) -> Any:
        if not isinstance(block, dict) or not isinstance(block.get("packs"), list):
            return block
        for index, name in enumerate(block["packs"]):
            found = brought(str(name), (*way, "packs", index))
            wanted = {key: value for key, value in found.data.items() if key in block or key not in found.sources}
            block = _merged(block, wanted)
        return block

    whole = laid(data, ())
    targets = whole.get("targets")
    if isinstance(targets, dict):
        whole = {**whole, "targets": {name: laid(block, ("targets", name)) for name, block in targets.items()}}
    return whole


def shipped_systems() -> list[str]:
    """The packs that come with the exporter and are about a system of their own: those that bring settings."""
    return sorted(path.parent.name for path in PACKS.glob(f"*/{FILE}"))


def find_pack(name: str, beside: Path) -> Path | None:
    """The folder of a pack: one that comes with the exporter, or one at a path; None when it is not there."""
    folder = beside / name if "/" in name else PACKS / name
    return folder if folder.is_dir() else None


def pack_settings(folder: Path) -> yamlfile.Document | None:
    """What a pack's settings file holds, with paths made to begin at its folder; None when it has none."""
    file = folder / FILE
    if not file.exists():
        return None
    document = yamlfile.load(file)
    if not isinstance(document.data, dict):
        return document
    return yamlfile.Document(document.path, _with_files(document.data, folder), document.lines, document.marks)


class _Brought(NamedTuple):
    """What one pack lays under the settings, and which of its keys are sources."""

    data: Data
    sources: frozenset[str]


_NOTHING = _Brought({}, frozenset())


def _no_pack(name: str, document: yamlfile.Document, way: yamlfile.Keys) -> Problem:
    message = f'no pack "{name}"' if "/" not in name else f"no folder {name}"
    known = ", ".join(shipped_systems())
    return Problem(message, document.place(way), f"name one of {known}, or a folder as ./my-pack")


def _read(folder: Path, judge: Judge, problems: list[Problem]) -> _Brought:
    try:
        found = pack_settings(folder)
        return _Brought(found.data or {}, judge(found)) if found is not None else _NOTHING
    except InvalidInputError as error:
        problems.extend(error.problems)
        return _NOTHING


def _with_files(data: Data, folder: Path) -> dict[str, Any]:
    queries = data.get("queries")
    if not isinstance(queries, dict):
        return dict(data)
    return {**data, "queries": dict(_absolute(queries, folder))}


def _absolute(queries: Data, folder: Path) -> Iterator[tuple[str, Any]]:
    for name, query in queries.items():
        if isinstance(query, dict) and isinstance(query.get("file"), str):
            yield name, {**query, "file": str(folder / query["file"])}
        else:
            yield name, query


def _merged(upper: Data, lower: Data) -> dict[str, Any]:
    lower = {key: value for key, value in lower.items() if _INSTEAD.get(key) not in upper}
    both = {
        key: _merged(upper[key], lower[key])
        for key in upper.keys() & lower.keys()
        if isinstance(upper[key], dict) and isinstance(lower[key], dict)
    }
    return {**lower, **upper, **both}
