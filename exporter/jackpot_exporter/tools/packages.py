"""Bringing packages of outside programs: installed by root with apt, unpacked into the cache by anyone else.

Nothing that is installed may start, now or at the next boot, and no database cluster is made. An ordinary
user changes nothing outside the cache. Newer versions than this system's own are always unpacked, also by
root, so that they stand beside it. Knows nothing of which tool is needed where.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from ..errors import ToolError
from . import launchers

NEWER_SUITE = "sid"
"""Debian's suite with the current Prometheus; its Go programs run on older systems as they are."""


class Origin(Enum):
    """Where a package comes from."""

    SYSTEM = auto()
    NEWER = auto()


@dataclass(frozen=True, slots=True)
class Package:
    """Names of Debian packages; `with_libraries` when the programs need libraries newer than ours."""

    origin: Origin
    names: tuple[str, ...]
    with_libraries: bool = False


Wanted = tuple[str, tuple[str, ...], Package]
"""The name of the folder in the cache, its programs, and what holds them."""

_BREW = "brew install postgresql@17 redis pgbouncer prometheus alertmanager logrotate"


def cache_folder() -> Path:
    """Where unpacked programs live. Root's is readable by others, as PostgreSQL refuses to run as root."""
    if chosen := os.environ.get("JACKPOT_EXPORTER_CACHE"):
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/cache/jackpot-exporter")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jackpot-exporter"


