"""A simulated system under the eyes of its own pack: what must hold for every pack, asked of one running demo."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.waiting import eventually
from jackpot_exporter.bundle import PackSet, load_packs
from jackpot_exporter.bundle.dashboards import Dashboard, Panel
from jackpot_exporter.bundle.placeholders import expand
from jackpot_exporter.bundle.promql import Selector, read
from jackpot_exporter.demo.fault_switches import Switches
from jackpot_exporter.demo.notifications import Notification
from jackpot_exporter.demo.prometheus import PrometheusServer
from jackpot_exporter.demo.simulation import systems
from jackpot_exporter.demo.stack import Demo, running_systems
from jackpot_exporter.model import Kind

ONCALL, OPS, JACKPOT_ALERTS = "oncall@example.com", "ops@example.com", "jackpot.alerts@example.com"
SLACK, PAGERDUTY, TELEGRAM = "#jackpot-ops", "pagerduty-key", "-1000000000001"
"""Whom the channels reach as they are shipped; a critical e-mail goes to who is on call."""

ALWAYS = frozenset({"Watchdog", "MaintenanceWindow"})
"""What fires when all is well."""

_TARGET_LABELS = {"job", "instance", "service"}
_UNPROMISED = ("log", "watchdog")
_PARTS = ("_bucket", "_sum", "_count")


@dataclass(frozen=True, slots=True)
class Page:
    """Who must hear of a fault, and words that every message about it has in its title and in its text."""

    reaches: Collection[str]
    title: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class WatchedSystem:
    """One system that runs, and the pack of its name."""

    name: str
    demo: Demo
    switches: Switches
    packs: PackSet

    @property
    def prometheus(self) -> PrometheusServer:
        assert self.demo.prometheus
        return self.demo.prometheus

    def dashboards(self) -> list[Dashboard]:
        """The dashboards of the pack: those that have its name as a tag."""
        return [one for one in self.packs.dashboards.found if self.name in one.tags]

    # What rules and dashboards read.

    def selectors(self) -> Iterator[tuple[str, Selector]]:
        """Every series of the system that an alert, a recording or a panel of the pack reads, with who reads it."""
        pack = next(pack for pack in self.packs.packs if pack.name == self.name)
        exprs = [(alert.name, rule.expr) for alert in pack.alerts for rule in alert.rules]
        exprs += [(one.record, one.expr) for group in pack.groups for one in group.recordings]
        for dashboard in self.dashboards():
            exprs += [(panel.title, expand(q.expr)) for panel in dashboard.panels for q in panel.queries]
        for reader, expr in exprs:
            yield from ((reader, one) for one in read(expr).selectors if one.name.startswith(f"{self.name}_"))

    def broken_promises(self, absent: Collection[str] = ()) -> list[str]:
        """What is read and not there, or has not the label or not the type that its declaration says."""
        found = {name: self._found(name) for _, one in self.selectors() if (name := one.name) not in absent}
        wrong = [f"{name}: no series" for name, labels in found.items() if labels is None]
        wrong += [
            f"{reader}: {one.name} has no label {label}"
            for reader, one in self.selectors()
            if (labels := found.get(one.name)) is not None
            for label in one.matched - labels - _TARGET_LABELS
        ]
        wrong += [f"{name}: not the declared type" for name in found if found[name] is not None and self._differs(name)]
        return sorted(set(wrong))

    def _found(self, name: str) -> set[str] | None:
        """The labels of a family; None when it has no series."""
        series = self.prometheus.query(name)
        return set().union(*(one["metric"].keys() for one in series)) if series else None

    def _differs(self, name: str) -> bool:
        family = self._family(name)
        if family is None:
            return True
        kind, declared = family
        # OpenMetrics describes a counter by its name without the ending.
        names = (declared, declared.removesuffix("_total"))
        told = [self.prometheus.api("/api/v1/metadata", metric=one)["data"].get(one, []) for one in names]
        return {one["type"] for found in told for one in found} != {kind.value}

    def _family(self, name: str) -> tuple[Kind, str] | None:
        bases = [name, *(name.removesuffix(part) for part in _PARTS if name.endswith(part))]
        return next(((self.packs.families[one].kind, one) for one in bases if one in self.packs.families), None)

    def empty_panels(self, absent: Collection[str] = ()) -> list[str]:
        """Panels none of whose queries has an answer, everything chosen."""
        return [
            f"{dashboard.uid}/{panel.title}"
            for dashboard in self.dashboards()
            for panel in dashboard.panels
            if panel.title not in absent and not self._has_answer(panel)
        ]

    def _has_answer(self, panel: Panel) -> bool:
        return any(self.prometheus.query(_chosen(query.expr)) for query in panel.queries)

    # What is told.

    def firing(self) -> set[str]:
        """Without budgets that burn: those look back for hours, also at faults that are over."""
        found = self.prometheus.query('ALERTS{alertstate="firing",incident!~".+ErrorBudgetBurn"}')
        return {one["metric"]["alertname"] for one in found} - ALWAYS

    def is_calm(self) -> bool:
        """AssertionError names what still fires."""
        firing = self.firing()
        assert not firing, firing
        return True

    def noise(self, seconds: float) -> set[str]:
        """Every alert that fires in these seconds. Watching is all that there is to do."""
        seen: set[str] = set()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen |= self.firing()
            time.sleep(0.5)
        return seen

    def told(self, page: Page, since: float) -> dict[str, Notification]:
        """The first message about it to each receiver; one about the fault before may still be on its way."""
        found = [one for one in self._messages(page, since) if one.status == "firing" and _says(one, page.text)]
        return {one.to: one for one in reversed(found)}

    def _messages(self, page: Page, since: float) -> list[Notification]:
        found = [one for one in self.demo.sink.received() if one.at > since and one.to not in _UNPROMISED]
        return [one for one in found if page.title in one.title]

    def suffer(self, pages: Mapping[str, Page]) -> None:
        """These faults at once: each is told to whom it must be, and its end is told too."""
        eventually(self.is_calm, within=90)
        began = time.time()
        try:
            for name in pages:
                self.switches.switch(f"{self.name}.{name}", on=True)
            eventually(lambda: self._is_told(pages, began), within=60)
        finally:
            for name in pages:
                self.switches.switch(f"{self.name}.{name}", on=False)
        eventually(lambda: self._has_ended(pages, began), within=90)

    def _is_told(self, pages: Mapping[str, Page], since: float) -> bool:
        """AssertionError names who has not heard of what."""
        missing = {name: set(page.reaches) - self.told(page, since).keys() for name, page in pages.items()}
        missing = {name: receivers for name, receivers in missing.items() if receivers}
        assert not missing, missing
        return True

    def _has_ended(self, pages: Mapping[str, Page], since: float) -> bool:
        """A fault may end by itself and come back, so the last word counts; AssertionError names who waits for it."""
        last = {name: {one.to: one.status for one in self._messages(page, since)} for name, page in pages.items()}
        waiting = {
            name: [to for to in page.reaches if last[name].get(to) != "resolved"] for name, page in pages.items()
        }
        waiting = {name: receivers for name, receivers in waiting.items() if receivers}
        assert not waiting, waiting
        return True


def _says(one: Notification, text: str) -> bool:
    """A text message has room for the title alone."""
    return one.service == "sms" or text in one.text


@contextmanager
def watched_system(name: str) -> Iterator[WatchedSystem]:
    """The system `name` under its pack, as soon as alerts reach somebody."""
    with running_systems([systems()[name]], lambda _what: None) as demo:
        switches = Switches(demo)
        watched = WatchedSystem(name, demo, switches, load_packs())
        eventually(lambda: watched.prometheus.api("/api/v1/alertmanagers")["data"]["activeAlertmanagers"], within=60)
        eventually(lambda: [one for one in demo.sink.received() if one.to == "watchdog"], within=60)
        try:
            yield watched
        finally:
            switches.close()


_USUAL: Mapping[str, Any] = {"__rate_interval": "15s", "__interval": "5s", "__range": "1m", "service": ".*"}


def _chosen(expr: str) -> str:
    """As Grafana asks it with everything chosen."""
    return re.sub(r"\$(?:\{(\w+)\}|(\w+))", lambda match: _USUAL.get(match[1] or match[2], ".+"), expr)
