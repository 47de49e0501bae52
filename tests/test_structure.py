"""Who imports whom: data flows one way, and any other arrow fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import jackpot_exporter

ROOT = Path(jackpot_exporter.__file__).parent
PACKAGE = "jackpot_exporter"

CORE = {"model", "errors"}
ALLOWED: dict[str, set[str]] = {
    "model": set(),
    "errors": {"model", "passwords", "redaction"},
    "passwords": set(),
    "redaction": {"passwords"},
    "words": set(),
    "operations": set(),
    "observations": {"model"},
    "compression": set(),
    "yamlfile": {"errors"},
    "packsettings": {"errors", "yamlfile"},
    "config": {"yamlfile"},
    "settings": {"config", "errors", "packsettings", "redaction", "yamlfile"},
    "queries": {"config", "model"},
    "neighbours": {"config"},
    "shards": {"config"},
    "blocks": {"compression"},
    "lines": {"model", "redaction"},
    "exposition": {"model", "blocks", "lines"},
    "telemetry": {*CORE, "exposition", "observations"},
    "logs": {"redaction"},
    "clients": {*CORE, "config", "redaction"},
    # A collector describes its own settings and so needs their base; it never sees the runtime or another collector.
    "collectors": {*CORE, "clients", "config", "observations", "operations", "queries", "redaction", "words"},
    "store": {*CORE, "blocks", "compression", "exposition", "telemetry"},
    "runtime": {*CORE, "exposition", "logs", "redaction", "store"},
    "engine": {*CORE, "clients", "collectors", "config", "logs", "runtime", "store", "telemetry"},
    "web": {
        *CORE,
        "alerts",
        "blocks",
        "clients",
        "config",
        "engine",
        "exposition",
        "logs",
        "operations",
        "redaction",
        "store",
        "telemetry",
        "yamlfile",
    },
    "serve": {"errors", "config", "engine", "logs", "web"},
    "check": {*CORE, "config", "engine", "exposition", "store", "telemetry"},
    "tools": {"errors"},
    "instrument": {"model", "operations", "words"},
    "packs": set(),
    "bundle": {*CORE, "collectors", "packsettings", "queries", "telemetry", "tools", "yamlfile"},
    "alerts": {"clients", "config", "errors", "redaction"},
    "report": {"alerts", "clients", "config", "errors", "packsettings", "redaction"},
    "demo": {"bundle", "config", "errors", "packsettings", "tools"},
    "cli": {
        "check",
        "config",
        "errors",
        "logs",
        "redaction",
        "neighbours",
        "serve",
        "settings",
        "collectors",
        "shards",
        "web",
    },
    "__main__": {"cli", "logs"},
    "__init__": set(),
}
"""What each part may import; `cli` loads `demo`, `tools` and `bundle` by name, only when they are called."""


def modules() -> list[Path]:
    return sorted(path for path in ROOT.rglob("*.py") if "packs" not in path.parts)


def part_of(path: Path) -> str:
    first = path.relative_to(ROOT).parts[0]
    return first.removesuffix(".py")


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """The modules of this package that a file imports, as paths from its root, also inside functions."""
    here = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == PACKAGE:
                    yield tuple(alias.name.split(".")[1:])
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = here[: len(here) - node.level] if here[-1] != "__init__" else here[:-1][: len(here) - node.level]
                tail = tuple(node.module.split(".")) if node.module else ()
            elif (node.module or "").split(".")[0] == PACKAGE:
                base, tail = (), tuple((node.module or "").split(".")[1:])
            else:
                continue
            for alias in node.names:
                yield (*base, *tail, alias.name)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    part = part_of(path)
    allowed = ALLOWED[part] | {part, "__version__"}

    wrong = sorted({target[0] for target in imported(path) if target and target[0] not in allowed})

    assert wrong == [], f"{part} may not import {wrong}"


def test_collectors_do_not_import_each_other() -> None:
    public = {p.stem for p in (ROOT / "collectors").glob("*.py") if not p.stem.startswith("_")}
    wrong = [
        (path.name, target[1])
        for path in (ROOT / "collectors").glob("*.py")
        if not path.stem.startswith("__")
        for target in imported(path)
        if len(target) > 1 and target[0] == "collectors" and target[1] in public - {path.stem}
    ]

    assert wrong == []


def test_compilers_do_not_import_each_other() -> None:
    folder = ROOT / "bundle" / "compilers"
    names = {p.stem for p in folder.glob("*.py") if not p.stem.startswith("_")}
    wrong = [
        (path.name, target[2])
        for path in folder.glob("*.py")
        if path.stem != "__init__"
        for target in imported(path)
        if len(target) > 2 and target[:2] == ("bundle", "compilers") and target[2] in names - {path.stem}
    ]

    assert wrong == []


def test_the_table_names_only_what_exists() -> None:
    parts = {part_of(path) for path in modules()} | {"packs"}

    assert set(ALLOWED) == parts


HEAVY = {"psycopg", "redis", "aiohttp"}


def test_collector_modules_load_no_client_library() -> None:
    """What a configuration does not name costs no memory: clients load their library when first used."""
    wrong = []
    for path in (ROOT / "collectors").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""] if not node.level else []
                if node.level and (node.module or "") in {"clients.postgres", "clients.redis", "clients.http"}:
                    wrong.append((path.name, node.module))
            wrong += [(path.name, name) for name in names if name.split(".")[0] in HEAVY]

    assert wrong == []
