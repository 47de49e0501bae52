"""/proc/net/dev: bytes, packets and errors of each network interface."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...model import Column, Frame, Item, MetricSpec, Number, counter
from .part import Part, Read, Roots, read_number, read_text

_WORDS = {
    "bytes": "Bytes",
    "packets": "Packets",
    "errs": "Errors of all kinds",
    "drop": "Packets dropped",
    "fifo": "Overruns of the queue",
    "frame": "Packets that were no valid frames",
    "compressed": "Compressed packets",
    "multicast": "Multicast packets",
    "colls": "Collisions",
    "carrier": "Losses of the carrier",
    "nohandler": "Packets nobody was there to take",
}


def _spec(direction: str, column: str) -> MetricSpec:
    return counter(f"node_network_{direction}_{column}_total", f"{_WORDS[column]} ({direction}).", "device")


# In the order of the file.
COLUMNS = (
    *(_spec("receive", c) for c in ("bytes", "packets", "errs", "drop", "fifo", "frame", "compressed", "multicast")),
    *(_spec("transmit", c) for c in ("bytes", "packets", "errs", "drop", "fifo", "colls", "carrier", "compressed")),
)
NOHANDLER = _spec("receive", "nohandler")

_LINE = re.compile(r"\s*(\S+):\s*(\d.*)")


def parse(text: str) -> Frame:
    """All interfaces; the name may touch its colon and the colon the first number."""
    found = [match for line in text.splitlines()[2:] if (match := _LINE.fullmatch(line))]
    numbers = [[int(number) for number in match[2].split()] for match in found]
    columns = [Column(spec, [row[index] for row in numbers]) for index, spec in enumerate(COLUMNS)]
    return Frame([(match[1],) for match in found], tuple(columns))


def _open(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        frame = parse(read_text(f"{roots.net}/dev"))
        yield frame
        unhandled = [_unhandled(roots, device) for (device,) in frame.rows]
        yield Frame(frame.rows, (Column(NOHANDLER, unhandled),))

    return read


def _unhandled(roots: Roots, device: str) -> Number | None:
    try:
        return read_number(f"{roots.sys}/class/net/{device}/statistics/rx_nohandler")
    except OSError:  # gone since, or of a network that this /sys does not show
        return None


PART = Part("netdev", (*COLUMNS, NOHANDLER), _open)
