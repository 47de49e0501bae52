"""Control groups of both versions say what the kernel says; throttling and OOM kills are real where they can be."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.rounds import Round
from harness.waiting import eventually_async
from jackpot_exporter.clients import Clients
from jackpot_exporter.collectors import cgroup, host, process
from jackpot_exporter.collectors._cgroups import group_of, parse_membership
from jackpot_exporter.collectors._host import Roots
from jackpot_exporter.config import compose
from jackpot_exporter.model import Outcome
from jackpot_exporter.runtime import Job, collect

from .host_processes import HUNGRY, SPIN, OwnGroup, can_make_groups, running, start_child, write

groups_needed = pytest.mark.skipif(not can_make_groups(), reason="making control groups needs root on a host")

V2 = {
    "cpu.stat": "usage_usec 2500000\nuser_usec 2000000\nsystem_usec 500000\n"
    "nr_periods 10\nnr_throttled 4\nthrottled_usec 1500000\n",
    "cpu.max": "50000 100000\n",
    "memory.current": "1000\n",
    "memory.peak": "2000\n",
    "memory.max": "4096\n",
    "memory.swap.current": "7\n",
    "memory.stat": "anon 600\nfile 300\nfile_mapped 20\ninactive_file 250\n",
    "memory.events": "low 0\nhigh 0\nmax 9\noom 3\noom_kill 2\n",
    "pids.current": "5\n",
    "pids.max": "max\n",
    "cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=1\n",
}
V2_VALUES = {
    "container_cpu_usage_seconds_total": 2.5,
    "container_cpu_user_seconds_total": 2.0,
    "container_cpu_system_seconds_total": 0.5,
    "container_cpu_cfs_periods_total": 10,
    "container_cpu_cfs_throttled_periods_total": 4,
    "container_cpu_cfs_throttled_seconds_total": 1.5,
    "container_spec_cpu_quota": 50000,
    "container_spec_cpu_period": 100000,
    "container_memory_usage_bytes": 1000,
    "container_memory_working_set_bytes": 750,
    "container_memory_max_usage_bytes": 2000,
    "container_spec_memory_limit_bytes": 4096,
    "container_memory_rss": 600,
    "container_memory_cache": 300,
    "container_memory_mapped_file": 20,
    "container_memory_swap": 7,
    "container_memory_failcnt": 9,
    "container_oom_events_total": 2,
    "container_threads": 5,
    "container_pressure_cpu_waiting_seconds_total": 3.0,
    "container_pressure_cpu_stalled_seconds_total": 1e-6,
}
V1 = {
    "cpu/cpu.stat": "nr_periods 10\nnr_throttled 4\nthrottled_time 1500000000\n",
    "cpu/cpu.cfs_quota_us": "-1\n",
    "cpu/cpu.cfs_period_us": "100000\n",
    "cpuacct/cpuacct.usage": "2500000000\n",
    "cpuacct/cpuacct.stat": "user 200\nsystem 50\n",
    "memory/memory.usage_in_bytes": "1000\n",
    "memory/memory.max_usage_in_bytes": "2000\n",
    "memory/memory.limit_in_bytes": "9223372036854771712\n",
    "memory/memory.stat": "rss 1\ntotal_rss 600\ntotal_cache 300\ntotal_mapped_file 20\ntotal_swap 7\n"
    "total_inactive_file 250\n",
    "memory/memory.failcnt": "9\n",
    "memory/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "pids/pids.current": "5\n",
}
NOT_IN_V1 = {"container_spec_cpu_quota", "container_spec_memory_limit_bytes"}


class Tree:
    """A /proc and a /sys with control groups."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sys = root / "proc", root / "sys"
        self.top = self.sys / "fs/cgroup"

    def member(self, membership: str, process: str = "self") -> None:
        self._write(self.proc / process / "cgroup", membership)

    def version2(self, path: str, files: Mapping[str, str]) -> None:
        self._write(self.top / "cgroup.controllers", "cpu memory pids\n")
        for name, text in files.items():
            self._write(self.top / path.strip("/") / name, text)

    def version1(self, path: str, files: Mapping[str, str]) -> None:
        for name, text in files.items():
            controller, _, file = name.partition("/")
            self._write(self.top / controller / path.strip("/") / file, text)

    @property
    def roots(self) -> Roots:
        return Roots(str(self.proc), str(self.sys))

    async def collect(self, **settings: Any) -> Round:
        return await collect_once({"host": {"proc": self.proc, "sys": self.sys}, "cgroup": settings})

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


