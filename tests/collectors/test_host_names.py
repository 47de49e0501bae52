"""Our families agree with node_exporter's in name, type and labels, but for what this table names with its reason."""

from __future__ import annotations

from pathlib import Path

from jackpot_exporter.collectors import host, host_filesystems

GOLDEN = Path(__file__).parent.parent / "golden" / "node_exporter.txt"

_OTHERS_OWN = "is about node_exporter itself; ours are jackpot_exporter_*"
MISSING = {
    "node_exporter_build_info": _OTHERS_OWN,
    "node_scrape_collector_duration_seconds": _OTHERS_OWN,
    "node_scrape_collector_success": _OTHERS_OWN,
    "node_textfile_scrape_error": "there is no folder of text files to read",
}
"""Families of node_exporter that we do not have.

Some differ in what they hold: `node_time_seconds` is the time of the collection and not of the scrape;
`node_network_speed_bytes` is left out where the kernel says unknown (-1), which node_exporter shows as -125000;
`node_filesystem_readonly` is 1 where the kernel's table of mounts says ro, also where node_exporter 1.11 says 0;
`node_disk_info` has rotational from the queue of the disk, which node_exporter reads only where udev knows the disk;
a mount point that is hidden under a later mount comes once; mounts below /mnt, /media and /run are shown, as in
node_exporter's own build (Debian's leaves them out).
"""

METRICS = (*host.TYPE.metrics, *host_filesystems.TYPE.metrics)


def _golden() -> dict[str, tuple[str, frozenset[str]]]:
    lines = [line.split() for line in GOLDEN.read_text("utf-8").splitlines() if not line.startswith("#")]
    return {name: (kind, frozenset(labels.split(",")) - {"-"}) for name, kind, labels in lines}


def test_types_and_labels_agree() -> None:
    ours = {spec.name: (spec.kind.value, frozenset(spec.labels)) for spec in METRICS}
    golden = _golden()

    differing = {name: (golden[name], ours[name]) for name in golden.keys() & ours.keys() if golden[name] != ours[name]}

    assert differing == {}


def test_what_is_missing_is_known() -> None:
    missing = _golden().keys() - {spec.name for spec in METRICS}

    assert missing == MISSING.keys()


def test_further_families_bear_the_name_of_the_node_or_of_the_service() -> None:
    assert [spec.name for spec in METRICS if not spec.own and not spec.name.startswith("node_")] == []


def test_no_family_stands_twice() -> None:
    names = [spec.name for spec in METRICS]

    assert sorted(names) == sorted(set(names))
