"""How long a real Prometheus takes for all rules, with 10,000 pools and three days of history behind the objectives.

Run by hand: `python tests/bundle/measure_evaluation.py [POOLS]`; about five minutes. It fails when all groups together
take a second or more, or one takes a tenth of its interval. Not part of the tests: it measures, and takes too long.
"""

from __future__ import annotations

import http.server
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from jackpot_exporter import tools
from jackpot_exporter.bundle import compile_bundle, generate, load_packs
from jackpot_exporter.demo.prometheus import PrometheusServer

BUCKETS = ("0.005", "0.01", "0.025", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.5", "1.0", "2.0", "5.0", "+Inf")
OPERATIONS = ("contribution", "win", "pool_query")
OUTCOMES = ("success", "error", "timeout")
TARGET = 'job="jackpot-exporter",instance="127.0.0.1",service="demo"'
STEP_SECONDS = 15
DAYS = 3
POOL_MINUTES = 75
WAIT_SECONDS = 200


def series() -> Iterator[tuple[str, str, str]]:
    """Family, kind and series (labels but the target's) of what the objectives and most alerts read."""
    for operation in OPERATIONS:
        for outcome in OUTCOMES:
            labels = f'operation="{operation}",outcome="{outcome}"'
            yield "jackpot_operations", "counter", f"jackpot_operations_total{{{labels}}}"
    for outcome in OUTCOMES:
        yield "jackpot_database_operations", "counter", f'jackpot_database_operations_total{{outcome="{outcome}"}}'
    for dependency in ("database", "cache", "paymentGateway"):
        yield "jackpot_dependency_up", "gauge", f'jackpot_dependency_up{{dependency="{dependency}"}}'
    for operation in OPERATIONS:
        for le in BUCKETS:
            bucket = f'jackpot_operation_duration_seconds_bucket{{operation="{operation}",le="{le}"}}'
            yield "jackpot_operation_duration_seconds", "histogram", bucket
        count = f'jackpot_operation_duration_seconds_count{{operation="{operation}"}}'
        yield "jackpot_operation_duration_seconds", "histogram", count


def pool_families(pools: int) -> Iterator[tuple[str, list[str]]]:
    names = {
        "jackpot_pool_amount_cents": "jackpot_pool_amount_cents",
        "jackpot_contributions_cents": "jackpot_contributions_cents_total",
        "jackpot_wins": "jackpot_wins_total",
    }
    for family, name in names.items():
        yield family, [f'{name}{{pool="pool-{number}"}}' for number in range(pools)]


def history(pools: int, now: int) -> Iterator[str]:
    """OpenMetrics text of the past; the pools only as far back as their rules read."""
    kinds: dict[str, str] = {}
    for family, kind, one in series():
        if family not in kinds:
            kinds[family] = kind
            yield f"# TYPE {family} {'counter' if kind == 'counter' else 'unknown'}\n"
        full = one.replace("{", f"{{{TARGET},", 1)
        slope = 0 if kind == "gauge" else 7
        for at in range(now - DAYS * 86400, now, STEP_SECONDS):
            yield f"{full} {1 + slope * (at - now + DAYS * 86400)} {at}\n"
    for family, names in pool_families(pools):
        yield f"# TYPE {family} {'unknown' if family.endswith('amount_cents') else 'counter'}\n"
        for one in names:
            full = one.replace("{", f"{{{TARGET},", 1)
            yield from (f"{full} {1000 + at - now} {at}\n" for at in range(now - POOL_MINUTES * 60, now, 60))
    yield "# EOF\n"


def exposition(pools: int) -> bytes:
    lines = [f"{one} {9_000_000}" for _, _, one in series()]
    lines += [f"{one} {9_000_000}" for _, names in pool_families(pools) for one in names]
    return ("\n".join(lines) + "\n").encode()


class Prometheus(PrometheusServer):
    """One that finds its past in place and keeps it."""

    past: Path

    def command(self) -> list[str]:
        kept = [part for part in super().command() if "retention.time" not in part and "tsdb.path" not in part]
        return [*kept, "--storage.tsdb.retention.time=15d", f"--storage.tsdb.path={self.past}"]


def serve(body: bytes) -> http.server.ThreadingHTTPServer:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def backfill(folder: Path, pools: int) -> Path:
    """Blocks of the past, made by promtool."""
    text, past = folder / "history.txt", folder / "past"
    with text.open("w") as file:
        file.writelines(history(pools, int(time.time()) // 60 * 60 - 60))
    subprocess.run(
        [tools.find("promtool", 3), "tsdb", "create-blocks-from", "openmetrics", "--quiet", text, past],
        check=True,
        timeout=600,
    )
    text.unlink()
    return past


def measure(pools: int, folder: Path) -> dict[str, tuple[float, float]]:
    """The slowest evaluation seen of each group, with its interval, in seconds."""
    generate(compile_bundle(load_packs()), folder, check=False)
    past = backfill(folder, pools)
    target = serve(exposition(pools))
    labels = {"service": "demo", "instance": "127.0.0.1"}
    config: dict[str, Any] = {
        "global": {"scrape_interval": "15s"},
        "rule_files": [str(folder / "prometheus/rules/*.yml")],
        "scrape_configs": [
            {
                "job_name": "jackpot-exporter",
                "static_configs": [{"targets": [f"127.0.0.1:{target.server_port}"], "labels": labels}],
            }
        ],
    }
    server = Prometheus(config, version=3)
    server.past = past
    slowest: dict[str, tuple[float, float]] = {}
    with server:
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline:
            time.sleep(5)
            for group in server.api("/api/v1/rules")["data"]["groups"]:
                took = max(group["evaluationTime"], slowest.get(group["name"], (0.0, 0.0))[0])
                slowest[group["name"]] = (took, group["interval"])
    target.shutdown()
    return slowest


def main() -> int:
    pools = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    with TemporaryDirectory(prefix="measure-") as folder:
        slowest = measure(pools, Path(folder))
    for name, (took, interval) in sorted(slowest.items(), key=lambda item: -item[1][0]):
        sys.stdout.write(f"{name:32} {took * 1000:8.1f} ms of {interval:4.0f} s  {took / interval:7.2%}\n")
    together = sum(took for took, _ in slowest.values())
    sys.stdout.write(f"{'together':32} {together * 1000:8.1f} ms\n")
    return 0 if together < 1 and all(took < interval / 10 for took, interval in slowest.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