async def collect_once(settings: Mapping[str, Any]) -> Round:
    kinds = [host.TYPE, cgroup.TYPE, process.TYPE]
    target: Any = compose([kind.section for kind in kinds]).model_validate(settings)
    collector = cgroup.TYPE.build(target.cgroup, 10, Clients(target))
    assert collector is not None
    return Round(await collect(Job("cgroup", collector, 15, 10), "jackpot"))


def of_app(got: Round, family: str) -> float | None:
    return got.by(family, "name").get("app")


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


async def test_version_2_is_read_under_cadvisors_names(tree: Tree) -> None:
    tree.version2("/system.slice/app.service", V2)
    tree.member("0::/system.slice/app.service\n")

    got = await tree.collect()

    assert got.outcome is Outcome.OK
    assert {name: got.value(name, id="/system.slice/app.service") for name in got.names} == V2_VALUES


async def test_version_1_says_the_same(tree: Tree) -> None:
    tree.version1("/docker/abc", V1)
    tree.member("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:pids:/docker/abc\n1:name=systemd:/docker/abc\n")

    got = await tree.collect()

    expected = {name: value for name, value in V2_VALUES.items() if name not in NOT_IN_V1 and "pressure" not in name}
    assert {name: got.value(name, id="/docker/abc") for name in got.names} == expected


async def test_container_that_sees_its_group_as_the_root_is_found(tree: Tree) -> None:
    tree.version1("/", V1)
    tree.member("4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n")

    got = await tree.collect()

    assert got.value("container_memory_usage_bytes", id="/") == 1000


async def test_no_limit_gives_no_series(tree: Tree) -> None:
    tree.version2("/app", {**V2, "cpu.max": "max 100000\n", "memory.max": "max\n"})
    tree.member("0::/app\n")

    got = await tree.collect()

    assert not {"container_spec_cpu_quota", "container_spec_memory_limit_bytes"} & got.names
    assert got.value("container_spec_cpu_period") == 100000


async def test_working_set_is_never_below_zero(tree: Tree) -> None:
    tree.version2("/app", {**V2, "memory.current": "100\n"})
    tree.member("0::/app\n")

    got = await tree.collect()

    assert got.value("container_memory_working_set_bytes") == 0


async def test_named_group_that_is_missing_is_a_note(tree: Tree) -> None:
    tree.version2("/app", V2)
    tree.member("0::/\n")

    got = await tree.collect(groups={"app": "/app", "gone": "/gone"})

    assert got.notes == {"gone": Outcome.MISSING}
    assert of_app(got, "container_memory_usage_bytes") == 1000


async def test_garbage_in_one_group_takes_that_group_only(tree: Tree) -> None:
    tree.version2("/good", V2)
    tree.version2("/bad", {**V2, "cpu.stat": "usage_usec lots\n"})
    tree.member("0::/good\n")

    got = await tree.collect(groups={"bad": "/bad"})

    assert got.notes == {"bad": Outcome.BAD_DATA}
    assert got.by("container_memory_usage_bytes", "name") == {"exporter": 1000}


async def test_system_without_control_groups_is_noted_and_is_no_failure(tree: Tree) -> None:
    tree.member("")

    got = await tree.collect()

    assert got.outcome is Outcome.EMPTY
    assert got.notes == {"exporter": Outcome.OK}


async def test_wrong_proc_fails_and_names_the_setting(tree: Tree) -> None:
    got = await tree.collect()

    assert got.outcome is Outcome.MISSING
    assert "host.proc" in got.batch.message


