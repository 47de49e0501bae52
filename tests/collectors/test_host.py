"""What is read of the host is what the kernel wrote; what is missing, refused or garbage hurts one part only."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from harness.rounds import Round, Target
from jackpot_exporter.collectors import host
from jackpot_exporter.collectors._host import clock, disk, interfaces, load, memory, network, processor, sockets, system
from jackpot_exporter.model import Frame, Item, Outcome, Sample

from .host_processes import unprivileged

STAT = """\
cpu  30 3 15 3000 7 0 2 1 4 0
cpu0 10 1 5 1000 3 0 1 0 4 0
cpu1 20 2 10 2000 4 0 1 1 0 0
intr 12345 1 2 3
ctxt 678
btime 1700000000
processes 90
procs_running 2
procs_blocked 1
softirq 5 1 1
"""
MEMINFO = "MemTotal:       1000 kB\nActive(anon):      4 kB\nHugePages_Total:    7\nNewField:    3 kB\n"
NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed
  eth0:123456 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16
br-a.1: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0
"""
DISKSTATS = """\
   7       0 loop0 1 2 3 4 5 6 7 8 9 10 11
 254       0 vda 1 2 3 4000 5 6 7 8 9 10 11 12 13 14 15 16 17
 254       1 vda1 1 2 3 4 5 6 7 8 9 10 11
   8       0 sda 1 2 3 4 5 6 7 8 9 10 11
"""


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A small /proc that tests write on."""
    root = tmp_path / "proc"
    (root / "self").mkdir(parents=True)
    write(root / "stat", STAT)
    write(root / "meminfo", MEMINFO)
    write(root / "net/dev", NET_DEV)
    write(root / "diskstats", DISKSTATS)
    return root


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


async def collect(**settings: object) -> Round:
    async with Target({"host": settings}, host.TYPE) as target:
        return await target.collect("host")


async def test_every_part_works_on_this_host() -> None:
    got = await collect()

    assert got.outcome is Outcome.OK
    assert set(got.notes.values()) <= {Outcome.OK}, "only what this kernel lacks may be missing"


async def test_values_are_those_psutil_reads() -> None:
    before, got, after = psutil.cpu_times(percpu=True), await collect(), psutil.cpu_times(percpu=True)

    assert got.value("node_boot_time_seconds") == psutil.boot_time()
    assert got.value("node_memory_MemTotal_bytes") == psutil.virtual_memory().total
    for number, (low, high) in enumerate(zip(before, after, strict=True)):
        for mode in ("user", "system", "softirq", "steal"):
            value = got.value("node_cpu_seconds_total", cpu=str(number), mode=mode)
            assert value is not None
            assert getattr(low, mode) <= value <= getattr(high, mode)


async def test_fixture_is_read_instead_of_this_host(proc: Path) -> None:
    got = await collect(proc=str(proc), sys=str(proc.parent / "sys"))

    assert got.value("node_cpu_seconds_total", cpu="1", mode="idle") == 20.0
    assert got.value("node_cpu_guest_seconds_total", cpu="0", mode="user") == 0.04
    assert got.value("node_intr_total") == 12345
    assert got.value("node_forks_total") == 90
    assert got.value("node_memory_MemTotal_bytes") == 1_024_000
    assert got.value("node_memory_Active_anon_bytes") == 4096
    assert got.value("node_memory_HugePages_Total") == 7
    assert got.value("node_memory_NewField_bytes") == 3072
    assert got.value("node_network_receive_bytes_total", device="eth0") == 123456
    assert got.value("node_network_transmit_compressed_total", device="eth0") == 16
    assert got.value("node_network_receive_bytes_total", device="br-a.1") == 1
    assert got.by("node_disk_read_time_seconds_total", "device") == {"vda": 4.0, "sda": 0.004}
    assert got.by("node_disk_flush_requests_total", "device") == {"vda": 16}
    assert got.by("node_disk_written_bytes_total", "device") == {"vda": 7 * 512, "sda": 7 * 512}


async def test_network_of_the_host_is_read_in_a_container(proc: Path) -> None:
    write(proc / "1/net/dev", NET_DEV.replace("eth0", "host0"))

    got = await collect(proc=str(proc))

    assert set(got.by("node_network_receive_bytes_total", "device")) == {"host0", "br-a.1"}


async def test_part_that_the_kernel_lacks_is_noted_and_is_no_failure(proc: Path) -> None:
    got = await collect(proc=str(proc))

    assert got.outcome is Outcome.OK
    assert got.notes["conntrack"] is Outcome.OK
    assert got.value("node_forks_total") == 90


async def test_garbage_in_one_file_takes_that_part_only(proc: Path) -> None:
    write(proc / "meminfo", "MemTotal: lots kB\n")

    got = await collect(proc=str(proc))

    assert got.outcome is Outcome.OK
    assert got.notes["meminfo"] is Outcome.BAD_DATA
    assert not [name for name in got.names if name.startswith("node_memory_")]
    assert got.value("node_forks_total") == 90


async def test_file_that_refuses_to_be_read_takes_that_part_only(proc: Path) -> None:
    (proc / "vmstat").mkdir()

    got = await collect(proc=str(proc))

    assert got.notes["vmstat"] is Outcome.MISSING
    assert got.value("node_forks_total") == 90


async def test_file_without_permission_is_noted_as_such(open_folder: Path) -> None:
    (open_folder / "self").mkdir()
    write(open_folder / "stat", STAT)
    write(open_folder / "meminfo", MEMINFO)
    (open_folder / "meminfo").chmod(0)

    with unprivileged():
        got = await collect(proc=str(open_folder))

    assert got.notes["meminfo"] is Outcome.PERMISSION
    assert got.value("node_forks_total") == 90


async def test_interface_that_goes_while_it_is_read_is_left_out(proc: Path) -> None:
    net = proc.parent / "sys/class/net"
    write(net / "eth0/operstate", "up\n")
    write(net / "eth0/flags", "0x1003\n")
    write(net / "eth0/speed", "-1\n")
    (net / "gone0").symlink_to("../nowhere")

    got = await collect(proc=str(proc), sys=str(proc.parent / "sys"))

    assert got.by("node_network_up", "device") == {"eth0": 1}
    assert got.value("node_network_flags", device="eth0") == 0x1003
    assert "node_network_speed_bytes" not in got.names


async def test_what_udev_knows_of_a_disk_is_shown(proc: Path) -> None:
    write(proc.parent / "run/udev/data/b254:0", "S:disk/by-id/x\nE:ID_MODEL=Fast Disk\nE:ID_WWN=0x1\nG:systemd\n")
    write(proc.parent / "sys/block/vda/queue/rotational", "0\n")

    got = await collect(proc=str(proc), sys=str(proc.parent / "sys"), root=str(proc.parent))

    assert got.values("node_disk_info", device="vda", major="254", minor="0", model="Fast Disk", wwn="0x1") == [1]
    assert got.values("node_disk_info", device="vda", rotational="0", serial="") == [1]


async def test_release_of_the_mounted_root_is_shown(proc: Path) -> None:
    text = "# comment\nNAME=\"Some 'Linux'\"\nID=some\nID_LIKE='a b'\nVERSION_ID=\"24.04.1\"\n"
    write(proc.parent / "usr/lib/os-release", text)

    got = await collect(proc=str(proc), root=str(proc.parent))

    assert got.by("node_os_version", "name") == {"Some 'Linux'": 24.04}
    assert got.by("node_os_version", "id_like") == {"a b": 24.04}
    assert got.values("node_os_info", version_id="24.04.1", build_id="") == [1]


async def test_wrong_proc_fails_and_names_the_setting(tmp_path: Path) -> None:
    got = await collect(proc=str(tmp_path))

    assert got.outcome is Outcome.MISSING
    assert "host.proc" in got.batch.message


async def test_devices_over_the_cap_are_left_out_and_counted(proc: Path) -> None:
    lines = [f"  veth{n}: 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0" for n in range(1000)]
    write(proc / "net/dev", "\n".join([*NET_DEV.splitlines()[:2], *lines]))

    got = await collect(proc=str(proc), max_series=160)

    assert len(got.by("node_network_receive_bytes_total", "device")) == 10
    assert [note.dropped for note in got.batch.notes if note.key == "netdev series"] == [16 * 990 + 1000]
    assert got.value("node_forks_total") == 90


async def test_disabled_parts_are_not_read() -> None:
    got = await collect(disabled=["netstat", "meminfo"])

    assert not [name for name in got.names if name.startswith(("node_netstat_", "node_memory_"))]
    assert "node_load1" in got.names


def test_unknown_part_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationError, match="no such part; parts are cpu, meminfo"):
        host.HostSettings(disabled=("memory",))


@pytest.mark.parametrize(
    ("now", "shown"), [("990", 10.0), ("1001", 10.01), ("12", 0.12)], ids=["step back", "onward", "hotplug"]
)
def test_idle_time_that_steps_back_a_little_stays(now: str, shown: float) -> None:
    processors = processor.Processors()
    list(processors.parse(STAT))

    items = list(processors.parse(STAT.replace("5 1000 3", f"5 {now} 3")))

    assert value_of(items, processor.CPU.name, ("0", "idle")) == shown


def test_pressure_totals_are_seconds() -> None:
    text = "some avg10=1.00 avg60=2.00 avg300=3.00 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=1\n"

    assert named(load.parse_pressure("io", text)) == {
        "node_pressure_io_waiting_seconds_total": 2.5,
        "node_pressure_io_stalled_seconds_total": 1e-6,
    }
    assert list(named(load.parse_pressure("cpu", text))) == ["node_pressure_cpu_waiting_seconds_total"]
    assert list(named(load.parse_pressure("irq", text))) == ["node_pressure_irq_stalled_seconds_total"]


@pytest.mark.parametrize(("status", "offset"), [(0, 1.5), (0x2000, 0.0015)], ids=["microseconds", "nanoseconds"])
def test_clock_offset_is_in_the_unit_that_the_status_says(status: int, offset: float) -> None:
    timex = clock.Timex(offset=1_500_000, status=status, freq=65536, tick=10_000, tai=37)

    values = named(clock.timex_samples(5, timex))

    assert values["node_timex_offset_seconds"] == offset
    assert values["node_timex_frequency_adjustment_ratio"] == 1 + 1e-6
    assert values["node_timex_tick_seconds"] == 0.01
    assert values["node_timex_tai_offset_seconds"] == 37
    assert values["node_timex_sync_status"] == 0


def test_sockets_come_with_memory_in_bytes() -> None:
    values = named(sockets.parse_sockets("sockets: used 19\nTCP: inuse 4 mem 3\nFRAG: inuse 0 memory 5\n"))

    assert values == {
        "node_sockstat_sockets_used": 19,
        "node_sockstat_TCP_inuse": 4,
        "node_sockstat_TCP_mem": 3,
        "node_sockstat_TCP_mem_bytes": 3 * os.sysconf("SC_PAGE_SIZE"),
        "node_sockstat_FRAG_inuse": 0,
        "node_sockstat_FRAG_memory": 5,
    }


def test_softnet_of_an_old_kernel_counts_the_lines_as_processors() -> None:
    frame = sockets.parse_softnet("0a 01 02 0 0 0 0 0 03\n10 0 0 0 0 0 0 0 0\n")

    assert frame.rows == [("0",), ("1",)]
    columns = {column.spec.name: column.values for column in frame.columns}
    assert columns["node_softnet_processed_total"] == [10, 16]
    assert columns["node_softnet_cpu_collision_total"] == [3, 0]
    assert columns["node_softnet_backlog_len"] == [None, None]


def test_connection_tracking_is_summed_over_processors_by_name() -> None:
    text = "entries  clashres found new insert_failed drop\n00000005  0 a 0 1 0\n00000005  0 1 0 f 0\n"

    assert named(sockets.parse_tracking(text)) == {
        "node_nf_conntrack_stat_found": 11,
        "node_nf_conntrack_stat_insert_failed": 16,
        "node_nf_conntrack_stat_drop": 0,
    }


def test_udp_queues_are_summed() -> None:
    text = (
        "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when\n"
        "  1: 0100007F:0035 00000000:0000 07 00000010:00000200 00:00000000\n"
        "  2: 0100007F:0036 00000000:0000 07 00000001:00000000 00:00000000\n"
    )

    items = list(sockets.parse_queues("v4", text))

    assert [value_of(items, "node_udp_queues", (queue, "v4")) for queue in ("tx", "rx")] == [17, 512]


PARSERS: dict[str, Callable[[str], object]] = {
    "stat": lambda text: list(processor.Processors().parse(text)),
    "meminfo": lambda text: list(memory.parse_meminfo(text)),
    "vmstat": lambda text: list(memory.parse_vmstat(text)),
    "loadavg": lambda text: list(load.parse_loadavg(text)),
    "pressure": lambda text: list(load.parse_pressure("io", text)),
    "diskstats": disk.parse,
    "udev": disk.parse_udev,
    "netdev": network.parse,
    "netclass": lambda text: list(interfaces.samples("x", dict.fromkeys(interfaces.STATES, text))),
    "netstat": lambda text: list(sockets.parse_protocols(text)),
    "snmp6": lambda text: list(sockets.parse_protocols6(text)),
    "sockstat": lambda text: list(sockets.parse_sockets(text)),
    "softnet": sockets.parse_softnet,
    "conntrack": lambda text: list(sockets.parse_tracking(text)),
    "arp": lambda text: list(sockets.parse_neighbours(text)),
    "udp": lambda text: list(sockets.parse_queues("v4", text)),
    "os-release": lambda text: list(system.parse_os_release(text)),
    "file-nr": lambda text: list(system.parse_file_nr(text)),
}
WORDS = st.sampled_from([*STAT.split(), *MEMINFO.split(), *DISKSTATS.split(), "TCP:", "E:", "=", "'", "\n", "some", ""])


@pytest.mark.parametrize("parse", PARSERS.values(), ids=PARSERS)
@given(text=st.one_of(st.text(), st.lists(WORDS).map(" ".join), st.just(" ".join("9" * 400 for _ in range(20)))))
def test_parsers_refuse_garbage_in_ways_that_are_expected(parse: Callable[[str], object], text: str) -> None:
    try:
        parse(text)
    except (ValueError, LookupError, ArithmeticError):
        return


def named(items: Iterable[Item]) -> dict[str, object]:
    return {item.spec.name: item.value for item in items if isinstance(item, Sample)}


def value_of(items: Iterable[Item], name: str, labels: tuple[str, ...]) -> object:
    for item in items:
        if isinstance(item, Sample) and (item.spec.name, item.labels) == (name, labels):
            return item.value
        if isinstance(item, Frame):
            for column in item.columns:
                if column.spec.name == name and labels in item.rows:
                    return column.values[list(item.rows).index(labels)]
    raise AssertionError(f"no {name}{labels}")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everyone may enter; pytest's own are for their owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)
