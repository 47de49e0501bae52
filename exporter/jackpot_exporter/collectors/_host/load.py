"""How busy the host feels: load averages and the kernel's pressure stall information."""

from __future__ import annotations

from collections.abc import Iterator

from ...model import Item, Sample, counter, gauge
from .part import Part, Read, Roots, read_text

LOADS = tuple(gauge(f"node_load{minutes}", f"Load average over {minutes} min.") for minutes in (1, 5, 15))

PRESSURES = {
    (resource, kind): counter(
        f"node_pressure_{resource}_{verb}_seconds_total",
        f"Time in which {who} could not go on for want of {want}.",
    )
    for resource, want in (("cpu", "a processor"), ("io", "storage"), ("memory", "memory"), ("irq", "a free processor"))
    for kind, verb, who in (("some", "waiting", "some process"), ("full", "stalled", "every process"))
    # Some process always runs when a processor is wanted, and interrupts stop all of them.
    if (resource, kind) not in (("cpu", "full"), ("irq", "some"))
}


def parse_loadavg(text: str) -> Iterator[Item]:
    """The three averages at the head of /proc/loadavg."""
    for spec, number in zip(LOADS, text.split()[:3], strict=True):
        yield Sample(spec, (), float(number))


def parse_pressure(resource: str, text: str) -> Iterator[Item]:
    """The totals, in microseconds, of /proc/pressure/<resource>."""
    for line in text.splitlines():
        kind, *fields = line.split()
        if spec := PRESSURES.get((resource, kind)):
            yield Sample(spec, (), int(fields[-1].removeprefix("total=")) / 1e6)


def _open_loadavg(roots: Roots) -> Read:
    return lambda: parse_loadavg(read_text(f"{roots.proc}/loadavg"))


def _open_pressure(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        for resource in ("cpu", "io", "memory"):
            yield from parse_pressure(resource, read_text(f"{roots.proc}/pressure/{resource}"))
        try:
            irq = read_text(f"{roots.proc}/pressure/irq")
        except OSError:  # kernels without interrupt time accounting have none, or refuse to read it
            return
        yield from parse_pressure("irq", irq)

    return read


LOADAVG = Part("loadavg", LOADS, _open_loadavg)
PRESSURE = Part("pressure", tuple(PRESSURES.values()), _open_pressure)
