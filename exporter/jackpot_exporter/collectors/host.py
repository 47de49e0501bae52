"""The host under node_exporter's names: processors, memory, disks, network, load, clock and more.

Everything here is an answer from the kernel's memory and comes in microseconds; what may hang, the file systems,
is the business of `host_filesystems`. A part that this kernel lacks, or that may not be read, is a note and takes
nothing from the others.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncGenerator, Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, Field

from ..clients import Clients
from ..config import CollectorSection, Schedule
from ..model import Collector, Column, Frame, Item, Note, Outcome
from ._base import CollectorType
from ._host import PARTS, Roots
from ._host.part import Read, require_proc


def _check_part(name: str) -> str:
    names = [part.name for part in PARTS]
    if name not in names:
        raise ValueError(f"no such part; parts are {', '.join(names)}")
    return name


PartName = Annotated[str, AfterValidator(_check_part)]


class HostSettings(Schedule):
    """The host this runs on, or the one whose /proc, /sys and / are mounted somewhere."""

    proc: Path = Field(Path("/proc"), description="where the host's /proc is")
    sys: Path = Field(Path("/sys"), description="where the host's /sys is")
    root: Path = Field(Path("/"), description="where the host's / is")
    max_series: int = Field(
        10_000, ge=1, description="most series of one part; devices over it are left out and counted"
    )
    disabled: tuple[PartName, ...] = Field(
        (), description="parts to leave out, by node_exporter's names: arp, softnet, ..."
    )


class HostCollector:
    """Reads every part in turn and lets the event loop run between two parts."""

    def __init__(self, settings: HostSettings, roots: Roots) -> None:
        self._roots = roots
        self._max_series = settings.max_series
        self._parts = {part.name: part.open(roots) for part in PARTS if part.name not in settings.disabled}

    async def collect(self) -> AsyncGenerator[Item, None]:
        """The items of all parts. MissingError when there is no /proc where it should be."""
        require_proc(self._roots.proc)
        for name, read in self._parts.items():
            for item in _capped(name, _guarded(name, read), self._max_series):
                yield item
            await asyncio.sleep(0)


def _guarded(name: str, read: Read) -> Iterable[Item]:
    """The whole part, or a note: half a table would look like disks that are gone."""
    try:
        return list(read())
    except FileNotFoundError as error:
        return [Note(name, f"this kernel has no {error.filename}")]
    except PermissionError as error:
        return [Note(name, f"{error.filename}: {error.strerror}", Outcome.PERMISSION)]
    except OSError as error:
        # A kernel that was built with a feature and started without it shows the file and refuses to read it.
        outcome = Outcome.OK if error.errno == errno.EOPNOTSUPP else Outcome.MISSING
        return [Note(name, f"{error.filename or name}: {error.strerror}", outcome)]
    except (ValueError, LookupError, ArithmeticError) as error:
        return [Note(name, f"not as the kernel writes it: {error}", Outcome.BAD_DATA)]


def _capped(name: str, items: Iterable[Item], most: int) -> Iterator[Item]:
    """As many series as may be; a host of many containers has thousands of devices."""
    given = dropped = 0
    for item in items:
        if isinstance(item, Note):
            yield item
            continue
        width, rows = (len(item.columns), len(item.rows)) if isinstance(item, Frame) else (1, 1)
        room = min(rows, (most - given) // width)
        given += room * width
        dropped += (rows - room) * width
        if isinstance(item, Frame):
            yield item if room == rows else _head(item, room)
        elif room:
            yield item
    if dropped:
        yield Note(f"{name} series", f"more than host.max_series ({most})", dropped=dropped)


def _head(frame: Frame, rows: int) -> Frame:
    return Frame(frame.rows[:rows], tuple(Column(column.spec, column.values[:rows]) for column in frame.columns))


def _build(settings: HostSettings, _timeout_seconds: float, clients: Clients) -> Collector | None:
    return HostCollector(settings, Roots.of(clients.target))


TYPE = CollectorType(
    name="host",
    help="Processors, memory, disks, network, load and clock of the host.",
    section=CollectorSection(("host",), HostSettings),
    metrics=tuple(spec for part in PARTS for spec in part.metrics),
    build=_build,
)
