"""Every source in every kind of trouble: it is noticed, named rightly, hurts nobody else, and leaves nothing behind."""

from __future__ import annotations

import time

import psycopg
import pytest

from faults.ledger import Entry, Ledger
from faults.matrix import Row, rows
from faults.measure import Trial, behaviour
from faults.rig import INTERVAL, Rig
from harness.waiting import eventually


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_fault_is_survived(rig: Rig, ledger: Ledger, row: Row) -> None:
    measured = Trial(rig, row).run()

    measured.assert_quick()
    ledger.scrapes += measured.scrapes
    ledger.idle += measured.idle
    ledger.entries.append(Entry(row.source, row.fault, behaviour(row), measured.detected, measured.recovered))
    assert measured.recovered < 3 * INTERVAL + 10 * max(measured.idle)


def test_pgbouncer_keeps_room_for_who_looks_at_it(rig: Rig, ledger: Ledger) -> None:
    with psycopg.connect(rig.bouncer.admin_dsn, autocommit=True) as console:
        command = psycopg.ClientCursor(console)
        command.execute("set max_client_conn = 0")
        try:
            rig.lines["pgbouncer"].sever()
            severed = rig.read().rounds("pgbouncer")
            eventually(lambda: rig.read().rounds("pgbouncer") > severed + 1, within=20 * INTERVAL)
            eventually(lambda: rig.read().is_up("pgbouncer"), within=20 * INTERVAL)
            with pytest.raises(psycopg.OperationalError, match="no more connections allowed"):
                psycopg.connect(rig.bouncer.dsn_of("postgres", "postgres")).close()
        finally:
            command.execute("set max_client_conn = 100")

    words = "nothing: its console does not count as one of the clients that it limits"
    ledger.entries.append(Entry("pgbouncer", "is out of connections", words, None, None))


def test_when_everything_hangs_what_needs_nobody_goes_on(rig: Rig, ledger: Ledger) -> None:
    local = ("host", "logs", "backups", "process")
    for line in rig.lines.values():
        line.mute()
    began, before = time.monotonic(), rig.read()

    eventually(lambda: time.monotonic() - began > 8 * INTERVAL, within=10 * INTERVAL)
    after, seconds = rig.read(), time.monotonic() - began
    for line in rig.lines.values():
        line.pass_through()

    made = {name: after.rounds(name) - before.rounds(name) for name in local}
    assert min(made.values()) > seconds / INTERVAL / 2, made
    assert not any(after.is_up(name) for name in ("pools", "postgres", "pgbouncer", "redis", "health"))
    mended = time.monotonic()
    eventually(rig.is_well, within=20 * INTERVAL)
    words = "every collector of a source fails with `timeout`; those of this machine go on at their pace"
    ledger.entries.append(Entry("all", "hang at once", words, None, time.monotonic() - mended))
    eventually(rig.is_tidy, within=20 * INTERVAL)
