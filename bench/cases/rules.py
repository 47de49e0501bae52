"""How long a real Prometheus takes for all rules, with many pools and three days of history behind the objectives.

The past is made by promtool; after that a target serves the same series, and every group is evaluated for a while.
The longest evaluation of each counts.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jackpot_exporter import tools
from jackpot_exporter.bundle import compile_bundle, generate, load_packs
from jackpot_exporter.demo.prometheus import PrometheusServer
from jackpot_exporter.operations import DURATION_BOUNDS, OPERATIONS, Outcome

from ..figures import Report, Table, Verdict, milliseconds
from ..scene import Effort, Scene
from ..serving import serving

_TARGET = 'job="jackpot-exporter",instance="127.0.0.1",service="demo"'
_STEP_SECONDS = 15
_POOL_MINUTES = 75  # as far back as the rules about pools read
_POOL_FAMILIES = {  # by name: the samples' own
    "jackpot_pool_amount_cents": "jackpot_pool_amount_cents",
    "jackpot_contributions_cents": "jackpot_contributions_cents_total",
    "jackpot_wins": "jackpot_wins_total",
}
_SHOWN = 6


@dataclass(frozen=True, slots=True)
class _Group:
    """A group of rules, and the longest evaluation seen; both in seconds."""

    name: str
    interval: float
    longest: float

    @property
    def share(self) -> float:
        return self.longest / self.interval


def measure(_scene: Scene, effort: Effort) -> Report:
    pools, days, seconds = effort.pick(10_000, 200), effort.pick(3, 1), effort.pick(200, 65)
    with TemporaryDirectory(prefix="bench-rules-") as name:
        folder = Path(name)
        generate(compile_bundle(load_packs()), folder, check=False)
        with serving(_page(pools)) as port:
            server = _Prometheus(_config(folder, port), version=3)
            server.past = _back_fill(folder, pools, days)
            with server:
                groups = _watch(server, seconds)
    return Report([_table(groups, pools, days)], _verdicts(groups))


def _watch(server: PrometheusServer, seconds: float) -> list[_Group]:
    longest: dict[str, _Group] = {}
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(5)
        for group in server.api("/api/v1/rules")["data"]["groups"]:
            name, before = group["name"], longest.get(group["name"])
            took = max(group["evaluationTime"], before.longest if before else 0.0)
            longest[name] = _Group(name, group["interval"], took)
    return sorted(longest.values(), key=lambda group: -group.longest)


class _Prometheus(PrometheusServer):
    """One that finds its past in place and keeps it."""

    past: Path

    def command(self) -> list[str]:
        kept = [part for part in super().command() if "retention.time" not in part and "tsdb.path" not in part]
        return [*kept, "--storage.tsdb.retention.time=15d", f"--storage.tsdb.path={self.past}"]


def _config(folder: Path, port: int) -> dict[str, Any]:
    target = {"targets": [f"127.0.0.1:{port}"], "labels": {"service": "demo", "instance": "127.0.0.1"}}
    return {
        "global": {"scrape_interval": "15s"},
        "rule_files": [str(folder / "prometheus/rules/*.yml")],
        "scrape_configs": [{"job_name": "jackpot-exporter", "static_configs": [target]}],
    }


def _page(pools: int) -> bytes:
    """Every series, with one value."""
    lines = [f"{series} 9000000\n" for _, _, series in _series()]
    lines += [f"{series} 9000000\n" for family in _POOL_FAMILIES for series in _of_pools(family, pools)]
    return "".join(lines).encode()


def _back_fill(folder: Path, pools: int, days: int) -> Path:
    """Blocks of the past, made by promtool."""
    text, past = folder / "history.txt", folder / "past"
    with text.open("w") as file:
        file.writelines(_history(pools, days, int(time.time()) // 60 * 60 - 60))
    command = [
        str(tools.find("promtool", 3)),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(text),
        str(past),
    ]
    subprocess.run(command, check=True, timeout=600)
    text.unlink()
    return past


def _history(pools: int, days: int, now: int) -> Iterator[str]:
    """OpenMetrics text of the past; the pools only as far back as their rules read."""
    known: set[str] = set()
    for family, kind, series in _series():
        if family not in known:
            known.add(family)
            yield f"# TYPE {family} {'counter' if kind == 'counter' else 'unknown'}\n"
        slope = 0 if kind == "gauge" else 7
        for at in range(now - days * 86400, now, _STEP_SECONDS):
            yield f"{_whole(series)} {1 + slope * (at - now + days * 86400)} {at}\n"
    for family in _POOL_FAMILIES:
        yield f"# TYPE {family} {'unknown' if family.endswith('amount_cents') else 'counter'}\n"
        for series in _of_pools(family, pools):
            past = range(now - _POOL_MINUTES * 60, now, 60)
            yield from (f"{_whole(series)} {1000 + at - now + _POOL_MINUTES * 60} {at}\n" for at in past)
    yield "# EOF\n"


def _whole(series: str) -> str:
    """A series with the labels that a scrape gives it."""
    return series.replace("{", f"{{{_TARGET},", 1)


def _of_pools(family: str, pools: int) -> Iterator[str]:
    return (f'{_POOL_FAMILIES[family]}{{pool="pool-{number}"}}' for number in range(pools))


def _series() -> Iterator[tuple[str, str, str]]:
    """Family, kind and series (without the labels of a scrape) of what the objectives and most alerts read."""
    for operation in OPERATIONS:
        for outcome in Outcome:
            labels = f'operation="{operation}",outcome="{outcome}"'
            yield "jackpot_operations", "counter", f"jackpot_operations_total{{{labels}}}"
    for outcome in Outcome:
        yield "jackpot_database_operations", "counter", f'jackpot_database_operations_total{{outcome="{outcome}"}}'
    for dependency in ("database", "cache", "paymentGateway"):
        yield "jackpot_dependency_up", "gauge", f'jackpot_dependency_up{{dependency="{dependency}"}}'
    for operation in OPERATIONS:
        for le in (*map(str, DURATION_BOUNDS), "+Inf"):
            bucket = f'jackpot_operation_duration_seconds_bucket{{operation="{operation}",le="{le}"}}'
            yield "jackpot_operation_duration_seconds", "histogram", bucket
        count = f'jackpot_operation_duration_seconds_count{{operation="{operation}"}}'
        yield "jackpot_operation_duration_seconds", "histogram", count


def _table(groups: list[_Group], pools: int, days: int) -> Table:
    rows = [[group.name, milliseconds(group.longest), f"{group.interval:.0f} s", f"{group.share:.2%}"]
            for group in groups[:_SHOWN]]  # fmt: skip
    rest = groups[_SHOWN:]
    rows.append([f"{len(rest)} others", milliseconds(sum(group.longest for group in rest)), "-", "-"])
    rows.append(["together", milliseconds(_together(groups)), "-", "-"])
    title = f"Longest evaluation of the rules, {pools:,} pools, {days} days of history"
    return Table(title, ["group", "evaluation", "interval", "share of it"], rows)


def _verdicts(groups: list[_Group]) -> list[Verdict]:
    together, share = _together(groups), max(group.share for group in groups)
    return [
        Verdict.at_most("rules: all groups together within a second", together, 1.0, milliseconds(together)),
        Verdict.at_most("rules: no group takes a tenth of its interval", share, 0.1, f"{share:.2%}"),
    ]


def _together(groups: list[_Group]) -> float:
    return sum(group.longest for group in groups)
