"""Watched processes: found, read, missed when they go, counted when they come back."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import ValidationError

from harness.rounds import Round
from harness.waiting import eventually
from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors import host, process
from jackpot_exporter.collectors._errand import Errand
from jackpot_exporter.collectors._watch import ProcessSettings, Watch
from jackpot_exporter.config import compose
from jackpot_exporter.errors import SourceTimeoutError
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect

from .host_processes import (
    SLEEP,
    SPIN,
    OwnGroup,
    can_make_groups,
    churning,
    closed,
    running,
    start,
    start_child,
    stop,
    unprivileged,
    write,
)

NEXT_PID = Path("/proc/sys/kernel/ns_last_pid")
groups_needed = pytest.mark.skipif(not can_make_groups(), reason="making control groups needs root on a host")


class Watching:
    """One process collector over several rounds."""

    def __init__(self, *blocks: Mapping[str, Any], **host_settings: Any) -> None:
        target = compose([host.TYPE.section, process.TYPE.section])
        settings: Any = target.model_validate({"host": host_settings, "processes": list(blocks)})
        collector = process.TYPE.build(settings.processes, 10, Clients(settings))
        assert collector is not None
        self._job = Job("process", collector, 15, 10)

    async def round(self) -> Round:
        return Round(await collect(self._job, "jackpot"))


@pytest.fixture
def token() -> str:
    """A word in the command line of one test's processes only."""
    return f"token{secrets.token_hex(8)}"


@pytest.fixture
def service() -> Iterator[psutil.Process]:
    with running(SLEEP) as process:
        yield process


@pytest.fixture
def pid_file(tmp_path: Path) -> Path:
    return tmp_path / "service.pid"


async def test_values_are_those_of_the_process(service: psutil.Process, pid_file: Path) -> None:
    write(pid_file, f"{service.pid}\n")

    got = await Watching({"name": "jackpot", "pid_file": pid_file}).round()

    assert got.outcome is Outcome.OK
    assert got.notes == {}
    values = {name: got.value(f"jackpot_process_{name}", process="jackpot") for name in ALL_FAMILIES}
    assert values == {
        "instances": 1,
        "restarts_total": 0,
        "start_time_seconds": service.create_time(),
        "cpu_seconds_total": pytest.approx(sum(service.cpu_times()[:2]), abs=0.5),
        "resident_memory_bytes": service.memory_info().rss,
        "virtual_memory_bytes": service.memory_info().vms,
        "threads": 1,
        "open_fds": service.num_fds(),
        "max_fds": service.rlimit(psutil.RLIMIT_NOFILE)[0],
        "read_bytes_total": service.io_counters().read_bytes,
        "written_bytes_total": service.io_counters().write_bytes,
        "memory_limit_bytes": values["memory_limit_bytes"],
        "cpu_limit_cores": values["cpu_limit_cores"],
    }
    assert 0 < (values["memory_limit_bytes"] or 0) <= psutil.virtual_memory().total
    assert 0 < (values["cpu_limit_cores"] or 0) <= (psutil.cpu_count() or 0)


ALL_FAMILIES = [spec.name.removeprefix("process_") for spec in process.TYPE.metrics]


async def test_process_that_ends_is_missed_and_its_return_counted(pid_file: Path) -> None:
    watching = Watching({"name": "jackpot", "pid_file": pid_file})
    with running(SPIN) as first:
        write(pid_file, first.pid)
        eventually(lambda: sum(first.cpu_times()[:2]) > 0.1)
        await watching.round()
        before = await watching.round()
        used = sum(first.cpu_times()[:2])

    down = await watching.round()
    with running(SLEEP) as second:
        write(pid_file, second.pid)
        back = await watching.round()
        later = await watching.round()

    assert down.names == {"jackpot_process_instances", "jackpot_process_restarts_total"}
    assert down.value("jackpot_process_instances") == 0
    restarts = [each.value("jackpot_process_restarts_total") for each in (before, down, back, later)]
    assert restarts == [0, 0, 1, 1]
    cpu = [each.value("jackpot_process_cpu_seconds_total") or 0 for each in (before, back)]
    assert 0.1 < cpu[0] <= used, "what was counted once is not counted again"
    assert cpu[0] <= cpu[1], "a counter must not fall with a restart"
    starts = [each.value("jackpot_process_start_time_seconds") or 0 for each in (before, back)]
    assert starts[0] < starts[1]


