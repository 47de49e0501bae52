"""The service under systemd: laid out, accepted and scored by systemd itself, and running within its limits."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conftest import Database
from harness.log_tail import LogTail, LogWriter, assert_exact
from harness.waiting import eventually
from jackpot_exporter.demo.process import ServerProcess
from jackpot_exporter.demo.programs import fetch
from jackpot_exporter.demo.servers import RedisServer
from jackpot_exporter.tools import find

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "systemd"
UNIT = (FOLDER / "jackpot-exporter.service").read_text()
BIN = Path(sys.executable).parent
_EXPOSURE = 20
_TARGETS = ("sysinit", "basic", "multi-user", "network-online", "shutdown")


def directive(name: str) -> list[str]:
    return re.findall(rf"^{name}=(.*)$", UNIT, re.MULTILINE)


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [find("systemd-analyze"), "--no-pager", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def exposure(unit: Path) -> int:
    return analyze("security", "--offline=true", f"--threshold={_EXPOSURE}", unit).returncode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A clean root folder with the service laid out in it."""
    install(tmp_path / "root")
    return tmp_path / "root"


def install(root: Path, *arguments: str) -> None:
    subprocess.run([FOLDER / "install", *arguments], env={**os.environ, "DESTDIR": str(root)}, check=True)


def files(root: Path) -> dict[str, str]:
    """Path and mode of everything under a folder that is not merely on the way."""
    found = (path for path in root.rglob("*") if path.is_file() or not any(path.iterdir()))
    return {str(path.relative_to(root)): stat.filemode(path.stat().st_mode) for path in found}


# --- laying out -----------------------------------------------------------------------------------------------


def test_it_is_laid_out_in_a_clean_root(root: Path) -> None:
    assert files(root) == {
        "etc/systemd/system/jackpot-exporter.service": "-rw-r--r--",
        "etc/systemd/system/jackpot-report.service": "-rw-r--r--",
        "etc/systemd/system/jackpot-report.timer": "-rw-r--r--",
        "etc/logrotate.d/jackpot": "-rw-r--r--",
        "etc/jackpot-exporter/settings.yaml": "-rw-r--r--",
        "etc/jackpot-exporter/report.env": "-rw-r--r--",
        "etc/jackpot-exporter/secrets": "drwx------",
    }


def test_laying_out_again_keeps_what_is_the_operators(root: Path) -> None:
    settings = root / "etc/jackpot-exporter/settings.yaml"
    settings.write_text("host: {}\n")
    (root / "etc/jackpot-exporter/secrets/postgres").write_text("secret")

    install(root)

    assert settings.read_text() == "host: {}\n"
    assert (root / "etc/jackpot-exporter/secrets/postgres").read_text() == "secret"


def test_it_is_taken_away(root: Path) -> None:
    install(root, "--remove")
    kept = set(files(root / "etc/jackpot-exporter"))
    install(root, "--purge")

    assert kept == {"settings.yaml", "report.env", "secrets"}
    assert [path for path in root.rglob("*") if path.is_file()] == []


# --- what systemd says ----------------------------------------------------------------------------------------


def test_systemd_accepts_the_unit(root: Path) -> None:
    units = root / "etc/systemd/system"
    for name in _TARGETS:
        (units / f"{name}.target").write_text("[Unit]\n")
    for program in ("opt/jackpot-exporter/bin/jackpot-exporter", "bin/kill"):
        (root / program).parent.mkdir(parents=True)
        (root / program).write_text("#!/bin/sh\n")
        (root / program).chmod(0o755)
    unit = "/etc/systemd/system/jackpot-exporter.service"

    well = analyze("verify", f"--root={root}", "--man=no", unit)
    (units / "jackpot-exporter.service").write_text(UNIT.replace("DynamicUser=yes", "DynamicUsers=yes"))
    ill = analyze("verify", f"--root={root}", "--man=no", unit)

    assert (well.returncode, well.stderr) == (0, "")
    assert "DynamicUsers" in ill.stderr


def test_its_exposure_is_at_most_two(tmp_path: Path) -> None:
    loose = tmp_path / "jackpot-exporter.service"
    loose.write_text(re.sub(r"^SystemCall.*\n", "", UNIT, flags=re.MULTILINE))

    assert exposure(FOLDER / "jackpot-exporter.service") == 0
    assert exposure(loose) != 0


# --- running within the limits --------------------------------------------------------------------------------


class Service(ServerProcess):
    """The unit's own command with its folders moved, under what the kernel enforces for it."""

    _CONFINE = """
import ctypes, os, sys
os.umask(0o077)
prctl = ctypes.CDLL(None, use_errno=True).prctl
assert prctl(38, 1, 0, 0, 0) == 0  # no new privileges
prctl(65, 1, 0, 0, 0)              # no memory that is written and then run; kernels before 6.3 do not know it
os.execv(sys.argv[1], sys.argv[1:])
"""

    def __init__(self, settings: Path, credentials: Path, *before: str) -> None:
        super().__init__()
        self._settings, self._credentials, self._before = settings, credentials, before

    def command(self) -> list[str]:
        (line,) = directive("ExecStart")
        program, *words = line.replace("/etc/jackpot-exporter/settings.yaml", str(self._settings)).split()
        assert program == "/opt/jackpot-exporter/bin/jackpot-exporter"
        confined = [*self._before, sys.executable, "-c", self._CONFINE, str(BIN / "jackpot-exporter"), *words]
        address = ["--web.listen-address", f"127.0.0.1:{self.port}"]
        return ["/usr/bin/env", f"CREDENTIALS_DIRECTORY={self._credentials}", *confined, *address]

    def is_ready(self) -> bool:
        try:
            fetch(f"http://127.0.0.1:{self.port}/-/ready")
        except OSError:
            return False
        return True


