"""Which files a running exporter opens: its own, the system's for everyone, and those that the settings name."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from conftest import Database
from harness.exporter import ExporterProcess
from harness.waiting import eventually
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
OPENED = re.compile(r'open(?:at)?\((?:AT_FDCWD, |\d+, )?"([^"]+)".* = \d+$', re.MULTILINE)
SYSTEMS = (
    "/proc/", "/sys/", "/dev/null", "/dev/urandom", "/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/", "/usr/share/locale",
    "/usr/share/zoneinfo", "/usr/local/lib/", "/usr/bin/env", "/etc/ld.so.", "/etc/localtime", "/etc/resolv.conf",
    "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/passwd", "/etc/ssl/",
    "/etc/mime.types", "/etc/os-release", "/usr/lib/os-release", "/etc/gitconfig",
)  # fmt: skip
"""What the interpreter and the C library read; nothing in there is a secret."""


class Watched(ExporterProcess):
    """Under strace, which notes every file that is opened."""

    def command(self) -> list[str]:
        strace = [
            str(find("strace")),
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-s",
            "4096",
            "-e",
            "trace=open,openat",
            "-o",
            str(self.calls),
        ]
        return [*strace, *super().command()]

    @property
    def calls(self) -> Path:
        return self.folder / "calls"

    def opened(self) -> set[str]:
        return set(OPENED.findall(self.calls.read_text(errors="replace")))


def reads(opened: set[str], path: Path) -> bool:
    """Whether this was opened, or something in it."""
    return any(one == str(path) or one.startswith(f"{path}/") for one in opened)


def test_no_file_is_opened_that_is_not_named(tmp_path: Path, database: Database, shared_redis: RedisServer) -> None:
    named = {name: tmp_path / name for name in ("password", "token", "app.log", "backups", "state")}
    named["password"].write_text("unused")
    named["token"].write_text("t0ken")
    named["app.log"].write_text("{}\n")
    named["backups"].mkdir()
    named["state"].mkdir()
    (named["backups"] / "a.dump").write_text("x")
    beside = tmp_path / "beside"
    beside.write_text("secret")
    process = Watched(
        {
            "interval": "1s",
            "state_dir": str(named["state"]),
            "host": {},
            "postgres": {"dsn": database.dsn, "password_file": str(named["password"])},
            "redis": {"url": shared_redis.url},
            "logs": [{"path": str(named["app.log"])}],
            "backups": [{"name": "b", "path": str(named["backups"]), "pattern": "*.dump"}],
            "web": {"bearer_token_file": str(named["token"])},
        },
        environment={"HOME": str(tmp_path / "home")},
    )
    with process:
        eventually(lambda: all(reads(process.opened(), path) for path in named.values()), within=60)
        opened = process.opened()

    own = (sys.prefix, sys.base_prefix, str(ROOT / "exporter"), str(process.folder), *map(str, named.values()))
    assert [path for path in sorted(opened) if path.startswith("/") and not path.startswith((*SYSTEMS, *own))] == []
    assert str(beside) not in opened
