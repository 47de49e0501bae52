"""/sys/class/net: whether each network interface is up, its speed, its settings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from ...model import Item, MetricSpec, Sample, counter, gauge
from .part import Part, Read, Roots, read_text

UP = gauge("node_network_up", "1 when the interface is operational.", "device")
SPEED = gauge("node_network_speed_bytes", "Speed of the link, in bytes a second.", "device")
INFO = gauge(
    "node_network_info",
    "1, with the addresses and the state of the interface.",
    *("address", "adminstate", "broadcast", "device", "duplex", "ifalias", "operstate"),
)

# Read at every collection.
STATES: dict[str, MetricSpec] = {
    "carrier": gauge("node_network_carrier", "1 when there is a carrier.", "device"),
    "carrier_changes": counter("node_network_carrier_changes_total", "Changes of the carrier.", "device"),
    "carrier_up_count": counter("node_network_carrier_up_changes_total", "Times the carrier came.", "device"),
    "carrier_down_count": counter("node_network_carrier_down_changes_total", "Times the carrier went.", "device"),
    "dormant": gauge("node_network_dormant", "1 when the interface waits for an outer event.", "device"),
    "flags": gauge("node_network_flags", "Flags of the interface, as a number.", "device"),
    "mtu": gauge("node_network_mtu_bytes", "Largest packet.", "device"),
    "tx_queue_len": gauge("node_network_transmit_queue_length", "Length of the queue, in packets.", "device"),
    "addr_assign_type": gauge("node_network_address_assign_type", "How it got its address.", "device"),
    "dev_id": gauge("node_network_device_id", "Tells apart ports that share an address.", "device"),
    "ifindex": gauge("node_network_iface_id", "Number of the interface.", "device"),
    "iflink": gauge("node_network_iface_link", "Number of the interface below.", "device"),
    "link_mode": gauge("node_network_iface_link_mode", "Link mode.", "device"),
    "name_assign_type": gauge("node_network_name_assign_type", "How it got its name.", "device"),
    "netdev_group": gauge("node_network_net_dev_group", "Group of the interface.", "device"),
    "type": gauge("node_network_protocol_type", "Hardware type, by if_arp.h.", "device"),
}
_TEXTS = ("address", "broadcast", "duplex", "ifalias", "operstate")
_IS_UP = 1  # IFF_UP


def samples(device: str, attributes: dict[str, str]) -> Iterator[Item]:
    """The families of one interface out of the texts of its files; absent files give nothing."""
    for name, spec in STATES.items():
        if text := attributes.get(name):
            yield Sample(spec, (device,), int(text, 0))
    yield Sample(UP, (device,), int(attributes.get("operstate") == "up"))
    # -1 stands for unknown.
    if (speed := int(attributes.get("speed") or -1)) >= 0:
        yield Sample(SPEED, (device,), speed * 1_000_000 // 8)
    admin = "up" if int(attributes.get("flags") or "0", 0) & _IS_UP else "down"
    address, broadcast, duplex, alias, state = (attributes.get(name, "") for name in _TEXTS)
    yield INFO.sample(1, address, admin, broadcast, device, duplex, alias, state)


def _open(roots: Roots) -> Read:
    def read() -> Iterator[Item]:
        for device in sorted(Path(roots.sys, "class/net").iterdir()):
            if attributes := _attributes(device):
                yield from samples(device.name, attributes)

    return read


def _attributes(folder: Path) -> dict[str, str]:
    """What can be read; a file may refuse (the speed of an interface without a link) or go meanwhile."""
    found = {}
    for name in (*STATES, *_TEXTS, "speed"):
        with suppress(OSError):
            found[name] = read_text(f"{folder}/{name}").strip()
    return found


PART = Part("netclass", (UP, SPEED, INFO, *STATES.values()), _open)
