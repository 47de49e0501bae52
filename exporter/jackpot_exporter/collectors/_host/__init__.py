"""The parts of the host collector: one small reader for each corner of /proc and /sys.

Why not psutil here: it answers processor times, boot time and parts of disk and network, but each answer reads
again a file that is read anyway for what it lacks (interrupts, merged and discarded requests, fifo and frame
errors), and the root of /proc is one global of the whole interpreter, where here it belongs to a target. The
process collector, where psutil's answers are whole, uses it.
"""

from __future__ import annotations

from . import clock, disk, interfaces, load, memory, network, processor, sockets, system
from .part import Part, Roots, read_text

PARTS: tuple[Part, ...] = (
    processor.PART,
    memory.MEMINFO,
    memory.VMSTAT,
    load.LOADAVG,
    load.PRESSURE,
    disk.PART,
    network.PART,
    interfaces.PART,
    sockets.NETSTAT,
    sockets.SOCKSTAT,
    sockets.SOFTNET,
    sockets.CONNTRACK,
    sockets.ARP,
    sockets.UDP_QUEUES,
    clock.TIME,
    clock.TIMEX,
    system.UNAME,
    system.OS,
    system.FILEFD,
    system.ENTROPY,
    system.SELINUX,
    system.HUNG_TASKS,
)

__all__ = ["PARTS", "Part", "Roots", "read_text"]
