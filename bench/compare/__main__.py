"""The command `python -m bench.compare [--all]`: the peers' families and what becomes of them here.

Exit status 1 when less than 95 % of a peer's families are the same here, but for what `reasons.yaml` explains.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.resources import files

import click
import yaml

from jackpot_exporter.demo.programs import ExporterProcess, fetch

from .. import peers
from ..peers import NodeExporter, Peer, PostgresExporter, RedisExporter
from ..scene import Scene, always, wait_until_ready
from .verdicts import Finding, Reading, Sandwich, State, find, share

_GOAL = 0.95
_READINGS = 3
_INTERVAL = 0.4
_TEXT = {"Accept": "text/plain;version=0.0.4"}
_NODE_COLLECTORS = (
    "cpu", "meminfo", "filesystem", "diskstats", "netdev", "loadavg", "filefd", "pressure", "stat", "time", "uname",
    "vmstat",
)  # fmt: skip
_NOT_COUNTED = {
    peers.POSTGRES: r"(go|process|promhttp|pg_settings|pg_exporter|pg_scrape|postgres_exporter)_",
    peers.REDIS: r"(go|process|promhttp|redis_exporter|redis_target_scrape|redis_last_key_groups)_",
    peers.NODE: r"(go|process|promhttp|node_scrape|node_exporter)_",
}
"""What a peer says of itself, and the settings, which are not part of the promise."""


@dataclass(frozen=True, slots=True)
class Side:
    """One peer's families and what became of them."""

    peer: str
    findings: list[Finding]
    reasons: Mapping[str, str]

    @property
    def share(self) -> float:
        return share(self.findings, explained=self.reasons)

    def lines(self, *, with_same: bool) -> Iterator[str]:
        strict, lenient = share(self.findings), self.share
        counts = {state: sum(finding.state is state for finding in self.findings) for state in State}
        yield f"## {self.peer}: {strict:.1%} of {len(self.findings)} families the same, {lenient:.1%} or with a reason"
        yield ""
        yield ", ".join(f"{count} {state}" for state, count in counts.items() if count)
        yield ""
        yield "| family | here | detail | reason |"
        yield "| --- | --- | --- | --- |"
        for finding in self.findings:
            if with_same or finding.state is not State.SAME:
                reason = self.reasons.get(finding.family, "none: a shortcoming")
                told = "" if finding.state is State.SAME else reason
                yield f"| {finding.family} | {finding.state} | {finding.detail} | {told} |"
        yield ""


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--all", "with_same", is_flag=True, help="List the families that are the same too.")
def main(with_same: bool) -> None:
    """Compare the exporter's families with those of its peers on the same servers."""
    sides = compare()
    for side in sides:
        click.echo("\n".join(side.lines(with_same=with_same)))
    if any(side.share < _GOAL for side in sides):
        raise SystemExit(1)


def compare() -> list[Side]:
    """Every peer beside us."""
    reasons = yaml.safe_load((files(__package__) / "reasons.yaml").read_text()) or {}
    return [
        Side(name, [f for f in find(read) if not re.match(_NOT_COUNTED[name], f.family)], reasons.get(name) or {})
        for name, read in _read().items()
    ]


def _read() -> dict[str, list[Sandwich]]:
    with Scene() as scene, ExitStack() as stack:
        ours = stack.enter_context(scene.ours(pace=always(_INTERVAL)))
        servers: dict[str, Peer] = {
            peers.POSTGRES: PostgresExporter(scene.dsn(peers.POSTGRES)),
            peers.REDIS: RedisExporter(scene.redis.url),
            peers.NODE: NodeExporter("--collector.disable-defaults", *(f"--collector.{c}" for c in _NODE_COLLECTORS)),
        }
        for server in servers.values():
            stack.enter_context(server)
        stack.enter_context(scene.play(3))
        wait_until_ready(ours)
        sandwiches: dict[str, list[Sandwich]] = {name: [] for name in servers}
        before = _read_all(servers)
        for _ in range(_READINGS):
            _wait_for_rounds(ours)
            between = _reading(f"{ours.url}/metrics")
            after = _read_all(servers)
            for name, found in sandwiches.items():
                found.append(Sandwich(before[name], between, after[name]))
            before = after
        return sandwiches


def _read_all(servers: Mapping[str, Peer]) -> dict[str, Reading]:
    return {name: _reading(server.url) for name, server in servers.items()}


def _reading(url: str) -> Reading:
    return Reading.of(fetch(url, _TEXT).decode())


def _wait_for_rounds(ours: ExporterProcess) -> None:
    """Until every collector that works has begun and finished once more."""
    since, deadline = time.time() + _INTERVAL, time.monotonic() + 20
    while time.monotonic() < deadline:
        last = _reading(f"{ours.url}/metrics").values["jackpot_exporter_collector_last_success_timestamp_seconds"]
        if min(last.values()) > since:
            return
        time.sleep(0.05)
    raise TimeoutError("not every collector finished within 20 s")


if __name__ == "__main__":
    main()
