"""/proc/diskstats: requests, bytes and time of each disk. Partitions, loop and ram devices are left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ...model import Column, Frame, Item, MetricSpec, Number, Sample, counter, gauge
from .part import Part, Read, Roots, read_text

_EXCLUDED = re.compile(r"(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+\Z")
_SECTOR_BYTES = 512  # whatever the disk's own sectors are


def _count(number: int) -> Number:
    return number


def _bytes(sectors: int) -> Number:
    return sectors * _SECTOR_BYTES


def _seconds(milliseconds: int) -> Number:
    return milliseconds / 1000


# In the order of the file, behind the name: https://docs.kernel.org/admin-guide/iostats.html
COLUMNS: tuple[tuple[MetricSpec, Callable[[int], Number]], ...] = (
    (counter("node_disk_reads_completed_total", "Reads completed.", "device"), _count),
    (counter("node_disk_reads_merged_total", "Reads merged into a neighbour.", "device"), _count),
    (counter("node_disk_read_bytes_total", "Bytes read.", "device"), _bytes),
    (counter("node_disk_read_time_seconds_total", "Time spent by all reads.", "device"), _seconds),
    (counter("node_disk_writes_completed_total", "Writes completed.", "device"), _count),
    (counter("node_disk_writes_merged_total", "Writes merged into a neighbour.", "device"), _count),
    (counter("node_disk_written_bytes_total", "Bytes written.", "device"), _bytes),
    (counter("node_disk_write_time_seconds_total", "Time spent by all writes.", "device"), _seconds),
    (gauge("node_disk_io_now", "Requests in progress.", "device"), _count),
    (counter("node_disk_io_time_seconds_total", "Time with at least one request in progress.", "device"), _seconds),
    (
        counter("node_disk_io_time_weighted_seconds_total", "Time weighted by requests in progress.", "device"),
        _seconds,
    ),
    (counter("node_disk_discards_completed_total", "Discards completed.", "device"), _count),
    (counter("node_disk_discards_merged_total", "Discards merged into a neighbour.", "device"), _count),
    (counter("node_disk_discarded_sectors_total", "Sectors discarded.", "device"), _count),
    (counter("node_disk_discard_time_seconds_total", "Time spent by all discards.", "device"), _seconds),
    (counter("node_disk_flush_requests_total", "Flushes completed.", "device"), _count),
    (counter("node_disk_flush_requests_time_seconds_total", "Time spent by all flushes.", "device"), _seconds),
)

INFO = gauge(
    "node_disk_info",
    "1, with what udev knows of the disk.",
    *("device", "major", "minor", "path", "wwn", "model", "serial", "revision", "rotational"),
)
_UDEV = ("ID_PATH", "ID_WWN", "ID_MODEL", "ID_SERIAL_SHORT", "ID_REVISION")


def parse(text: str) -> Frame:
    """All disks; a column that an older kernel lacks stays empty."""
    disks = [fields for line in text.splitlines() if (fields := line.split()) and not _EXCLUDED.match(fields[2])]
    columns = [
        Column(spec, [convert(int(fields[index])) if index < len(fields) else None for fields in disks])
        for index, (spec, convert) in enumerate(COLUMNS, 3)
    ]
    return Frame([(fields[2],) for fields in disks], tuple(columns))


def parse_udev(text: str) -> Sequence[str]:
    """The properties in _UDEV out of a file of udev's database; empty where it has none."""
    found = dict(line[2:].split("=", 1) for line in text.splitlines() if line.startswith("E:") and "=" in line)
    return [found.get(name, "") for name in _UDEV]


def _open(roots: Roots) -> Read:
    known: dict[str, Sample] = {}

    def read() -> Iterator[Item]:
        text = read_text(f"{roots.proc}/diskstats")
        yield parse(text)
        for line in text.splitlines():
            major, minor, device = line.split(maxsplit=3)[:3]
            if not _EXCLUDED.match(device):
                key = f"{major}:{minor} {device}"
                if key not in known:
                    known[key] = _info(roots, device, major, minor)
                yield known[key]

    return read


def _info(roots: Roots, device: str, major: str, minor: str) -> Sample:
    udev, rotational = parse_udev(""), ""
    with suppress(OSError):
        udev = parse_udev(read_text(str(Path(roots.root, f"run/udev/data/b{major}:{minor}"))))
    with suppress(OSError):
        rotational = read_text(f"{roots.sys}/block/{device.replace('/', '!')}/queue/rotational").strip()
    return INFO.sample(1, device, major, minor, *udev, rotational)


PART = Part("diskstats", (*(spec for spec, _ in COLUMNS), INFO), _open)