@pytest.mark.skipif(
    os.geteuid() != 0 or not os.access(NEXT_PID, os.W_OK), reason="choosing the number of a process needs root"
)
async def test_number_given_anew_is_another_process(pid_file: Path) -> None:
    watching = Watching({"name": "jackpot", "pid_file": pid_file})
    with running(SLEEP) as first:
        write(pid_file, first.pid)
        before = await watching.round()
    again = eventually(lambda: _start_with_number(first.pid), within=20)
    assert again is not None
    try:
        after = await watching.round()
    finally:
        again.kill()
        again.wait()

    assert [each.value("jackpot_process_instances") for each in (before, after)] == [1, 1]
    assert [each.value("jackpot_process_restarts_total") for each in (before, after)] == [0, 1]


def _start_with_number(number: int) -> subprocess.Popen[str] | None:
    """A process of this number, unless another one of this host came between."""
    NEXT_PID.write_text(str(number - 1))
    process = start_child(SLEEP)
    if process.pid == number:
        return process
    process.kill()
    process.wait()
    return None


async def test_stale_file_is_seen_through_by_the_command(service: psutil.Process, pid_file: Path, token: str) -> None:
    write(pid_file, service.pid)

    got = await Watching({"name": "jackpot", "pid_file": pid_file, "command": token}).round()

    assert got.value("jackpot_process_instances") == 0


async def test_zombie_does_not_run(pid_file: Path) -> None:
    child = start_child(SLEEP)
    write(pid_file, child.pid)
    child.kill()
    eventually(lambda: psutil.Process(child.pid).status() == psutil.STATUS_ZOMBIE)

    got = await Watching({"name": "jackpot", "pid_file": pid_file}).round()

    child.wait()
    assert got.value("jackpot_process_instances") == 0


async def test_missing_pid_file_means_down(pid_file: Path) -> None:
    got = await Watching({"name": "jackpot", "pid_file": pid_file}).round()

    assert got.value("jackpot_process_instances") == 0
    assert got.notes == {}


@pytest.mark.parametrize("text", [b"", b"\n", b"abc", b"-1", b"0", b"12x", b"9" * 30, b"\xff\xfe"], ids=repr)
async def test_garbage_in_the_pid_file_is_a_note_and_no_value(pid_file: Path, text: bytes, token: str) -> None:
    write(pid_file, text)
    with running(SLEEP, token):
        got = await Watching({"name": "bad", "pid_file": pid_file}, {"name": "good", "command": token}).round()

    assert got.notes == {"bad": Outcome.BAD_DATA}
    assert got.by("jackpot_process_instances", "process") == {"good": 1}


async def test_pid_file_without_permission_is_a_note(tmp_path: Path, pid_file: Path) -> None:
    write(pid_file, 1)

    with closed(tmp_path), unprivileged():
        got = await Watching({"name": "jackpot", "pid_file": pid_file}).round()

    assert got.notes == {"jackpot": Outcome.PERMISSION}


async def test_what_may_not_be_read_is_a_note_and_the_rest_stands() -> None:
    """The first process belongs to root on every host."""
    with unprivileged():
        got = await Watching({"name": "init", "pid_file": _file_with_one()}).round()

    assert got.notes == {"init descriptors": Outcome.PERMISSION}
    assert got.value("jackpot_process_resident_memory_bytes") is not None
    assert "jackpot_process_open_fds" not in got.names


def _file_with_one() -> Path:
    """A file that everyone can read and that begins with 1: the kernel has some."""
    path = Path("/sys/devices/virtual/net/lo/carrier")
    assert path.read_text().strip() == "1"
    return path


async def test_command_finds_all_and_only_what_it_matches(token: str) -> None:
    with running(SLEEP, token, "one") as one, running(SLEEP, token, "two") as two, running(SLEEP, token + "x"):
        got = await Watching({"name": "jackpot", "command": rf"{token} \w+$"}).round()

        assert got.value("jackpot_process_instances") == 2
        assert got.value("jackpot_process_start_time_seconds") == min(one.create_time(), two.create_time())
        assert got.value("jackpot_process_open_fds") == one.num_fds() + two.num_fds()


def test_exporter_and_its_children_are_not_found(token: str) -> None:
    own = re.escape(" ".join(psutil.Process().cmdline()))
    child = start_child(SLEEP, token)

    with running(SLEEP, token) as other:
        found = Watch(ProcessSettings(name="jackpot", command=f"{token}|{own}"), "/proc").find()

    child.kill()
    child.wait()
    assert other.pid in found
    assert not {os.getpid(), child.pid} & set(found)