@contextmanager
def alone() -> Iterator[None]:
    """Wait until nobody else brings packages into the same cache."""
    cache_folder().mkdir(parents=True, exist_ok=True)
    with (cache_folder() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def bring(wanted: Sequence[Wanted]) -> None:
    """Install or unpack every wanted package; ToolError says why one cannot be had."""
    system = [want for want in wanted if want[2].origin is Origin.SYSTEM]
    newer = [want for want in wanted if want[2].origin is Origin.NEWER]
    if wanted:
        _require_apt([name for name, _, _ in wanted])
    if system and os.geteuid() == 0:
        _install([name for _, _, package in system for name in package.names])
    else:
        _unpack_all(system, _system_apt())
    _unpack_all(newer, _newer_apt())


def _require_apt(names: Iterable[str]) -> None:
    if shutil.which("apt-get") and shutil.which("dpkg-deb"):
        return
    what = ", ".join(names)
    if sys.platform == "darwin":
        raise ToolError(f"{what}: not installed; `{_BREW}` brings what Homebrew has")
    raise ToolError(
        f"{what}: not installed, and there is no apt to fetch it with; install it with this system's package "
        'manager, or work in Debian: docker run --rm -it -v "$PWD":/src -w /src debian:12 ./run test'
    )


def _install(names: list[str]) -> None:
    _say(f"installing {', '.join(names)}")
    options = ["-y", "-q", "--no-install-recommends", "-o", "DPkg::Lock::Timeout=300"]
    with _services_kept_down():
        _run("apt-get", "-q", "update")
        _run("apt-get", "install", *options, *names, env={"DEBIAN_FRONTEND": "noninteractive"})
    _disable_services(names)


@contextmanager
def _services_kept_down() -> Iterator[None]:
    """Answer 'no' to packages that want to start a service, and to PostgreSQL's that want to make a cluster."""
    mark = "# jackpot-exporter: only while it installs packages\n"
    answers = {
        Path("/usr/sbin/policy-rc.d"): f"#!/bin/sh\n{mark}exit 101\n",
        Path("/etc/postgresql-common/createcluster.d/jackpot-exporter.conf"): f"{mark}create_main_cluster = false\n",
    }
    # One that is already there is the administrator's, unless an earlier run of ours was killed.
    ours = {path: text for path, text in answers.items() if not path.exists() or mark in path.read_text()}
    try:
        for path, text in ours.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        yield
    finally:
        for path in ours:
            path.unlink(missing_ok=True)


def _disable_services(names: Iterable[str]) -> None:
    if not shutil.which("systemctl"):
        return
    for name in names:
        listed = _run("dpkg", "-L", name).splitlines()
        units = [
            Path(path).name
            for path in listed
            if "/systemd/system/" in path and path.endswith(".service") and "@" not in path
        ]
        if units:
            _run("systemctl", "disable", "--quiet", *units)


def _system_apt() -> list[str]:
    return _apt(cache_folder() / ".apt" / "system")


def _newer_apt() -> list[str]:
    state = cache_folder() / ".apt" / NEWER_SUITE
    sources, installed = state / "sources.list", state / "status"
    return [
        *_apt(state),
        *("-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", f"Dir::State::status={installed}"),
    ]


def _apt(state: Path) -> list[str]:
    """An apt-get with lists and downloads of its own: an ordinary user may not touch the system's."""
    return [
        *("apt-get", "-q", "-y", "-o", "Debug::NoLocking=1", "-o", "Acquire::Languages=none"),
        *("-o", "APT::Sandbox::User=", "-o", "APT::Install-Recommends=0"),
        *("-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::Cache={state}/cache"),
    ]


def _unpack_all(wanted: Sequence[Wanted], apt: list[str]) -> None:
    if not wanted:
        return
    _say(f"unpacking {', '.join(name for name, _, _ in wanted)} into {cache_folder()}")
    state = cache_folder() / ".apt"
    for suite in ("system", NEWER_SUITE):
        (state / suite / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / NEWER_SUITE / "status").touch()
    if wanted[0][2].origin is Origin.NEWER:
        (state / NEWER_SUITE / "sources.list").write_text(_newer_source())
    _run(*apt, "update")
    for name, programs, package in wanted:
        with _new_folder(name) as (folder, final):
            _download(package, apt, folder)
            launchers.write(folder, final, programs, through_loader=package.with_libraries)


def _download(package: Package, apt: list[str], folder: Path) -> None:
    archives = folder / "archives"
    (archives / "partial").mkdir(parents=True)
    if package.origin is Origin.SYSTEM or package.with_libraries:
        _run(*apt, "-o", f"Dir::Cache::archives={archives}", "install", "--download-only", *package.names)
    else:
        _run(*apt, "download", *package.names, cwd=archives)
    for archive in sorted(archives.glob("*.deb")):
        _run("dpkg-deb", "-x", str(archive), str(folder / "root"))
    shutil.rmtree(archives)


def _newer_source() -> str:
    """The suite on the mirror that this Debian already uses, checked with the key that it already trusts."""
    key = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
    mirror = _debian_mirror()
    if not key.exists() or mirror is None:
        raise ToolError(
            "newer versions come from Debian's archive, and this system does not use it; "
            "put the program of that version on PATH (prometheus.io/download has archives)"
        )
    return f"deb [signed-by={key}] {mirror} {NEWER_SUITE} main\n"


def _debian_mirror() -> str | None:
    """Where this system gets Debian from; the security archive has another label and no newer suites."""
    if found := _listed_mirror("apt-get"):
        return found
    # Labels are known only where lists have been fetched, and a container image has none.
    apt = _system_apt()
    _run(*apt, "update")
    return _listed_mirror(*apt)


def _listed_mirror(*apt: str) -> str | None:
    for line in _run(*apt, "indextargets", "--format", "$(LABEL) $(REPO_URI)").splitlines():
        label, _, address = line.partition(" ")
        if label == "Debian":
            return address
    return None


@contextmanager
def _new_folder(name: str) -> Iterator[tuple[Path, Path]]:
    """A folder that takes its final name only when it is complete."""
    final = cache_folder() / name
    cache_folder().mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{name}.", dir=cache_folder()))
    folder.chmod(0o755)
    try:
        yield folder, final
        shutil.rmtree(final, ignore_errors=True)
        folder.rename(final)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(*command: str, env: dict[str, str] | None = None, cwd: Path | None = None) -> str:
    ended = subprocess.run(
        command,
        env={**os.environ, "LC_ALL": "C", **(env or {})},
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise ToolError(f"{' '.join(command[:2])} failed ({ended.returncode}):\n{ended.stdout.strip()[-2000:]}")
    return ended.stdout


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
