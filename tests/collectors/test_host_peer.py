"""Our values beside those of a real node_exporter: gauges equal, counters within what moved between two reads.

node_exporter is read before and after our own collection, so that whatever grows must lie between its two answers.
What may move both ways in between has a tolerance of its own.
"""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.rounds import Target
from jackpot_exporter import tools
from jackpot_exporter.collectors import host, host_filesystems
from jackpot_exporter.collectors.host_filesystems import DEFAULT_EXCLUDED_POINTS
from jackpot_exporter.demo.servers import ServerProcess

Key = tuple[str, frozenset[tuple[str, str]]]
Samples = dict[Key, float]

KEPT_APART = re.compile(
    # about node_exporter itself, or known to differ: see test_host_names
    r"node_(exporter_.*|scrape_.*|textfile_.*|time_seconds|disk_info|network_speed_bytes|filesystem_readonly)\Z"
)
MOVING = {
    "memory": re.compile(r"node_memory_.*_bytes\Z"),
    "few": re.compile(
        r"node_(procs_.*|filefd_allocated|sockstat_.*|load\d+|netstat_Tcp_CurrEstab|disk_io_now"
        r"|arp_entries|nf_conntrack_entries|softnet_backlog_len)\Z"
    ),
    "bytes": re.compile(r"node_(udp_queues|entropy_available_bits)\Z"),
    "idle": re.compile(r"node_cpu_seconds_total\Z"),  # it steps back now and then
    "space": re.compile(r"node_filesystem_(avail|free)_bytes\Z|node_filesystem_files_free\Z"),
    "clock": re.compile(r"node_timex_(maxerror|estimated_error|offset)_seconds\Z"),
}
TOLERANCES = {"memory": 512 * 2**20, "few": 100, "bytes": 65536, "idle": 0.1, "space": 512 * 2**20, "clock": 1}


class NodeExporter(ServerProcess):
    """A real node_exporter with its own project's mount points."""

    def command(self) -> list[str]:
        return [
            str(tools.find("prometheus-node-exporter", tools.CURRENT)),
            f"--web.listen-address=127.0.0.1:{self.port}",
            f"--collector.filesystem.mount-points-exclude={DEFAULT_EXCLUDED_POINTS}",
        ]

    def is_ready(self) -> bool:
        try:
            return bool(self.samples())
        except OSError:
            return False

    def samples(self) -> Samples:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=30) as answer:
            return samples(answer.read().decode())


@pytest.fixture(scope="module")
def node_exporter() -> Iterator[NodeExporter]:
    with NodeExporter() as server:
        yield server


def samples(text: str) -> Samples:
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("node_") and not KEPT_APART.match(sample.name)
    }


async def our_samples() -> Samples:
    async with Target({}, host.TYPE, host_filesystems.TYPE) as target:
        rounds = [await target.collect(name) for name in target.names]
    assert [each.batch.message for each in rounds] == ["", ""]
    return {key: value for each in rounds for key, value in samples(each.text).items()}


def tolerance(name: str) -> float:
    kinds = [kind for kind, pattern in MOVING.items() if pattern.match(name)]
    return TOLERANCES[kinds[0]] if kinds else 1e-6


async def test_every_series_of_node_exporter_is_there(node_exporter: NodeExporter) -> None:
    theirs = node_exporter.samples()

    missing = theirs.keys() - (await our_samples()).keys()

    assert missing == set()


async def test_values_lie_between_two_answers_of_node_exporter(node_exporter: NodeExporter) -> None:
    before = node_exporter.samples()
    ours = await our_samples()
    after = node_exporter.samples()

    wrong = {}
    for key in before.keys() & after.keys():
        room = tolerance(key[0])
        low, high = sorted((before[key], after[key]))
        if not low - room <= ours[key] <= high + room:
            wrong[key] = (before[key], ours[key], after[key])

    assert wrong == {}
