"""Compiling packs to artifacts and artifacts to files.

Folders listed in `GENERATED` hold nothing written by hand, so a file in them that no pack stands behind is an
orphan. One that carries the generator's mark is removed; any other is only reported, never touched.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .compilers.alertmanager import compile_alertmanager
from .compilers.alertmanager_operator import compile_alertmanager_operator
from .compilers.catalogue import compile_catalogue
from .compilers.dashboards import compile_config_maps, compile_dashboards
from .compilers.routing_table import compile_routing_table
from .compilers.rule_tests import compile_rule_tests
from .compilers.rules import compile_operator, compile_rules
from .compilers.runbook import compile_runbook
from .compilers.schemas import compile_schemas
from .compilers.templates import compile_templates
from .model import Artifact, Compiler, Drift, PackSet
from .yamltext import MARK

COMPILERS: tuple[Compiler, ...] = (
    compile_rules,
    compile_operator,
    compile_rule_tests,
    compile_runbook,
    compile_catalogue,
    compile_schemas,
    compile_alertmanager,
    compile_alertmanager_operator,
    compile_routing_table,
    compile_templates,
    compile_dashboards,
    compile_config_maps,
)

GENERATED = (
    "prometheus/rules",
    "prometheus/tests",
    "prometheus/operator",
    "prometheus/schema",
    "alertmanager/operator",
    "grafana/dashboards",
)


def compile_bundle(packs: PackSet, compilers: Iterable[Compiler] = COMPILERS) -> list[Artifact]:
    """Every artifact of the packs, by path."""
    found = [artifact for compiler in compilers for artifact in compiler(packs)]
    return sorted(found, key=lambda artifact: artifact.path)


def generate(artifacts: Iterable[Artifact], root: Path, *, check: bool) -> Drift:
    """How the files under `root` differed from `artifacts`; unless `check`, they are brought into line."""
    wanted = {artifact.path: artifact.content for artifact in artifacts}
    drift = _compare(wanted, root)
    if not check:
        _write(wanted, drift, root)
    return drift


def _compare(wanted: Mapping[str, bytes], root: Path) -> Drift:
    there = {path: file.read_bytes() for path in wanted if (file := root / path).is_file()}
    missing = [path for path in wanted if path not in there]
    stale = [path for path, content in there.items() if content != wanted[path]]
    diff = "".join(line for path in stale for line in _diff(path, there[path], wanted[path]))
    return Drift(tuple(missing), tuple(stale), tuple(_orphans(wanted, root)), diff)


def _orphans(wanted: Mapping[str, bytes], root: Path) -> Iterator[str]:
    for folder in GENERATED:
        for file in sorted((root / folder).rglob("*")):
            path = file.relative_to(root).as_posix()
            if file.is_file() and path not in wanted:
                yield path


def _diff(path: str, there: bytes, wanted: bytes) -> Iterator[str]:
    old, new = (text.decode(errors="replace").splitlines(keepends=True) for text in (there, wanted))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n"


def _write(wanted: Mapping[str, bytes], drift: Drift, root: Path) -> None:
    for path in (*drift.missing, *drift.stale):
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(wanted[path])
    for path in drift.orphan:
        file = root / path
        if MARK.encode() in file.read_bytes()[:400]:
            file.unlink()
