"""/proc/stat: processor time by mode, interrupts, context switches, forks, boot time."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ...model import Column, Frame, Item, MetricSpec, Sample, counter, gauge
from .part import Part, Read, Roots, read_text

MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")

CPU = counter("node_cpu_seconds_total", "Time each processor spent in each mode.", "cpu", "mode")
GUEST = counter(
    "node_cpu_guest_seconds_total", "Time spent running guests; it is part of user and nice.", "cpu", "mode"
)
NUMBERS = {
    "intr": counter("node_intr_total", "Interrupts serviced."),
    "ctxt": counter("node_context_switches_total", "Context switches."),
    "btime": gauge("node_boot_time_seconds", "Unix time of the last boot."),
    "processes": counter("node_forks_total", "Processes and threads created."),
    "procs_running": gauge("node_procs_running", "Threads that run or are ready to run."),
    "procs_blocked": gauge("node_procs_blocked", "Processes that wait for input or output."),
}

_TICKS = os.sysconf("SC_CLK_TCK")
_HOTPLUG_TICKS = 3 * _TICKS


class Processors:
    """Parses /proc/stat and remembers the ticks of each processor.

    The kernel's idle and iowait now and then step back a little, which `rate()` would take for a restart and
    turn into years of idling. A small step back keeps the old value; a large one is a processor that was
    taken out and put back.
    """

    def __init__(self) -> None:
        self._ticks: dict[str, list[int]] = {}

    def parse(self, text: str) -> Iterator[Item]:
        """All families of the file. ValueError when a line is not as the kernel writes it."""
        ticks: dict[str, list[int]] = {}
        for line in text.splitlines():
            key, _, rest = line.partition(" ")
            if spec := NUMBERS.get(key):
                yield Sample(spec, (), int(rest.partition(" ")[0]))
            elif key.startswith("cpu") and key != "cpu":
                ticks[key[3:]] = self._steady(key[3:], [int(number) for number in rest.split()])
        self._ticks = ticks
        yield _frame(CPU, MODES, {cpu: numbers[:8] for cpu, numbers in ticks.items()})
        yield _frame(GUEST, ("user", "nice"), {cpu: numbers[8:10] for cpu, numbers in ticks.items()})

    def _steady(self, cpu: str, now: list[int]) -> list[int]:
        before = self._ticks.get(cpu)
        if before is None or now[3] < before[3] - _HOTPLUG_TICKS:
            return now
        return [max(new, old) for new, old in zip(now, before, strict=True)]


def _frame(spec: MetricSpec, modes: tuple[str, ...], ticks: dict[str, list[int]]) -> Frame:
    rows = [(cpu, mode) for cpu, numbers in ticks.items() for mode, _ in zip(modes, numbers, strict=False)]
    return Frame(rows, (Column(spec, [number / _TICKS for numbers in ticks.values() for number in numbers]),))


def _open(roots: Roots) -> Read:
    processors = Processors()
    return lambda: processors.parse(read_text(f"{roots.proc}/stat"))


PART = Part("cpu", (CPU, GUEST, *NUMBERS.values()), _open)
