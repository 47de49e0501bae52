"""/proc/meminfo and the few counters of /proc/vmstat that tell of memory running short."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from ...model import Item, MetricSpec, Sample, gauge, untyped
from .part import Part, Read, Roots, read_text

_FIELDS = """
MemTotal MemFree MemAvailable Buffers Cached SwapCached Active Inactive Active(anon) Inactive(anon) Active(file)
Inactive(file) Unevictable Mlocked SwapTotal SwapFree Zswap Zswapped Dirty Writeback AnonPages Mapped Shmem
KReclaimable Slab SReclaimable SUnreclaim KernelStack ShadowCallStack PageTables SecPageTables NFS_Unstable Bounce
WritebackTmp CommitLimit Committed_AS VmallocTotal VmallocUsed VmallocChunk Percpu EarlyMemtestBad HardwareCorrupted
AnonHugePages ShmemHugePages ShmemPmdMapped FileHugePages FilePmdMapped CmaTotal CmaFree Unaccepted Balloon
Hugepagesize Hugetlb DirectMap4k DirectMap2M DirectMap4M DirectMap1G
""".split()  # noqa: SIM905 - words to read, not a list to type
_COUNTS = ("HugePages_Total", "HugePages_Free", "HugePages_Rsvd", "HugePages_Surp")

EVENTS = {
    "pgpgin": untyped("node_vmstat_pgpgin", "Kilobytes read from block devices."),
    "pgpgout": untyped("node_vmstat_pgpgout", "Kilobytes written to block devices."),
    "pswpin": untyped("node_vmstat_pswpin", "Pages brought back from swap."),
    "pswpout": untyped("node_vmstat_pswpout", "Pages sent to swap."),
    "pgfault": untyped("node_vmstat_pgfault", "Page faults, minor and major."),
    "pgmajfault": untyped("node_vmstat_pgmajfault", "Page faults that had to wait for storage."),
    "oom_kill": untyped("node_vmstat_oom_kill", "Processes killed because memory ran out."),
}


@cache
def memory_spec(field: str, is_size: bool) -> MetricSpec:
    """The family of a line of /proc/meminfo; `Active(anon)` becomes `Active_anon`."""
    name = field.replace("(", "_").replace(")", "")
    if is_size:
        return gauge(f"node_memory_{name}_bytes", f"{field} of /proc/meminfo.")
    return gauge(f"node_memory_{name}", f"{field} of /proc/meminfo, a number of pages.")


def parse_meminfo(text: str) -> Iterator[Item]:
    """Every line; fields of kernels newer than this list come under the same rule."""
    for line in text.splitlines():
        field, _, rest = line.partition(":")
        number, *unit = rest.split()
        is_size = unit == ["kB"]
        yield Sample(memory_spec(field, is_size), (), int(number) * (1024 if is_size else 1))


def parse_vmstat(text: str) -> Iterator[Item]:
    """The counters in EVENTS out of some two hundred."""
    for line in text.splitlines():
        key, _, number = line.partition(" ")
        if spec := EVENTS.get(key):
            yield Sample(spec, (), int(number))


def _open_meminfo(roots: Roots) -> Read:
    return lambda: parse_meminfo(read_text(f"{roots.proc}/meminfo"))


def _open_vmstat(roots: Roots) -> Read:
    return lambda: parse_vmstat(read_text(f"{roots.proc}/vmstat"))


MEMINFO = Part(
    "meminfo",
    (*(memory_spec(field, True) for field in _FIELDS), *(memory_spec(field, False) for field in _COUNTS)),
    _open_meminfo,
)
VMSTAT = Part("vmstat", tuple(EVENTS.values()), _open_vmstat)
