"""What a person sees of the demo: the pools, the collectors and the addresses, as tables or as plain lines."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..errors import ToolError
from .programs import fetch
from .site import JACKPOT
from .stack import Demo
from .told import Told, alert_table, look_at_alerting, notification_table

_MINUTE = "delta(jackpot_pool_amount_cents[1m]) / 100"


Samples = Mapping[tuple[str, tuple[tuple[str, str], ...]], float]


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one exporter: its samples by name and labels, and how long the scrape took."""

    system: str
    samples: Samples
    scrape_seconds: float
    scrape_bytes: int

    def value(self, name: str, **labels: str) -> float | None:
        return self.samples.get((name, tuple(sorted(labels.items()))))

    def values_of(self, name: str, label: str) -> dict[str, float]:
        """The values of a family by the value of its one label."""
        return {dict(labels)[label]: value for (found, labels), value in self.samples.items() if found == name}


@dataclass(frozen=True, slots=True)
class Look:
    """One look at everything."""

    seen: tuple[Seen, ...]
    growth: Mapping[str, float] = field(default_factory=dict)
    """Dollars a minute by pool, as Prometheus has it."""
    told: Told = field(default_factory=Told)

    @property
    def jackpot(self) -> Seen | None:
        return next((one for one in self.seen if one.system == JACKPOT), None)


def look(stack: Demo) -> Look:
    """Scrape the exporters and ask Prometheus. OSError when an exporter does not answer."""
    seen = tuple(_scrape(name, exporter.url) for name, exporter in stack.exporters().items())
    return Look(seen, _growth(stack), look_at_alerting(stack))


def _scrape(system: str, url: str) -> Seen:
    started = time.perf_counter()
    body = fetch(f"{url}/metrics")
    seconds = time.perf_counter() - started
    samples = {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }
    return Seen(system, samples, seconds, len(body))


def _growth(stack: Demo) -> dict[str, float]:
    if stack.prometheus is None:
        return {}
    try:
        return {one["metric"]["pool"]: float(one["value"][1]) for one in stack.prometheus.query(_MINUTE)}
    except (OSError, ToolError):
        return {}


def render(stack: Demo, found: Look) -> RenderableType:
    """The whole screen."""
    pools = [_pools(found.jackpot, found.growth)] if found.jackpot else []
    alerting = (alert_table(found.told), notification_table(found.told))
    return Group(
        *pools,
        *alerting,
        *(_collectors(one, of_many=len(found.seen) > 1) for one in found.seen),
        _addresses(stack, found),
    )


def plain_line(found: Look) -> str:
    """The same in one line, where there is no terminal."""
    pools = (
        ", ".join(f"{pool} {_money(cents)}" for pool, cents in _amounts(found.jackpot).items()) if found.jackpot else ""
    )
    states = [up for one in found.seen for up in one.values_of("jackpot_exporter_collector_up", "collector").values()]
    well = sum(1 for up in states if up)
    firing = ", ".join(sorted({alert["labels"]["alertname"] for alert in found.told.alerts}))
    alerts = f"firing: {firing}" if firing else ""
    slowest = max(one.scrape_seconds for one in found.seen) * 1000
    parts = (pools, f"{well} of {len(states)} collectors up", f"scrape {slowest:.1f} ms", alerts)
    return "; ".join(part for part in parts if part)


def _pools(found: Seen, growths: Mapping[str, float]) -> Table:
    table = Table(title="Pools", title_justify="left", expand=True)
    for heading in ("pool", "amount", "growth a minute", "contributed", "wins"):
        table.add_column(heading, justify="left" if heading == "pool" else "right")
    for pool, cents in _amounts(found).items():
        growth = growths.get(pool)
        table.add_row(
            Text(pool),
            _money(cents),
            "not yet" if growth is None else f"{growth:+,.2f} $",
            _money(found.value("jackpot_contributions_cents_total", pool=pool)),
            f"{found.value('jackpot_wins_total', pool=pool) or 0:.0f}",
        )
    return table


def _amounts(found: Seen) -> dict[str, float]:
    """Largest last, as players know them."""
    return dict(sorted(found.values_of("jackpot_pool_amount_cents", "pool").items(), key=lambda item: item[1]))


def _collectors(found: Seen, *, of_many: bool) -> Table:
    table = Table(title=f"Collectors of {found.system}" if of_many else "Collectors", title_justify="left", expand=True)
    for heading in ("collector", "state", "age", "a collection takes", "series"):
        table.add_column(heading, justify="left" if heading in ("collector", "state") else "right")
    ages = found.values_of("jackpot_exporter_collector_age_seconds", "collector")
    series = found.values_of("jackpot_exporter_collector_series", "collector")
    for name, up in sorted(found.values_of("jackpot_exporter_collector_up", "collector").items()):
        state = Text("up") if up else Text("DOWN", style="bold red")
        age = f"{ages[name]:.0f} s" if name in ages else "never"
        table.add_row(name, state, age, _mean_duration(found, name), f"{series.get(name, 0):.0f}")
    return table


def _mean_duration(found: Seen, collector: str) -> str:
    count = found.value("jackpot_exporter_collector_duration_seconds_count", collector=collector)
    total = found.value("jackpot_exporter_collector_duration_seconds_sum", collector=collector)
    return f"{total / count * 1000:.1f} ms" if count and total is not None else "not yet"


def _addresses(stack: Demo, found: Look) -> Table:
    table = Table(title="Addresses", title_justify="left", expand=True, show_header=False)
    for name, address in stack.addresses().items():
        table.add_row(name, Text(address))
    for one in found.seen:
        table.add_row(
            f"scrape of {one.system}", f"{one.scrape_seconds * 1000:.1f} ms for {one.scrape_bytes / 1024:.0f} KiB"
        )
    table.add_row("to stop", "Ctrl-C; nothing stays behind")
    return table


def _money(cents: float | None) -> str:
    return "none" if cents is None else f"{cents / 100:,.2f} $"
