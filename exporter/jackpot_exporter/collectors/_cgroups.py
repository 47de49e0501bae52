"""Control groups of either version, found and read; the rest of the package does not see which version it is.

Version 1 has a tree for each controller, version 2 one for all. What a kernel or a group does not have gives no
number; "max" and the huge numbers that stand for it mean no limit and give none either.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ._host import Roots, read_text

_CONTROLLERS = ("cpu", "cpuacct", "memory", "pids")
_UNLIMITED = 2**62  # version 1 says 2**63 rounded down to a page
_TICKS = os.sysconf("SC_CLK_TCK")


class Field(NamedTuple):
    """Where a number stands: the file of a controller, the word before it if there is one, how many make one."""

    controller: str
    file: str
    key: str = ""
    per: float = 1


# By name: the place in version 2, the place in version 1.
FIELDS: Mapping[str, tuple[Field, Field]] = {
    "cpu_usage_seconds": (Field("cpu", "cpu.stat", "usage_usec", 1e6), Field("cpuacct", "cpuacct.usage", per=1e9)),
    "cpu_user_seconds": (
        Field("cpu", "cpu.stat", "user_usec", 1e6),
        Field("cpuacct", "cpuacct.stat", "user", _TICKS),
    ),
    "cpu_system_seconds": (
        Field("cpu", "cpu.stat", "system_usec", 1e6),
        Field("cpuacct", "cpuacct.stat", "system", _TICKS),
    ),
    "cpu_periods": (Field("cpu", "cpu.stat", "nr_periods"), Field("cpu", "cpu.stat", "nr_periods")),
    "cpu_throttled_periods": (Field("cpu", "cpu.stat", "nr_throttled"), Field("cpu", "cpu.stat", "nr_throttled")),
    "cpu_throttled_seconds": (
        Field("cpu", "cpu.stat", "throttled_usec", 1e6),
        Field("cpu", "cpu.stat", "throttled_time", 1e9),
    ),
    "cpu_quota_us": (Field("cpu", "cpu.max", "quota"), Field("cpu", "cpu.cfs_quota_us")),
    "cpu_period_us": (Field("cpu", "cpu.max", "period"), Field("cpu", "cpu.cfs_period_us")),
    "memory_usage": (Field("memory", "memory.current"), Field("memory", "memory.usage_in_bytes")),
    "memory_peak": (Field("memory", "memory.peak"), Field("memory", "memory.max_usage_in_bytes")),
    "memory_limit": (Field("memory", "memory.max"), Field("memory", "memory.limit_in_bytes")),
    "memory_rss": (Field("memory", "memory.stat", "anon"), Field("memory", "memory.stat", "total_rss")),
    "memory_cache": (Field("memory", "memory.stat", "file"), Field("memory", "memory.stat", "total_cache")),
    "memory_inactive": (
        Field("memory", "memory.stat", "inactive_file"),
        Field("memory", "memory.stat", "total_inactive_file"),
    ),
    "memory_mapped": (
        Field("memory", "memory.stat", "file_mapped"),
        Field("memory", "memory.stat", "total_mapped_file"),
    ),
    "memory_swap": (Field("memory", "memory.swap.current"), Field("memory", "memory.stat", "total_swap")),
    "memory_failures": (Field("memory", "memory.events", "max"), Field("memory", "memory.failcnt")),
    "oom_kills": (Field("memory", "memory.events", "oom_kill"), Field("memory", "memory.oom_control", "oom_kill")),
    "threads": (Field("pids", "pids.current"), Field("pids", "pids.current")),
    "threads_limit": (Field("pids", "pids.max"), Field("pids", "pids.max")),
}


@dataclass(frozen=True, slots=True)
class Group:
    """A control group; `folders` are its own folder and those above it, innermost first, by controller."""

    path: str
    is_v2: bool
    folders: Mapping[str, tuple[str, ...]]

    def numbers(self) -> dict[str, float]:
        """What the group says now, by the names of FIELDS."""
        files: dict[str, dict[str, int]] = {}
        found = {}
        for name, fields in FIELDS.items():
            field = fields[0 if self.is_v2 else 1]
            for folder in self.folders.get(field.controller, ())[:1]:
                if (number := _number(files, f"{folder}/{field.file}", field.key)) is not None:
                    found[name] = number / field.per if field.per != 1 else number
        return found

    def stalls(self) -> Iterator[tuple[str, str, float]]:
        """Resource, some or full, and seconds; version 2 only."""
        if self.is_v2:
            for resource in ("cpu", "memory", "io"):
                text = _text(f"{self.folders['cpu'][0]}/{resource}.pressure")
                for line in text.splitlines():
                    yield resource, line.split()[0], int(line.rpartition("total=")[2]) / 1e6

    def limits(self) -> tuple[float | None, float | None]:
        """Memory in bytes and processors in cores: the tightest limit of the group and of those above it."""
        version = 0 if self.is_v2 else 1
        memory = [self._at(folder, FIELDS["memory_limit"][version]) for folder in self.folders.get("memory", ())]
        cores = []
        for folder in self.folders.get("cpu", ()):
            quota, period = (self._at(folder, FIELDS[name][version]) for name in ("cpu_quota_us", "cpu_period_us"))
            cores.append(quota / period if quota is not None and period else None)
        return _least(memory), _least(cores)

    @staticmethod
    def _at(folder: str, field: Field) -> float | None:
        return _number({}, f"{folder}/{field.file}", field.key)


def group_at(roots: Roots, path: str) -> Group | None:
    """The group at a path below the root of the hierarchy; None when there is none."""
    return _group(roots, dict.fromkeys(_CONTROLLERS, path), {})


def group_of(roots: Roots, process: str) -> Group | None:
    """The group of a process (a number, or self). OSError when there is no such process."""
    paths = parse_membership(read_text(f"{roots.proc}/{process}/cgroup"))
    return _group(roots, paths, parse_membership(_text(f"{roots.proc}/self/cgroup")))


def parse_membership(text: str) -> dict[str, str]:
    """/proc/PID/cgroup: the path by controller; that of version 2 stands for every controller not named."""
    paths: dict[str, str] = {}
    for line in text.split("\n"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(",") if controllers else _CONTROLLERS if path else ():
            if controllers or controller not in paths:
                paths[controller] = path
    return paths


def _group(roots: Roots, paths: Mapping[str, str], own: Mapping[str, str]) -> Group | None:
    top = f"{roots.sys}/fs/cgroup"
    is_v2 = Path(top, "cgroup.controllers").exists()
    folders, shown = {}, ""
    for controller in _CONTROLLERS:
        base = top if is_v2 else f"{top}/{controller}"
        path = _visible(base, paths.get(controller), own.get(controller, "/"))
        if path is not None:
            shown = max(shown, path, key=len)
            folders[controller] = tuple(f"{base}{each}" for each in _upwards(path))
    return Group(shown, is_v2, folders) if folders else None


def _visible(base: str, path: str | None, own: str) -> str | None:
    """The path as this process can reach it: a container may see its own group as the root of the tree."""
    if path is None or "/.." in path:
        return None
    candidates = [path, path.removeprefix(own)] if own != "/" and f"{path}/".startswith(f"{own}/") else [path]
    return next((each for each in candidates if Path(f"{base}{each}").is_dir()), None)


def _upwards(path: str) -> list[str]:
    """/a/b, /a and the root, which is empty here."""
    pure = PurePosixPath("/" + path.strip("/"))
    return [str(each).rstrip("/") for each in (pure, *pure.parents)]


def parse_numbers(file: str, text: str) -> dict[str, int]:
    """A lone number, or a word and a number a line, or the two of cpu.max; what stands for no limit is left out."""
    words = text.split()
    if file == "cpu.max":
        pairs = list(zip(("quota", "period"), words, strict=False))
    elif len(words) == 1:
        pairs = [("", words[0])]
    else:
        pairs = [(line.split()[0], line.split()[1]) for line in text.splitlines()]
    numbers = {key: int(word) for key, word in pairs if word != "max"}
    return {key: number for key, number in numbers.items() if 0 <= number < _UNLIMITED}


def _number(files: dict[str, dict[str, int]], path: str, key: str) -> int | None:
    if path not in files:
        files[path] = parse_numbers(path.rpartition("/")[2], _text(path))
    return files[path].get(key)


def _text(path: str) -> str:
    """The text, or nothing: the root group lacks files, kernels lack files, and groups go away."""
    try:
        return read_text(path)
    except OSError:
        return ""


def _least(numbers: list[float | None]) -> float | None:
    return min((number for number in numbers if number is not None), default=None)
