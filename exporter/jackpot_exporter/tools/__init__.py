"""Finding, running and bringing the outside programs that the demo, the tests and the checks need.

A *tool* is what is fetched as one piece and brings one or more programs. `NAME` is the version that this
system's own packages hold, `NAME@3` a certain major version and `NAME@current` the newest one, side by
side with it. A program is looked for on PATH, where PostgreSQL's packages put it, and in the cache. What is
in the cache is a small script that sets up the libraries, so every path returned here runs as it is.

Importing this module runs nothing. `python -m jackpot_exporter.tools fetch NAME...` needs no dependency.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..errors import ToolError
from . import packages

CURRENT = "current"


@dataclass(frozen=True, slots=True)
class Tool:
    """Programs that come together, and the package that holds them."""

    name: str
    programs: tuple[str, ...]
    package: packages.Package

    @property
    def version(self) -> str | None:
        """What stands after the @: a major version, `current`, or None."""
        return self.name.partition("@")[2] or None


@dataclass(frozen=True, slots=True)
class Found:
    """Where the first program of a tool is and which version it says it has; None when it is missing."""

    tool: Tool
    path: Path | None
    version: str | None


def _system(*names: str) -> packages.Package:
    return packages.Package(packages.Origin.SYSTEM, names)


def _newer(*names: str, with_libraries: bool = False) -> packages.Package:
    return packages.Package(packages.Origin.NEWER, names, with_libraries)


_POSTGRES = ("postgres", "initdb", "pg_ctl", "pg_dump", "pg_restore", "pg_basebackup", "psql")
_REDIS = ("redis-server", "redis-cli")
_PROMETHEUS = ("prometheus", "promtool")
_ALERTMANAGER = ("alertmanager", "amtool")
_VICTORIA_METRICS = ("victoria-metrics", "vmagent", "vmalert", "vmalert-tool")
_PEERS = tuple(f"prometheus-{source}-exporter" for source in ("postgres", "redis", "node", "sql"))

TOOLS: dict[str, Tool] = {
    tool.name: tool
    for tool in (
        Tool("postgres", _POSTGRES, _system("postgresql")),
        Tool("postgres@18", _POSTGRES, _newer("postgresql-18", with_libraries=True)),
        Tool("redis", _REDIS, _system("redis-server")),
        Tool("redis@8", _REDIS, _newer("redis-server", with_libraries=True)),
        Tool("pgbouncer", ("pgbouncer",), _system("pgbouncer")),
        Tool("prometheus", _PROMETHEUS, _system("prometheus")),
        Tool("prometheus@3", _PROMETHEUS, _newer("prometheus", "promtool")),
        Tool("alertmanager", _ALERTMANAGER, _system("prometheus-alertmanager")),
        Tool("alertmanager@current", _ALERTMANAGER, _newer("prometheus-alertmanager")),
        Tool("logrotate", ("logrotate",), _system("logrotate")),
        Tool("systemd", ("systemd-analyze",), _system("systemd")),
        Tool("faketime", ("faketime",), _system("faketime")),
        Tool("strace", ("strace",), _system("strace")),
        Tool("valgrind", ("valgrind",), _system("valgrind")),
        Tool("chromium", ("chromium",), _system("chromium", "fonts-dejavu-core")),
        Tool("docker-compose@2", ("docker-compose",), _newer("docker-compose")),
        Tool("kustomize@current", ("kustomize",), _newer("kustomize")),
        Tool("victoria-metrics@current", _VICTORIA_METRICS, _newer("victoria-metrics")),
        Tool("mtail@current", ("mtail",), _newer("mtail")),
        *(Tool(peer, (peer,), _system(peer)) for peer in _PEERS),
        *(Tool(f"{peer}@{CURRENT}", (peer,), _newer(peer)) for peer in _PEERS),
    )
}

_ALIASES = {
    "alertmanager": "prometheus-alertmanager",
    "prometheus-postgres-exporter": "postgres_exporter",
    "prometheus-redis-exporter": "redis_exporter",
    "prometheus-node-exporter": "node_exporter",
    "prometheus-sql-exporter": "sql_exporter",
}
"""Debian and the projects themselves give the same program different names."""


def find(program: str, version: str | int | None = None) -> Path:
    """The path of `program`, ready to run; ToolError says what brings it.

    `version` is a major version, or `current` for the newest that `tools fetch` knows.
    """
    path = _find(program, None if version is None else str(version))
    if path is None:
        raise ToolError(_missing(program, version))
    return path


def version(program: str, of: str | int | None = None) -> str:
    """The version that `program` reports, as `15.18`."""
    return version_of(find(program, of))


@cache
def version_of(path: Path) -> str:
    """The version that the program at `path` reports, or `unknown`."""
    ended = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=30, check=False)
    # A Go program that knows no version of its own still names that of its compiler.
    match = re.search(r"(?<!go)(?<![\d.])\d+(?:\.\d+)+", ended.stdout + ended.stderr)
    return match[0] if match else "unknown"


def list_tools() -> list[Found]:
    """Every known tool, found or not."""
    return [_look_up(tool) for tool in TOOLS.values()]


def fetch(names: Iterable[str]) -> list[Found]:
    """Bring the tools that are not there yet; ToolError when one cannot be had."""
    wanted = [_tool(name) for name in names]
    if not all(map(_is_complete, wanted)):
        with packages.alone():
            _bring([tool for tool in wanted if not _is_complete(tool)])
    return [_look_up(tool) for tool in wanted]


def _bring(missing: list[Tool]) -> None:
    packages.bring([(tool.name, tool.programs, tool.package) for tool in missing])
    for tool in missing:
        if not _is_complete(tool):
            raise ToolError(f"{tool.name}: fetched, and still one of {', '.join(tool.programs)} is not found")


def _tool(name: str) -> Tool:
    if name not in TOOLS:
        raise ToolError(f"{name!r} is not a known tool; known are {', '.join(TOOLS)}")
    return TOOLS[name]


def _look_up(tool: Tool) -> Found:
    path = _find(tool.programs[0], tool.version)
    return Found(tool, path, version_of(path) if path else None)


def _is_complete(tool: Tool) -> bool:
    return all(_find(program, tool.version) for program in tool.programs)


def _find(program: str, wanted: str | None) -> Path | None:
    if wanted == CURRENT:
        return next(_in_cache(program, f"*@{CURRENT}"), None)
    places = _places(program)
    if wanted is None:
        return next(places, None)
    return next((path for path in places if f"{version_of(path)}.".startswith(f"{wanted}.")), None)


def _places(program: str) -> Iterator[Path]:
    for name in filter(None, (program, _ALIASES.get(program))):
        for folder in _folders():
            path = folder / name
            # Debian's /usr/bin/psql and its like choose a version by rules of their own.
            if path.resolve().name != "pg_wrapper" and os.access(path, os.X_OK) and path.is_file():
                yield path
    yield from _in_cache(program, "*")


def _folders() -> Iterator[Path]:
    yield from (Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep) if folder)
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=_major, reverse=True)
    yield from sorted(Path("/opt/homebrew/opt").glob("postgresql@*/bin"), reverse=True)
    yield from (Path("/usr/sbin"), Path("/usr/local/sbin"))


def _major(folder: Path) -> int:
    name = folder.parent.name
    return int(name) if name.isdigit() else 0


def _in_cache(program: str, tools: str) -> Iterator[Path]:
    """Cached copies, those of this system's version first."""
    found = packages.cache_folder().glob(f"{tools}/bin/{program}")
    yield from sorted(found, key=lambda path: ("@" in str(path), str(path)))


def _missing(program: str, wanted: str | int | None) -> str:
    wish = program if wanted is None else f"{program} {wanted}"
    brings = [
        tool.name
        for tool in TOOLS.values()
        if program in tool.programs and tool.version == (None if wanted is None else str(wanted))
    ]
    if not brings:
        return f"{wish} is not installed, and no known tool brings it"
    return f"{wish} is not installed; `jackpot-exporter tools fetch {brings[0]}` brings it"
