"""The command `python -m bench.paging [--times quick|shipped] [FAULT...]`: from a fault to its page at the sink.

Each round has a demo of its own, so that no fault waits for the one before to be forgotten. With the shipped times
the whole takes half an hour, most of it the minutes for which an alert has to hold.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import click

from jackpot_exporter.demo.fault_switches import FAULTS, Switches
from jackpot_exporter.demo.stack import Stack, running_stack
from jackpot_exporter.demo.timing import QUICK, SHIPPED
from jackpot_exporter.errors import ToolError

from .figures import Table

_TIMES = {"quick": QUICK, "shipped": SHIPPED}
_TOGETHER = ("disk-full", "error-burst", "pool-negative", "redis-down", "slow-contributions", "config-churn")
"""Faults that do not hide each other. A backup has to be missing for a quarter of an hour: only by name."""
_ALONE = ("database-down", "pool-exhausted", "service-down", "table-locked")
_WARM_SECONDS = 40.0
_LIMIT_SECONDS = 900.0
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Paged:
    """How long a fault took to reach the first receiver of its alert."""

    fault: str
    alert: str
    first_seconds: float


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("faults", nargs=-1, type=click.Choice(list(FAULTS)))
@click.option("--times", type=click.Choice(list(_TIMES)), default="shipped", show_default=True)
def main(faults: tuple[str, ...], times: str) -> None:
    """Measure the time from a fault to its page."""
    rows: list[tuple[str, ...]] = []
    for names in _rounds(faults):
        for paged in _measure(names, times):
            click.echo(f"{paged.fault}: {paged.first_seconds:.1f} s", err=True)
            rows.append((paged.fault, paged.alert, f"{paged.first_seconds:.1f}"))
    click.echo(_table(times, sorted(rows)).markdown())


def _rounds(faults: tuple[str, ...]) -> list[tuple[str, ...]]:
    if faults:
        return [faults]
    return [_TOGETHER, *((name,) for name in _ALONE)]


def _measure(names: Iterable[str], times: str) -> Iterator[Paged]:
    with running_stack(rate=20, error_share=0.0005, say=lambda _what: None, timing=_TIMES[times]) as stack:
        _wait(stack, times)
        switches = Switches(stack)
        began = {}
        for name in names:
            began[name] = time.time()
            switches.switch(name, on=True)
        waiting = dict(began)
        while waiting and time.time() - min(began.values()) < _LIMIT_SECONDS:
            time.sleep(_LOOK_SECONDS)
            for name in list(waiting):
                arrived = _arrivals(stack, FAULTS[name].alert, waiting[name])
                if arrived:
                    yield Paged(name, FAULTS[name].alert, min(arrived) - waiting.pop(name))
        for name in waiting:
            yield Paged(name, FAULTS[name].alert, float("inf"))
        switches.close()


def _wait(stack: Stack, times: str) -> None:
    """Until Prometheus knows whom to tell, and its rates have something to stand on."""
    if stack.prometheus is None:
        raise ToolError("Prometheus is not installed; `jackpot-exporter tools fetch prometheus` brings it")
    while not stack.prometheus.api("/api/v1/alertmanagers")["data"]["activeAlertmanagers"]:
        time.sleep(_LOOK_SECONDS)
    time.sleep(_WARM_SECONDS if times == "shipped" else 10.0)


def _arrivals(stack: Stack, alert: str, since: float) -> list[float]:
    """When someone was sent this alert by its name; the log does not count."""
    found = [one for one in stack.sink.received() if one.at > since and one.to not in ("log", "watchdog")]
    named = [one for one in found if f"{alert} on " in f"{one.title}\n{one.text}"]
    return [one.at for one in named if one.status == "firing"]


def _table(times: str, rows: list[tuple[str, ...]]) -> Table:
    note = "From switching the fault on to the first page at the sink; the machine did other work beside."
    return Table(f"From fault to page with the {times} times", ("fault", "alert", "seconds"), rows, note)


if __name__ == "__main__":
    main()
