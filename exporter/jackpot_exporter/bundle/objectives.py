"""An objective made into recordings and burn-rate alerts over several windows.

The error budget is the share of events that may be bad. Burning it `factor` times too fast, over a long and a
short window at once, alerts: pages for 14.4x (2 % of a month's budget in an hour) and 6x, tickets for 3x and 1x.
A floor of bad events keeps one failure in a quiet night from paging anyone. Ratios are of event counts, so both
recordings of a window read the raw series once each. Windows from 6 h up are recorded less often: they move slowly.

Each objective has alerts of its own name, not one shared ErrorBudgetBurn: the name is what a page shows first.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Kind
from .alerts import Filler, Surroundings, build_cases, standard_labels
from .durations import Duration
from .model import Alert, AlertRule, BurnWindow, Escalate, Family, Notify, Objective, Priority, Recording, Severity
from .schema import ObjectiveEntry
from .source import Problems, Source

MINIMUM_BAD_EVENTS = 10
_SLOW = Duration.parse("6h")
_KEEP = {True: Duration.parse("10m"), False: Duration.parse("1h")}
_HOLD = {True: Duration.parse("2m"), False: Duration.parse("15m")}

WINDOWS = tuple(
    BurnWindow(factor, Duration.parse(long), Duration.parse(short), pages)
    for factor, long, short, pages in (
        (14.4, "1h", "5m", True),
        (6, "6h", "30m", True),
        (3, "1d", "2h", False),
        (1, "3d", "6h", False),
    )
)


def alert_name(objective: str) -> str:
    """`jackpot-availability` alerts as JackpotAvailabilityErrorBudgetBurn."""
    return "".join(part.capitalize() for part in objective.split("-")) + "ErrorBudgetBurn"


def can_fire(window: BurnWindow, budget: float) -> bool:
    """A ratio cannot exceed 1, so a factor that asks for more never fires."""
    return window.factor * budget < 1


def build_objective(entry: ObjectiveEntry, source: Source, problems: Problems) -> tuple[Objective, list[str]]:
    """The objective with the windows that can fire, and remarks on those that were dropped."""
    budget = round(1 - entry.target / 100, 12)
    wanted = [window for window in WINDOWS if entry.windows is None or str(window.long) in entry.windows]
    impossible = [window for window in wanted if not can_fire(window, budget)]
    if entry.windows is not None:
        for window in impossible:
            message = f"burning {window.factor:g}x a budget of {budget:.3g} can never happen: a ratio ends at 1"
            problems.add(source.problem(message, "windows", remedy=f"leave {window.long} out, or promise more"))
    remarks = [
        f"{entry.objective}: no alert over {window.long}: {window.factor:g}x a budget of {budget:.3g} can never happen"
        for window in impossible
        if entry.windows is None
    ]
    fill = Filler(entry.values, source, problems)
    kept = tuple(window for window in wanted if window not in impossible)
    bad, total = (fill.text(text, name, also={"window": "${window}"}).strip() for name, text in _indicators(entry))
    return Objective(entry.objective, entry.title, entry.target, bad, total, kept), remarks


def _indicators(entry: ObjectiveEntry) -> tuple[tuple[str, str], tuple[str, str]]:
    return ("bad", entry.bad), ("total", entry.total)


def recordings(objective: Objective, *, slow: bool) -> Iterable[Recording]:
    """The counts and ratios over each window in use; the short and the long windows apart."""
    labels = {"objective": objective.name}
    if not slow:
        text = "The share of events that is promised to be good."
        yield Recording("objective:target:ratio", f"vector({objective.target / 100:.12g})", labels, text)
    for window in sorted({span for used in objective.windows for span in (used.long, used.short)}):
        if (window >= _SLOW) == slow:
            yield from _window_recordings(objective, str(window), labels)


def _window_recordings(objective: Objective, window: str, labels: dict[str, str]) -> Iterable[Recording]:
    bad, total = (text.replace("${window}", window) for text in (objective.bad, objective.total))
    counted = f"objective:bad_events:increase{window}"
    chosen = f'{counted}{{objective="{objective.name}"}}'
    yield Recording(counted, bad, labels, f"Bad events of an objective in {window}.")
    ratio = f"{chosen} / ignoring (objective) (({total}) > 0)"
    yield Recording(f"objective:errors:ratio_rate{window}", ratio, labels, f"Share of bad events in {window}.")


def objective_families() -> Iterable[Family]:
    """What dashboards may read of objectives, whether a pack in force has one or not."""
    labels = ("objective",)
    yield Family("objective:target:ratio", Kind.GAUGE, labels=labels)
    for window in sorted({span for used in WINDOWS for span in (used.long, used.short)}):
        yield Family(f"objective:errors:ratio_rate{window}", Kind.GAUGE, labels=labels)
        yield Family(f"objective:bad_events:increase{window}", Kind.GAUGE, labels=labels)


def burn_alert(
    objective: Objective, entry: ObjectiveEntry, source: Source, around: Surroundings, problems: Problems
) -> Alert:
    """One name, with a rule that pages and a rule that opens a ticket."""
    name = alert_name(objective.name)
    rules = [_rule(objective, entry, around, name, pages=pages) for pages in (True, False)]
    known = {**entry.values, "budget": objective.budget, "target": objective.target}
    fill = Filler(known, source, problems)
    return Alert(
        name=name,
        group=f"{around.pack.name}-objectives-alerts",
        rules=tuple(rule for rule in rules if rule),
        values={"target": objective.target},
        runbook=entry.runbook.strip(),
        cases=build_cases(entry.cases, fill),
        objective=objective.name,
    )


def _rule(
    objective: Objective, entry: ObjectiveEntry, around: Surroundings, name: str, *, pages: bool
) -> AlertRule | None:
    windows = [window for window in objective.windows if window.pages == pages]
    if not windows:
        return None
    severity, priority = (Severity.CRITICAL, Priority.P1) if pages else (Severity.WARNING, Priority.P3)
    channels = entry.channels if pages else [name for name in entry.channels if name not in ("pagerduty", "phone")]
    escalate = Escalate.MATRIX if pages else Escalate.NONE
    labels = standard_labels(
        around.pack.name, name, severity, priority, Notify.IMMEDIATE, channels, escalate.value, "symptom", _KEEP[pages]
    )
    pace = "within days" if pages else "before the month ends"
    description = (
        f"{{{{ $value | humanizePercentage }}}} of the events counted by {objective.name} are bad on "
        f"{{{{ $labels.service }}}}; {objective.budget * 100:.4g}% may be. At this pace the budget is gone {pace}."
    )
    summary = f"The error budget of {objective.title} is burning."
    return AlertRule(
        expr="\nor\n".join(_condition(objective, window) for window in windows),
        hold=_HOLD[pages],
        keep=_KEEP[pages],
        labels=labels | {"objective": objective.name},
        annotations=around.annotations(name, priority, summary, description),
    )


def _condition(objective: Objective, window: BurnWindow) -> str:
    limit = f"{window.factor * objective.budget:.12g}"
    chosen = f'{{objective="{objective.name}"}}'
    return (
        "(\n"
        f"  objective:errors:ratio_rate{window.long}{chosen} > {limit}\n"
        f"  and objective:errors:ratio_rate{window.short}{chosen} > {limit}\n"
        f"  and objective:bad_events:increase{window.long}{chosen} >= {MINIMUM_BAD_EVENTS}\n"
        ")"
    )
