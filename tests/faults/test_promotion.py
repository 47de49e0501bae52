"""A primary dies and its standby takes over, seen by those who look for the primary and by who looks at the standby."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from faults.ledger import Entry, Ledger
from faults.rig import INTERVAL
from harness.exporter import ExporterProcess
from harness.readings import Reading
from harness.standby import StandbyServer
from harness.waiting import eventually
from jackpot_exporter.demo.servers import PostgresServer


@pytest.fixture
def pair() -> Iterator[tuple[PostgresServer, StandbyServer]]:
    with ExitStack() as stack:
        primary = stack.enter_context(PostgresServer())
        yield primary, stack.enter_context(StandbyServer(primary, "follower"))


def test_a_promotion_is_followed(pair: tuple[PostgresServer, StandbyServer], ledger: Ledger) -> None:
    primary, standby = pair
    either = f"postgresql://postgres@127.0.0.1:{primary.port},127.0.0.1:{standby.port}/postgres"
    settings = {
        "interval": f"{INTERVAL}s",
        "postgres": {"dsn": f"{either}?target_session_attrs=read-write", "replication": {"interval": f"{INTERVAL}s"}},
        "targets": {"standby": {"interval": f"{INTERVAL}s", "postgres": {"dsn": standby.dsn}}},
    }
    with ExporterProcess(settings) as exporter:
        eventually(lambda: read(exporter).is_up("postgres"), within=20)
        eventually(lambda: is_replica(exporter) == 1, within=20)
        failures = read(exporter, "standby").failures("postgres")
        began = time.monotonic()

        primary.kill()
        eventually(lambda: read(exporter).failures("postgres")["refused"] > 0, within=20 * INTERVAL)
        noticed = time.monotonic() - began
        standby.execute("select pg_promote()")
        promoted = time.monotonic()

        eventually(lambda: read(exporter).is_up("postgres"), within=20 * INTERVAL)
        recovered = time.monotonic() - promoted
        eventually(lambda: is_replica(exporter) == 0, within=20 * INTERVAL)
        assert read(exporter, "standby").failures("postgres") == failures

    words = "down with `refused` until one of its hosts takes writes again; who reads the standby loses nothing"
    ledger.entries.append(Entry("postgres", "standby is promoted", words, noticed, recovered))


def read(exporter: ExporterProcess, target: str = "") -> Reading:
    return Reading(exporter.get(f"/probe?target={target}" if target else "/metrics"))


def is_replica(exporter: ExporterProcess) -> float | None:
    return read(exporter, "standby").value("pg_replication_is_replica")