def test_tightest_limit_counts_also_when_it_stands_above(tree: Tree) -> None:
    tree.version2("/", {"cpu.stat": ""})
    tree.version2("/slice", {"memory.max": "100\n", "cpu.max": "max 100000\n"})
    tree.version2("/slice/app", {"memory.max": "900\n", "cpu.max": "150000 100000\n"})
    tree.version2("/slice/app/deep", {"memory.max": "max\n", "cpu.max": "300000 100000\n"})
    tree.member("0::/slice/app/deep\n", "7")

    group = group_of(tree.roots, "7")

    assert group is not None
    assert group.limits() == (100, 1.5)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("0::/a:b\n", {"cpu": "/a:b", "cpuacct": "/a:b", "memory": "/a:b", "pids": "/a:b"}),
        ("3:cpu,cpuacct:/x\n2:memory:/y\n", {"cpu": "/x", "cpuacct": "/x", "memory": "/y"}),
        ("2:memory:/y\n0::/z\n", {"memory": "/y", "cpu": "/z", "cpuacct": "/z", "pids": "/z"}),
        ("nonsense\n", {}),
    ],
    ids=["version 2", "version 1", "both", "garbage"],
)
def test_membership(text: str, paths: dict[str, str]) -> None:
    assert parse_membership(text) == paths


def test_group_outside_of_the_namespace_is_not_guessed(tree: Tree) -> None:
    tree.version2("/", V2)
    tree.version2("/../other", V2)
    tree.member("0::/\n")
    tree.member("0::/../other\n", "7")

    assert group_of(tree.roots, "7") is None


async def test_own_group_of_this_host_is_read() -> None:
    got = await collect_once({})

    assert got.outcome is Outcome.OK
    assert set(got.by("container_cpu_usage_seconds_total", "name")) == {"exporter"}


@groups_needed
async def test_real_throttling_is_counted(tmp_path: Path) -> None:
    with OwnGroup() as group, running(SPIN) as service:
        group.allow_cores(0.1)
        group.add(service.pid)
        write(tmp_path / "pid", service.pid)
        settings = {"processes": [{"name": "app", "pid_file": tmp_path / "pid"}]}

        async def throttled() -> Round | None:
            got = await collect_once(settings)
            return got if (of_app(got, "container_cpu_cfs_throttled_periods_total") or 0) >= 3 else None

        got = await eventually_async(throttled)

        assert got is not None
        assert group.path in got.by("container_spec_cpu_quota", "id")
        assert of_app(got, "container_spec_cpu_quota") == 2000
        assert of_app(got, "container_spec_cpu_period") == 20000
        periods = of_app(got, "container_cpu_cfs_periods_total") or 0
        assert 3 <= periods <= _counted(group, "nr_periods")
        seconds = of_app(got, "container_cpu_cfs_throttled_seconds_total") or 0
        assert 0 < seconds <= _counted(group, "throttled_usec") / 1e6 + _counted(group, "throttled_time") / 1e9


def _counted(group: OwnGroup, key: str) -> int:
    text = group.file("cpu.stat", "cpu/cpu.stat").read_text()
    return int(dict(line.split() for line in text.splitlines()).get(key, 0))


@groups_needed
async def test_real_oom_kill_is_counted() -> None:
    with OwnGroup() as group:
        group.allow_memory(24 * 2**20)
        before = await collect_once({"cgroup": {"groups": {"app": group.path}}})
        child = start_child(HUNGRY)
        group.add(child.pid)

        assert child.wait(10) == -9
        after = await collect_once({"cgroup": {"groups": {"app": group.path}}})

    assert of_app(before, "container_oom_events_total") == 0
    assert of_app(after, "container_oom_events_total") == 1
    assert (of_app(after, "container_memory_failcnt") or 0) > 0
    assert of_app(after, "container_spec_memory_limit_bytes") == 24 * 2**20
    assert 0 < (of_app(after, "container_memory_max_usage_bytes") or 0) <= 24 * 2**20


async def test_service_that_is_down_is_not_a_note(tmp_path: Path) -> None:
    got = await collect_once({"processes": [{"name": "app", "pid_file": tmp_path / "none"}]})

    assert got.notes == {}
    assert got.by("container_cpu_usage_seconds_total", "name").keys() == {"exporter"}
