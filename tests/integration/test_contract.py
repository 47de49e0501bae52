"""The exporter and the bundle keep their word to each other: what rules read is there, and health is silent."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from harness.waiting import eventually
from jackpot_exporter.bundle import load_packs
from jackpot_exporter.bundle.families import exporter_families
from jackpot_exporter.bundle.loader import NAMESPACE
from jackpot_exporter.bundle.promql import Selector, read
from jackpot_exporter.demo.programs import fetch
from jackpot_exporter.demo.stack import Stack, running_stack

ABSENT = {
    "jackpot_exporter_web_certificate_expiry_timestamp_seconds": "the demo serves without TLS",
    "probe_ssl_earliest_cert_expiry": "the demo has nothing that speaks TLS",
    "pgbouncer_pools_client_maxwait_seconds": "the demo has no pooler",
    "pg_replication_slots_active": "the demo has no standby",
    "pg_replication_slots_pg_wal_lsn_diff": "the demo has no standby",
    "redis_master_link_up": "the demo's Redis follows nobody",
}
"""Families that a rule reads and the demo cannot have, each with the reason."""

TARGET_LABELS = {"job", "instance", "service"}
PEACE = {"Watchdog", "MaintenanceWindow", "JackpotConfigChanged"}
"""What fires when all is well; the players change a setting once in a while."""


@dataclass(frozen=True, slots=True)
class Site:
    """The demo, and since when it has been well."""

    stack: Stack
    began: float


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_stack(rate=10, error_share=0, say=lambda _what: None) as running:
        began = time.monotonic()
        eventually(lambda: fetch(f"{running.exporter.url}/-/ready"), within=60)
        yield Site(running, began)


@pytest.fixture
def stack(site: Site) -> Stack:
    return site.stack


@pytest.fixture(scope="module")
def selectors() -> list[tuple[str, Selector]]:
    """What alerts and recordings read of the exporter, with who reads it."""
    packs = load_packs()
    ours = exporter_families([NAMESPACE])
    names = {name + suffix for name in ours for suffix in ("", "_bucket", "_sum", "_count")}
    rules = [(alert.name, rule.expr) for alert in packs.alerts for rule in alert.rules]
    rules += [(r.record, r.expr) for pack in packs.packs for group in pack.groups for r in group.recordings]
    return [(who, s) for who, expr in rules for s in read(expr).selectors if s.name in names]


def exported(stack: Stack) -> dict[str, set[str]]:
    """Label names by the name that PromQL uses."""
    found: dict[str, set[str]] = {}
    # By hand: the client library's parser gives counters a suffix that they do not have.
    for line in fetch(f"{stack.exporter.url}/metrics").decode().splitlines():
        if not line.startswith("#"):
            name, _, rest = line.partition("{")
            labels = re.findall(r'(?:^|,)([a-z_A-Z0-9]+)="', rest) if rest else []
            found.setdefault(name.split(" ")[0], set()).update(labels)
    return found


def test_every_metric_and_label_of_every_rule_is_exported(stack: Stack, selectors: list[tuple[str, Selector]]) -> None:
    assert len(selectors) > 100
    wanted = {s.name for _, s in selectors} - ABSENT.keys()
    with contextlib.suppress(AssertionError):  # what is missing says more than that something is
        eventually(lambda: wanted <= exported(stack).keys(), within=120)  # slow collectors come within a minute
    found = exported(stack)
    assert wanted - found.keys() == set()

    wrong = [
        (who, selector.name, label)
        for who, selector in selectors
        if selector.name in found
        for label in selector.matched - found[selector.name] - TARGET_LABELS
    ]
    assert wrong == []


def test_the_exceptions_are_still_exceptions(stack: Stack, selectors: list[tuple[str, Selector]]) -> None:
    assert ABSENT.keys() <= {s.name for _, s in selectors}
    assert not ABSENT.keys() & exported(stack).keys()


def test_a_healthy_site_is_silent(site: Site) -> None:
    """A minute at the demo's pace, where times are shortened at least tenfold, is ten minutes at the shipped one."""
    assert site.stack.prometheus is not None
    eventually(lambda: time.monotonic() > site.began + 60, within=90)

    fired = site.stack.prometheus.query('last_over_time(ALERTS{alertstate="firing"}[1h])')

    seen = {one["metric"]["alertname"] for one in fired}
    assert "Watchdog" in seen
    assert seen <= PEACE
