"""Limits, throttling and memory of control groups under cAdvisor's names, for either version of them.

Shown are the group of this exporter, those of the watched processes, and those named in the settings. Groups of
watched processes are looked up anew each time, since a restarted service may be in another one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence

from pydantic import Field

from ..clients import Clients
from ..config import CollectorSection, Schedule, section
from ..errors import SourceError
from ..model import Collector, Item, MetricSpec, Note, Number, Outcome, counter, gauge
from ._base import CollectorType
from ._cgroups import Group, group_at, group_of
from ._errand import Errand
from ._host import Roots
from ._host.part import require_proc
from ._watch import Watch

_OWN = "exporter"

SPECS: Mapping[str, MetricSpec] = {
    "cpu_usage_seconds": counter("container_cpu_usage_seconds_total", "Processor time used.", "id", "name", "cpu"),
    "cpu_user_seconds": counter("container_cpu_user_seconds_total", "Processor time used by programs.", "id", "name"),
    "cpu_system_seconds": counter(
        "container_cpu_system_seconds_total", "Processor time used by the kernel for it.", "id", "name"
    ),
    "cpu_periods": counter("container_cpu_cfs_periods_total", "Periods of the processor limit.", "id", "name"),
    "cpu_throttled_periods": counter(
        "container_cpu_cfs_throttled_periods_total", "Periods in which it was held back by the limit.", "id", "name"
    ),
    "cpu_throttled_seconds": counter(
        "container_cpu_cfs_throttled_seconds_total", "Time it was held back by the limit.", "id", "name"
    ),
    "cpu_quota_us": gauge("container_spec_cpu_quota", "Processor time allowed in a period, in us.", "id", "name"),
    "cpu_period_us": gauge("container_spec_cpu_period", "Period of the processor limit, in us.", "id", "name"),
    "memory_usage": gauge("container_memory_usage_bytes", "Memory with page cache.", "id", "name"),
    "memory_working_set": gauge(
        "container_memory_working_set_bytes", "Memory without page cache that can be dropped.", "id", "name"
    ),
    "memory_peak": gauge("container_memory_max_usage_bytes", "Most memory ever used.", "id", "name"),
    "memory_limit": gauge(
        "container_spec_memory_limit_bytes", "Memory allowed; no series without a limit.", "id", "name"
    ),
    "memory_rss": gauge("container_memory_rss", "Anonymous memory, in bytes.", "id", "name"),
    "memory_cache": gauge("container_memory_cache", "Page cache, in bytes.", "id", "name"),
    "memory_mapped": gauge("container_memory_mapped_file", "Mapped files, in bytes.", "id", "name"),
    "memory_swap": gauge("container_memory_swap", "Memory in swap, in bytes.", "id", "name"),
    "memory_failures": counter("container_memory_failcnt", "Times the memory limit was hit.", "id", "name"),
    "oom_kills": counter("container_oom_events_total", "Processes killed for want of memory.", "id", "name"),
    "threads": gauge("container_threads", "Threads.", "id", "name"),
    "threads_limit": gauge("container_threads_max", "Threads allowed; no series without a limit.", "id", "name"),
}
PRESSURES: Mapping[tuple[str, str], MetricSpec] = {
    (resource, kind): counter(
        f"container_pressure_{resource}_{verb}_seconds_total", f"Time with {who} held up for {resource}.", "id", "name"
    )
    for resource in ("cpu", "memory", "io")
    for kind, verb, who in (("some", "waiting", "some process"), ("full", "stalled", "every process"))
}


class CgroupSettings(Schedule):
    """Which groups to show besides the exporter's own and those of the watched processes."""

    groups: dict[str, str] = Field({}, description="path below the hierarchy, as /system.slice/app.service, by name")


class CgroupCollector:
    """Reads each group in turn."""

    def __init__(self, settings: CgroupSettings, roots: Roots, watches: Sequence[Watch]) -> None:
        self._named = settings.groups
        self._roots = roots
        self._watches = watches
        self._errand = Errand(lambda: list(self._read()), "reading control groups")

    async def collect(self) -> AsyncGenerator[Item, None]:
        """All groups; one that cannot be had is a note."""
        for item in await self._errand.run():
            yield item

    def _read(self) -> Iterator[Item]:
        require_proc(self._roots.proc)
        seen: set[str] = set()
        for name, found in self._groups():
            if name in seen:
                continue
            seen.add(name)
            if isinstance(found, Note):
                yield found
                continue
            try:
                yield from list(items_of(found, name))
            except (ValueError, IndexError) as error:
                yield Note(name, f"{found.path}: not as the kernel writes it: {error}", Outcome.BAD_DATA)

    def _groups(self) -> Iterator[tuple[str, Group | Note]]:
        for name, path in self._named.items():
            group = group_at(self._roots, path)
            yield name, group or Note(name, f"there is no control group {path}", Outcome.MISSING)
        for watch in self._watches:
            if (member := self._group_of(watch)) is not None:
                yield watch.name, member
        yield _OWN, group_of(self._roots, "self") or Note(_OWN, "this system shows no control groups")

    def _group_of(self, watch: Watch) -> Group | Note | None:
        """None while the service does not run, which is not for this collector to tell."""
        try:
            for number in watch.find()[:1]:
                return group_of(self._roots, str(number))
        except SourceError as error:
            return Note(watch.name, str(error), error.outcome)
        except FileNotFoundError:  # ended between the two looks
            return None
        return None


def items_of(group: Group, name: str) -> Iterator[Item]:
    """Every number of the group. ValueError or IndexError when a file is not as the kernel writes it."""
    numbers: dict[str, Number] = dict(group.numbers())
    if "memory_usage" in numbers:
        numbers["memory_working_set"] = max(0, numbers["memory_usage"] - numbers.pop("memory_inactive", 0))
    for key, number in numbers.items():
        extra = ("total",) if key == "cpu_usage_seconds" else ()
        yield SPECS[key].sample(number, group.path or "/", name, *extra)
    for resource, kind, seconds in group.stalls():
        yield PRESSURES[resource, kind].sample(seconds, group.path or "/", name)


def _build(settings: CgroupSettings, _timeout_seconds: float, clients: Clients) -> Collector | None:
    roots = Roots.of(clients.target)
    processes = section(clients.target, ("processes",)) or ()
    return CgroupCollector(settings, roots, [Watch(process, roots.proc) for process in processes if process.enabled])


TYPE = CollectorType(
    name="cgroup",
    help="Limits, throttling, memory and OOM kills of control groups.",
    section=CollectorSection(("cgroup",), CgroupSettings),
    metrics=(*SPECS.values(), *PRESSURES.values()),
    build=_build,
)