async def test_instance_that_goes_takes_nothing_from_the_counters(token: str) -> None:
    watching = Watching({"name": "jackpot", "command": token})
    with running(SLEEP, token):
        busy = start(SPIN, token)
        eventually(lambda: sum(busy.cpu_times()[:2]) > 0.1)
        both = await watching.round()
        stop(busy)
        one = await watching.round()

    assert [each.value("jackpot_process_instances") for each in (both, one)] == [2, 1]
    assert [each.value("jackpot_process_restarts_total") for each in (both, one)] == [0, 0]
    cpu = [each.value("jackpot_process_cpu_seconds_total") or 0 for each in (both, one)]
    assert cpu[0] <= cpu[1]


async def test_processes_that_come_and_go_during_rounds_break_nothing(token: str) -> None:
    """Ends and starts at any moment of the reading."""
    watching = Watching({"name": "jackpot", "command": token})
    with churning(token):
        rounds = [await watching.round() for _ in range(40)]

    assert {each.batch.message for each in rounds} == {""}
    assert {each.value("jackpot_process_instances") for each in rounds[1:]} & {2.0, 3.0, 4.0}


async def test_process_that_goes_in_the_middle_of_a_reading_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A /proc in which the process has its first file and no longer the others."""
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc")
    half_gone(tmp_path, 7)

    got = await Watching({"name": "jackpot", "command": "service"}, proc=str(tmp_path)).round()

    assert got.outcome is Outcome.OK
    assert got.value("jackpot_process_instances") == 0


def half_gone(proc: Path, number: int) -> None:
    (proc / "self").mkdir()
    (proc / str(number)).mkdir()
    write(proc / "meminfo", Path("/proc/meminfo").read_bytes())
    write(proc / "stat", Path("/proc/stat").read_bytes())
    write(proc / str(number) / "cmdline", b"service\0")
    write(proc / str(number) / "stat", Path("/proc/self/stat").read_bytes())


async def test_name_that_stands_twice_is_watched_once(token: str) -> None:
    with running(SLEEP, token):
        block = {"name": "jackpot", "command": token}
        got = await Watching(block, block).round()

    assert got.outcome is Outcome.OK
    assert got.value("jackpot_process_instances") == 1
    assert got.notes == {"jackpot again": Outcome.BAD_DATA}


async def test_proc_may_be_mounted_elsewhere(tmp_path: Path, token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc")
    os.symlink("/proc", tmp_path / "proc")  # noqa: PTH211 - takes no time
    with running(SLEEP, token) as service:
        got = await Watching({"name": "jackpot", "command": token}, proc=str(tmp_path / "proc")).round()

        assert str(tmp_path / "proc") == psutil.PROCFS_PATH
        assert got.value("jackpot_process_open_fds") == service.num_fds()


@groups_needed
async def test_limits_are_those_of_the_control_group(token: str) -> None:
    with OwnGroup() as group, running(SLEEP, token) as service:
        group.allow_cores(0.5)
        group.allow_memory(64 * 2**20)
        group.add(service.pid)

        got = await Watching({"name": "jackpot", "command": token}).round()

    assert got.value("jackpot_process_cpu_limit_cores") == 0.5
    assert got.value("jackpot_process_memory_limit_bytes") == 64 * 2**20


async def test_wrong_proc_is_named_for_every_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "PROCFS_PATH", "/proc")

    got = await Watching({"name": "jackpot", "command": "x"}, proc=str(tmp_path)).round()

    assert got.notes == {"jackpot": Outcome.MISSING}
    assert got.names == set()


def test_nothing_watched_builds_nothing() -> None:
    settings = compose([host.TYPE.section, process.TYPE.section])()

    assert process.TYPE.build((), 10, Clients(settings)) is None
    off = ProcessSettings(name="x", command="x", enabled=False)
    assert process.TYPE.build((off,), 10, Clients(settings)) is None


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"command": "x"}, "name\\n  Field required"),
        ({"name": "x"}, "pid_file or command is missing"),
        ({"name": "x", "command": "("}, "not a regular expression"),
    ],
)
def test_settings_that_find_nothing_are_refused(block: Mapping[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ProcessSettings.model_validate(block)


async def test_errand_that_hangs_is_left_alone_until_it_is_back() -> None:
    gate = threading.Event()
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    errand: Errand[bool] = Errand(gate.wait, "reading something")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await errand.run()

    with pytest.raises(SourceTimeoutError, match="hanging"):
        await errand.run()

    gate.set()
    await _eventually_runs(errand.run)
    assert complaints == []


async def _eventually_runs(run: Callable[[], Any]) -> None:
    async with asyncio.timeout(30):
        while True:
            try:
                assert await run() is True
            except SourceTimeoutError:
                await asyncio.sleep(0)
            else:
                return


async def test_errand_hands_on_what_the_call_raises() -> None:
    def fail() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Errand(fail, "failing").run()
