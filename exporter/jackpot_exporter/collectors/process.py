"""The processes of the watched services: processor time, memory, file descriptors, limits, restarts.

With one watched service a rule may divide these families by each other as they are; with several it has to match on
the label `process`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..clients import Clients
from ..config import CollectorSection
from ..errors import SourceError
from ..model import Collector, Item, MetricSpec, Note, Outcome, counter, gauge
from ._base import CollectorType
from ._errand import Errand
from ._host import Roots
from ._watch import ProcessSettings, Watch

if TYPE_CHECKING:
    from ._processes import Service, ServiceReading

# By the field of the reading.
SPECS: Mapping[str, MetricSpec] = {
    "instances": gauge("process_instances", "Processes that run; 0 when the service is down.", "process", own=True),
    "restarts": counter(
        "process_restarts_total", "Times the oldest process was found replaced by another.", "process", own=True
    ),
    "started_at": gauge(
        "process_start_time_seconds", "Unix time at which the oldest process started.", "process", own=True
    ),
    "cpu_seconds": counter(
        "process_cpu_seconds_total", "Processor time, of earlier processes as well.", "process", own=True
    ),
    "resident_bytes": gauge("process_resident_memory_bytes", "Resident memory.", "process", own=True),
    "virtual_bytes": gauge("process_virtual_memory_bytes", "Virtual memory.", "process", own=True),
    "threads": gauge("process_threads", "Threads.", "process", own=True),
    "open_fds": gauge("process_open_fds", "Open file descriptors.", "process", own=True),
    "max_fds": gauge("process_max_fds", "File descriptors that may be open.", "process", own=True),
    "read_bytes": counter("process_read_bytes_total", "Bytes read from storage.", "process", own=True),
    "written_bytes": counter("process_written_bytes_total", "Bytes written to storage.", "process", own=True),
    "memory_limit_bytes": gauge(
        "process_memory_limit_bytes",
        "Memory allowed by the control groups, else that of the host.",
        "process",
        own=True,
    ),
    "cpu_limit_cores": gauge(
        "process_cpu_limit_cores",
        "Processors allowed by the control groups, else those of the host.",
        "process",
        own=True,
    ),
}


class ProcessCollector:
    """Finds and reads the processes of every service."""

    def __init__(self, services: Sequence[tuple[Watch, Service]]) -> None:
        self._services = services
        self._errand = Errand(lambda: list(self._read()), "reading processes")

    async def collect(self) -> AsyncGenerator[Item, None]:
        """All services; one whose processes cannot be found is a note."""
        for item in await self._errand.run():
            yield item

    def _read(self) -> Iterator[Item]:
        seen: set[str] = set()
        for watch, service in self._services:
            if watch.name in seen:
                yield Note(f"{watch.name} again", "the name stands twice; the first is watched", Outcome.BAD_DATA)
                continue
            seen.add(watch.name)
            try:
                yield from items_of(watch.name, service.read(watch.find()))
            except SourceError as error:
                yield Note(watch.name, str(error), error.outcome)


def items_of(name: str, reading: ServiceReading) -> Iterator[Item]:
    """The samples of one service; what may not be read is a note."""
    for field, spec in SPECS.items():
        value = getattr(reading, field)
        if value is not None:
            yield spec.sample(value, name)
    if reading.denied:
        message = f"{', '.join(reading.denied)}: run the exporter as the same user, or give it CAP_SYS_PTRACE"
        yield Note(f"{name} descriptors", message, Outcome.PERMISSION)


def _build(settings: tuple[ProcessSettings, ...], _timeout_seconds: float, clients: Clients) -> Collector | None:
    watched = [block for block in settings if block.enabled]
    if not watched:
        return None
    from ._processes import Service  # noqa: PLC0415 - psutil costs 4 MB, only where it is used

    roots = Roots.of(clients.target)
    return ProcessCollector([(Watch(block, roots.proc), Service(roots)) for block in watched])


TYPE = CollectorType(
    name="process",
    help="Processor time, memory, file descriptors, limits and restarts of watched processes.",
    section=CollectorSection(("processes",), ProcessSettings, many=True),
    metrics=tuple(SPECS.values()),
    build=_build,
)