@contextmanager
def running(tmp_path: Path, database: Database, redis: RedisServer, *before: str) -> Iterator[str]:
    """The address of the service with the laid out settings, pointed at real sources."""
    text = (FOLDER / "settings.yaml").read_text()
    database.server.create_role(f"role_{database.name}", "from a credential")
    database.execute(f"grant pg_monitor to role_{database.name}")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "secrets_postgres").write_text("from a credential\n")
    (tmp_path / "application.log").touch()
    (tmp_path / "state").mkdir()
    for there, here in {
        "/var/lib/jackpot-exporter": str(tmp_path / "state"),
        "postgresql://jackpot_exporter@localhost/jackpot": f"postgresql://role_{database.name}@127.0.0.1:{database.server.port}/{database.name}",
        "redis://localhost:6379/0": redis.url,
        "/var/log/jackpot/application.log": str(tmp_path / "application.log"),
    }.items():
        assert there in text
        text = text.replace(there, here)
    settings = tmp_path / "settings.yaml"
    settings.write_text(text)
    with Service(settings, tmp_path / "credentials", *before) as service:
        yield f"http://127.0.0.1:{service.port}"
        service.stop()
    database.execute(f"drop owned by role_{database.name}")
    database.execute(f"drop role role_{database.name}")


def test_it_works_with_its_settings_and_a_credential(
    tmp_path: Path, database: Database, shared_redis: RedisServer
) -> None:
    with running(tmp_path, database, shared_redis) as url:
        page = fetch(f"{url}/metrics").decode()

    up = set(re.findall(r'^jackpot_exporter_collector_up\{collector="(\w+)"\} 1$', page, re.MULTILINE))
    kept = list((tmp_path / "state").rglob("*"))
    assert {"postgres", "postgres_activity", "redis", "logs", "host"} <= up
    assert "\nnode_timex_status " in page
    assert kept != []
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_it_makes_no_system_call_that_the_unit_forbids(
    tmp_path: Path, database: Database, shared_redis: RedisServer
) -> None:
    calls = tmp_path / "calls"
    strace = ["-f", "-qq", "-s", "0", "-o", str(calls)]

    with running(tmp_path, database, shared_redis, str(find("strace")), *strace) as url:
        fetch(f"{url}/metrics")

    made = set(re.findall(r"^\d+ +([a-z]\w+)\(", calls.read_text(), re.MULTILINE))
    assert {"epoll_wait", "openat", "sendto", "clock_adjtime"} <= made
    assert made - allowed_calls() == set()


def allowed_calls() -> set[str]:
    """What the unit's lines about system calls come to."""
    allowed: set[str] = set()
    for line in directive("SystemCallFilter"):
        words = {call for word in line.removeprefix("~").split() for call in expand(word)}
        allowed = allowed - words if line.startswith("~") else allowed | words
    return allowed


def expand(name: str) -> set[str]:
    if not name.startswith("@"):
        return {name}
    listed = analyze("syscall-filter", name).stdout.splitlines()[1:]
    return {call for line in listed if (word := line.strip()) and word[0] != "#" for call in expand(word)}


# --- the log's rotation ---------------------------------------------------------------------------------------


def rotate(config: Path, state: Path) -> None:
    """Once, in a second of its own: the names are by the second."""
    now = int(time.time())
    eventually(lambda: int(time.time()) > now)
    command = [str(find("logrotate")), "--force", "--state", str(state), str(config)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)


async def test_the_log_is_rotated_and_no_line_is_lost(tmp_path: Path) -> None:
    log = tmp_path / "log" / "application.log"
    log.parent.mkdir()
    text = (ROOT / "deploy" / "logrotate" / "jackpot").read_text()
    for there, here in {
        "/var/log/jackpot/*.log": f'"{log.parent}/*.log"',
        "create 0640 jackpot jackpot": "su root root\n create 0640" if os.geteuid() == 0 else "create 0640",
        "systemctl kill --signal=USR2 jackpot.service": f"touch {tmp_path}/told",
    }.items():
        assert there in text
        text = text.replace(there, here)
    config = tmp_path / "logrotate.conf"
    config.write_text(text)
    config.chmod(0o644)
    writer = LogWriter(log)
    follower = LogTail(log, tmp_path / "state")

    for _ in range(2):
        writer.write(100)
        assert_exact(await follower.collect(), writer)
        rotate(config, tmp_path / "rotation")
        writer.write(5)  # not told yet that its log was renamed
        assert (tmp_path / "told").exists()
        writer.reopen()
        writer.write(20)

    assert_exact(await follower.collect(), writer)
    assert len(list(log.parent.glob("application.log-*"))) == 2
    writer.close()
