"""The tables of /proc/net: protocol counters, sockets, packet queues, connection tracking, neighbours."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cache

from ...model import Column, Frame, Item, MetricSpec, Sample, counter, gauge, untyped
from .part import Part, Read, Roots, read_number, read_text

_PROTOCOL_FIELDS = """
Icmp_InErrors Icmp_InMsgs Icmp_OutMsgs Icmp6_InErrors Icmp6_InMsgs Icmp6_OutMsgs
Ip_Forwarding Ip6_InOctets Ip6_OutOctets IpExt_InOctets IpExt_OutOctets
TcpExt_ListenDrops TcpExt_ListenOverflows TcpExt_SyncookiesFailed TcpExt_SyncookiesRecv TcpExt_SyncookiesSent
TcpExt_TCPOFOQueue TcpExt_TCPRcvQDrop TcpExt_TCPSynRetrans TcpExt_TCPTimeouts
Tcp_ActiveOpens Tcp_CurrEstab Tcp_InErrs Tcp_InSegs Tcp_OutRsts Tcp_OutSegs Tcp_PassiveOpens Tcp_RetransSegs
Udp_InDatagrams Udp_InErrors Udp_NoPorts Udp_OutDatagrams Udp_RcvbufErrors Udp_SndbufErrors
Udp6_InDatagrams Udp6_InErrors Udp6_NoPorts Udp6_OutDatagrams Udp6_RcvbufErrors Udp6_SndbufErrors
UdpLite_InErrors UdpLite6_InErrors
""".split()  # noqa: SIM905 - words to read, not a list to type
PROTOCOLS = {name: untyped(f"node_netstat_{name}", f"{name} of /proc/net.") for name in _PROTOCOL_FIELDS}

_SOCKET_FIELDS = """
sockets_used TCP_inuse TCP_orphan TCP_tw TCP_alloc TCP_mem TCP_mem_bytes UDP_inuse UDP_mem UDP_mem_bytes UDPLITE_inuse
RAW_inuse FRAG_inuse FRAG_memory TCP6_inuse UDP6_inuse UDPLITE6_inuse RAW6_inuse FRAG6_inuse FRAG6_memory
""".split()  # noqa: SIM905 - words to read, not a list to type
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

# Columns of /proc/net/softnet_stat; the file calls none of them by name (net/core/net-procfs.c).
SOFTNET_COLUMNS: Mapping[int, MetricSpec] = {
    0: counter("node_softnet_processed_total", "Packets processed.", "cpu"),
    1: counter("node_softnet_dropped_total", "Packets dropped because the queue was full.", "cpu"),
    2: counter("node_softnet_times_squeezed_total", "Times the work had to stop before it was done.", "cpu"),
    8: counter("node_softnet_cpu_collision_total", "Collisions on the lock of a device.", "cpu"),
    9: counter("node_softnet_received_rps_total", "Times another processor asked for the work.", "cpu"),
    10: counter("node_softnet_flow_limit_count_total", "Times the limit of a flow was reached.", "cpu"),
    11: gauge("node_softnet_backlog_len", "Packets waiting.", "cpu"),
}
_SOFTNET_CPU = 12

TRACKED = gauge("node_nf_conntrack_entries", "Connections tracked.")
TRACKED_LIMIT = gauge("node_nf_conntrack_entries_limit", "Connections that can be tracked.")
TRACKING = {
    name: gauge(f"node_nf_conntrack_stat_{name}", f"{name} of the connection tracking, all processors together.")
    for name in ("found", "invalid", "ignore", "insert", "insert_failed", "drop", "early_drop", "search_restart")
}
NEIGHBOURS = gauge("node_arp_entries", "Neighbours known by address.", "device")
QUEUES = gauge("node_udp_queues", "Bytes waiting in the queues of UDP sockets.", "queue", "ip")


@cache
def socket_spec(name: str) -> MetricSpec:
    """The family of a number of /proc/net/sockstat."""
    return gauge(f"node_sockstat_{name}", f"{name} of /proc/net/sockstat.")


def parse_protocols(text: str) -> Iterator[Item]:
    """/proc/net/snmp and netstat: a line of names, then a line of numbers, for each protocol."""
    lines = text.splitlines()
    for names, numbers in zip(lines[::2], lines[1::2], strict=True):
        protocol = names.partition(":")[0]
        for name, number in zip(names.split()[1:], numbers.split()[1:], strict=True):
            if spec := PROTOCOLS.get(f"{protocol}_{name}"):
                yield Sample(spec, (), int(number))


def parse_protocols6(text: str) -> Iterator[Item]:
    """/proc/net/snmp6: a name and a number a line; `Ip6InOctets` is `Ip6_InOctets`."""
    for line in text.splitlines():
        name, number = line.split()
        protocol, six, field = name.partition("6")
        if spec := PROTOCOLS.get(f"{protocol}{six}_{field}"):
            yield Sample(spec, (), int(number))


def parse_sockets(text: str) -> Iterator[Item]:
    """/proc/net/sockstat and sockstat6; memory of TCP and UDP is in pages and comes in bytes as well."""
    for line in text.splitlines():
        protocol, *pairs = line.split()
        for name, number in zip(pairs[::2], pairs[1::2], strict=True):
            full = f"{protocol.removesuffix(':')}_{name}"
            yield Sample(socket_spec(full), (), int(number))
            if name == "mem":
                yield Sample(socket_spec(f"{full}_bytes"), (), int(number) * _PAGE_BYTES)


def parse_softnet(text: str) -> Frame:
    """One line a processor, hexadecimal; older kernels have fewer columns and no number of the processor."""
    lines = [[int(number, 16) for number in line.split()] for line in text.splitlines()]
    rows = [(str(line[_SOFTNET_CPU] if len(line) > _SOFTNET_CPU else at),) for at, line in enumerate(lines)]
    columns = [
        Column(spec, [line[index] if index < len(line) else None for line in lines])
        for index, spec in SOFTNET_COLUMNS.items()
    ]
    return Frame(rows, tuple(columns))


def parse_tracking(text: str) -> Iterator[Item]:
    """/proc/net/stat/nf_conntrack: names, then a hexadecimal line for each processor."""
    head, *lines = text.splitlines()
    for name, *numbers in zip(head.split(), *(line.split() for line in lines), strict=True):
        if spec := TRACKING.get(name):
            yield Sample(spec, (), sum(int(number, 16) for number in numbers))


def parse_neighbours(text: str) -> Iterator[Item]:
    """/proc/net/arp; the device stands last."""
    for device, count in Counter(line.split()[-1] for line in text.splitlines()[1:]).items():
        yield Sample(NEIGHBOURS, (device,), count)


def parse_queues(ip: str, text: str) -> Iterator[Item]:
    """/proc/net/udp and udp6: the fifth field is tx:rx, hexadecimal."""
    queues = [line.split()[4].split(":") for line in text.splitlines()[1:]]
    yield Sample(QUEUES, ("tx", ip), sum(int(tx, 16) for tx, _ in queues))
    yield Sample(QUEUES, ("rx", ip), sum(int(rx, 16) for _, rx in queues))


def _open_netstat(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield from parse_protocols(read_text(f"{roots.net}/netstat"))
        yield from parse_protocols(read_text(f"{roots.net}/snmp"))
        yield from parse_protocols6(_text_or_empty(f"{roots.net}/snmp6"))

    return read


def _open_sockstat(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield from parse_sockets(read_text(f"{roots.net}/sockstat"))
        yield from parse_sockets(_text_or_empty(f"{roots.net}/sockstat6"))

    return read


def _open_softnet(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield parse_softnet(read_text(f"{roots.net}/softnet_stat"))

    return read


def _open_tracking(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield Sample(TRACKED, (), read_number(f"{roots.proc}/sys/net/netfilter/nf_conntrack_count"))
        yield Sample(TRACKED_LIMIT, (), read_number(f"{roots.proc}/sys/net/netfilter/nf_conntrack_max"))
        yield from parse_tracking(read_text(f"{roots.net}/stat/nf_conntrack"))

    return read


def _open_neighbours(roots: Roots) -> Read:
    return lambda: parse_neighbours(read_text(f"{roots.net}/arp"))


def _open_queues(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        yield from parse_queues("v4", read_text(f"{roots.net}/udp"))
        if text := _text_or_empty(f"{roots.net}/udp6"):
            yield from parse_queues("v6", text)

    return read


def _text_or_empty(path: str) -> str:
    """A host without IPv6 has no such table."""
    try:
        return read_text(path)
    except FileNotFoundError:
        return ""


NETSTAT = Part("netstat", tuple(PROTOCOLS.values()), _open_netstat)
SOCKSTAT = Part("sockstat", tuple(map(socket_spec, _SOCKET_FIELDS)), _open_sockstat)
SOFTNET = Part("softnet", tuple(SOFTNET_COLUMNS.values()), _open_softnet)
CONNTRACK = Part("conntrack", (TRACKED, TRACKED_LIMIT, *TRACKING.values()), _open_tracking)
ARP = Part("arp", (NEIGHBOURS,), _open_neighbours)
UDP_QUEUES = Part("udp_queues", (QUEUES,), _open_queues)
