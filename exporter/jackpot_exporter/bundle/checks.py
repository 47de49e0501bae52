"""Judging alerts, recordings and objectives against what exists: every way in which a rule could silently never fire.

Each check yields problems with a place and a remedy, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..errors import Problem
from ..model import Kind
from . import wording
from .durations import ZERO, Duration
from .families import Catalogue
from .model import TARGET_LABELS, Alert, Case, Notify
from .promql import Expression, Selector, read, read_series
from .schema import AlertEntry
from .source import Source, nearest
from .substitution import holes


@dataclass(frozen=True, slots=True)
class World:
    """What expressions are judged against."""

    catalogue: Catalogue
    retention: Duration
    channels: Mapping[str, str]


def check_expression(text: str, world: World, source: Source, *steps: str | int) -> Iterator[Problem]:
    """Bad PromQL, unknown metrics and labels, ranges beyond retention, limits between buckets."""
    try:
        expression = read(text)
    except ValueError as error:
        yield source.problem(f"{'.'.join(map(str, steps))} is not PromQL: {error}", *steps, remedy="see the reason")
        return
    for selector in expression.selectors:
        yield from _check_selector(selector, world, source, *steps)
    yield from _check_grouping(expression, world, source, *steps)
    yield from _check_quantiles(expression, world, source, *steps)


def _check_selector(selector: Selector, world: World, source: Source, *steps: str | int) -> Iterator[Problem]:
    family = world.catalogue.readable.get(selector.name)
    if family is None:
        remedy = nearest(selector.name, world.catalogue.readable, "declare it where it is exported, or in pack.yaml")
        yield source.problem(f'no collector and no pack declares "{selector.name}"', *steps, remedy=remedy)
        return
    known = {*family.labels, *TARGET_LABELS}
    for label in sorted(selector.matched - known):
        remedy = nearest(label, known, f"it has {', '.join(sorted(known))}")
        yield source.problem(f'{selector.name} has no label "{label}"', *steps, remedy=remedy)
    if selector.reach > world.retention:
        message = f"{selector.name} is read {selector.reach} back, and Prometheus keeps {world.retention}"
        yield source.problem(message, *steps, remedy="read less far back, or raise retention in values.yaml")
    if family.kind is Kind.HISTOGRAM and "le" in selector.equal:
        yield from _check_bucket(selector, family.buckets, source, *steps)


def _check_bucket(
    selector: Selector, buckets: tuple[float, ...], source: Source, *steps: str | int
) -> Iterator[Problem]:
    written = [*(repr(float(bucket)) for bucket in buckets), "+Inf"]
    if selector.equal["le"] not in written:
        message = f'{selector.name} has no bucket le="{selector.equal["le"]}", so it would count nothing'
        yield source.problem(message, *steps, remedy=f"buckets: {' '.join(written)}")


def _check_grouping(expression: Expression, world: World, source: Source, *steps: str | int) -> Iterator[Problem]:
    if not expression.names <= world.catalogue.readable.keys():
        return
    known = world.catalogue.labels(expression)
    for label in sorted(expression.grouped_by - known):
        remedy = nearest(label, known, f"labels here: {', '.join(sorted(known))}")
        yield source.problem(f'no series here has the label "{label}"', *steps, remedy=remedy)


def _check_quantiles(expression: Expression, world: World, source: Source, *steps: str | int) -> Iterator[Problem]:
    for limit in expression.quantile_limits:
        families = [world.catalogue.readable[name] for name in limit.names if name in world.catalogue.readable]
        for buckets in (family.buckets for family in families if family.buckets):
            listed = " ".join(f"{bucket:g}" for bucket in buckets)
            if limit.operator in (">", ">=") and limit.limit >= buckets[-1]:
                message = f"a quantile never exceeds the last bucket, so > {limit.limit:g} can never fire"
                yield source.problem(message, *steps, remedy=f"stay below {buckets[-1]:g}; buckets: {listed}")
            elif limit.limit not in buckets:
                message = f"{limit.limit:g} lies between two buckets, where a quantile is a guess"
                yield source.problem(message, *steps, remedy=f"use one of: {listed}")


def check_entry(entry: AlertEntry, world: World, groups: Iterable[str], source: Source) -> Iterator[Problem]:
    """What an alert says about itself: group, channels, digest, values."""
    groups = list(groups)
    if entry.group and entry.group not in groups:
        remedy = nearest(entry.group, groups, f"groups: {', '.join(groups)}")
        yield source.problem(f'pack.yaml has no group "{entry.group}"', "group", remedy=remedy)
    yield from check_channels(entry.channels, world, source)
    if entry.notify.period > entry.keep_firing_for:
        yield _digest_problem(entry.notify, entry.keep_firing_for, source)
    yield from _check_values(entry, source)


def check_channels(channels: Iterable[str], world: World, source: Source) -> Iterator[Problem]:
    for index, channel in enumerate(channels):
        if channel not in world.channels:
            remedy = nearest(channel, world.channels, f"channels: {', '.join(world.channels)}")
            yield source.problem(f'routing.yaml has no channel "{channel}"', "channels", index, remedy=remedy)


def _digest_problem(notify: Notify, keep: Duration, source: Source) -> Problem:
    message = f"a {notify.value} digest would lose it: an alert kept {keep} may end before the digest is sent"
    return source.problem(message, "keep_firing_for", remedy=f"keep_firing_for: {notify.period} or more")


def _check_values(entry: AlertEntry, source: Source) -> Iterator[Problem]:
    used = {name for text in (entry.expr, entry.description) for name in holes(text)}
    for name in entry.values:
        if name not in used:
            yield source.problem(f'the value "{name}" is not used in expr', "values", name, remedy="use it or drop it")


def check_texts(alert: Alert, world: World, source: Source, *, has_entry: bool) -> Iterator[Problem]:
    """Summaries and descriptions print only labels that the alert can have."""
    for rule in alert.rules:
        try:
            expression = read(rule.expr)
        except ValueError:
            return
        known = world.catalogue.labels(expression) | rule.labels.keys()
        for part in ("summary", "description"):
            steps = (part,) if has_entry else ()
            try:
                printed = wording.labels_of(rule.annotations[part])
            except ValueError as error:
                yield source.problem(str(error), *steps)
                continue
            for label in sorted(printed - known):
                remedy = nearest(label, known, f"labels here: {', '.join(sorted(known))}")
                yield source.problem(
                    f'{part} prints the label "{label}", which the alert has not', *steps, remedy=remedy
                )


def check_cases(alert: Alert, world: World, source: Source) -> Iterator[Problem]:
    """The three kinds of case, over series that exist, covering everything the alert reads."""
    for kind in missing_kinds(alert):
        yield source.problem(f"no case where it {kind}", "cases", remedy="add one, written by hand")
    for index, case in enumerate(alert.cases):
        yield from _check_case(alert, case, index, world, source)
    names = [case.name for case in alert.cases]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield source.problem(f'two cases are called "{name}"', "cases", remedy="say what tells them apart")


FIRES, SILENT, WITHOUT_INPUT = "fires", "stays silent just below its threshold", "has no input"
KINDS = (FIRES, SILENT, WITHOUT_INPUT)


def missing_kinds(alert: Alert) -> list[str]:
    """Which of the three kinds of case an alert lacks; one that reads nothing needs only to fire."""
    reads = any(_names(rule.expr) for rule in alert.rules)
    severities = {rule.labels["severity"] for rule in alert.rules}
    fired = {severity_of(alert, firing.labels) for case in alert.cases for firing in case.firing}
    has = {
        FIRES: severities <= fired,
        SILENT: not reads or any(case.series and not case.firing for case in alert.cases),
        WITHOUT_INPUT: not reads or any(not case.series for case in alert.cases),
    }
    return [kind for kind in KINDS if not has[kind]]


def severity_of(alert: Alert, labels: Mapping[str, str]) -> str:
    """Which rule of an alert a firing entry means."""
    return labels.get("severity", alert.rules[0].labels["severity"] if alert.rules else "")


def _names(expr: str) -> frozenset[str]:
    try:
        return read(expr).names
    except ValueError:
        return frozenset()


def _check_case(alert: Alert, case: Case, index: int, world: World, source: Source) -> Iterator[Problem]:
    here = ("cases", index)
    if case.every == ZERO or case.at.milliseconds % max(1, case.every.milliseconds):
        message = f"{case.at} is no multiple of {case.every}, so nothing is evaluated then"
        yield source.problem(message, *here, "at", remedy="choose a multiple of `every`")
    for series in case.series:
        try:
            selector = read_series(series)
        except ValueError:
            remedy = 'write it like jackpot_up{service="demo"}'
            yield source.problem(f'"{series}" is not a series', *here, "series", remedy=remedy)
            continue
        yield from _check_selector(selector, world, source, *here, "series", series)
    severities = {rule.labels["severity"] for rule in alert.rules}
    for at, firing in enumerate(case.firing):
        if severity_of(alert, firing.labels) not in severities:
            yield source.problem("no rule of it has this severity", *here, "firing", at, "labels", "severity")
        elif firing.value is None and any(wording.needs_value(r.annotations["description"]) for r in alert.rules):
            remedy = "add value: what the expression returns there"
            yield source.problem(
                "the description shows $value, and this names none", *here, "firing", at, remedy=remedy
            )


def check_unique(names: Iterable[tuple[str, Source]], what: str, *steps: str) -> Iterator[Problem]:
    """Nothing is called like something before it."""
    seen: dict[str, Source] = {}
    for name, source in names:
        first = seen.setdefault(name, source)
        if first is not source:
            place = first.place(*steps)
            yield source.problem(f"another {what} has this name: {place}", *steps, remedy="rename or remove one")
