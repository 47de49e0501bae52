"""The routing of Alertmanager as a plan: routes, receivers, inhibitions and times, before any format.

One continuing route stands for each channel, so an alert reaches all that it names. Below it: digests, then the
priorities with their reminders, then the cooldowns. Only what some alert of the channel uses is written.

An alert is told again no sooner than its cooldown, which `keep_firing_for` holds while it flaps. The interval of a
group is at most half the time between reminders, because Alertmanager looks at reminders at these intervals only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from .durations import Duration
from .model import AlertKind, AlertRule, Labels, Notify, PackSet, Priority, Severity
from .routing import Channel, Destination, Digest, Routing, Timing

WATCHDOG = "Watchdog"
MAINTENANCE = "MaintenanceWindow"
GROUPED_BY = ("pack", "service", "incident", "severity")
_LOGGED_AGAIN = Duration.parse("1d")


@dataclass(frozen=True, slots=True)
class Matcher:
    """`name operator value` on a label."""

    name: str
    operator: str
    value: str

    def __str__(self) -> str:
        return f'{self.name}{self.operator}"{self.value}"'


@dataclass(frozen=True, slots=True)
class Route:
    """A node of the tree; `receiver` is empty where the parent's holds."""

    receiver: str = ""
    matchers: tuple[Matcher, ...] = ()
    is_last: bool = True
    group_by: tuple[str, ...] = ()
    group_wait: Duration | None = None
    group_interval: Duration | None = None
    repeat_interval: Duration | None = None
    active: str = ""
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class Inhibition:
    """While `source` fires, `target` is told to nobody."""

    name: str
    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    root: Route
    receivers: Mapping[str, Destination]
    """By name; the watchdog's and the log's are not among them."""
    inhibitions: tuple[Inhibition, ...] = ()
    digests: Mapping[str, Digest] = field(default_factory=dict)


def plan(packs: PackSet) -> Plan:
    """The plan for these packs and their routing."""
    routing = packs.routing
    rules = [rule for alert in packs.alerts for rule in alert.rules]
    root = Route(
        receiver=routing.unrouted,
        group_by=GROUPED_BY,
        group_wait=routing.timing.group_wait,
        group_interval=routing.timing.group_interval,
        repeat_interval=_reminder(routing.timing, Priority.P3),
        routes=tuple(_branches(routing, rules)),
    )
    used = {Notify(rule.labels["notify"]) for rule in rules} - {Notify.IMMEDIATE}
    digests = {notify.value: routing.digests[notify] for notify in Notify if notify in used}
    return Plan(root, dict(_receivers(routing)), tuple(_inhibitions(packs)), digests)


def receivers_of(routing: Routing, labels: Labels) -> list[str]:
    """Whom an alert with these labels must reach, from the labels alone: the routes are tested against this."""
    if labels.get("alertname") == WATCHDOG:
        return ["watchdog"]
    log = ["log"] if routing.log else []
    named = [name for name in labels.get("channels", "").split("/") if name in routing.channels]
    if not named and labels.get("severity") != Severity.NONE:
        named = [routing.unrouted]
    return log + [_receiver_name(routing, name, labels.get("severity", "")) for name in sorted(named)] or log


def _receiver_name(routing: Routing, channel: str, severity: str) -> str:
    return f"{channel}-{severity}" if severity in routing.channels[channel].by_severity else channel


def _receivers(routing: Routing) -> Iterator[tuple[str, Destination]]:
    for name, channel in sorted(routing.channels.items()):
        yield name, channel
        for severity, there in channel.by_severity.items():
            yield f"{name}-{severity}", there


def _branches(routing: Routing, rules: list[AlertRule]) -> Iterator[Route]:
    beat = routing.watchdog.interval
    yield Route(
        receiver="watchdog",
        matchers=(Matcher("alertname", "=", WATCHDOG),),
        group_wait=Duration(),
        group_interval=beat,
        # Below two intervals: at exactly two the message would wait for the third.
        repeat_interval=_share(beat, 5, 3),
    )
    if routing.log:
        yield Route(
            receiver="log",
            is_last=False,
            group_by=("...",),
            group_wait=Duration(),
            group_interval=min(routing.timing.group_interval, Duration.parse("1m")),
            repeat_interval=_LOGGED_AGAIN,
        )
    for name, channel in sorted(routing.channels.items()):
        yield from _channel_routes(routing, name, channel, rules)
    known = "|".join(sorted(routing.channels))
    yield from _split(
        routing,
        routing.unrouted,
        (Matcher("channels", "!~", f".*/({known})/.*"), Matcher("severity", "!=", Severity.NONE)),
        lambda _severities: (),
    )


def _channel_routes(routing: Routing, name: str, channel: Channel, rules: list[AlertRule]) -> Iterator[Route]:
    own = [rule for rule in rules if f"/{name}/" in rule.labels["channels"]]
    elsewhere = set(channel.by_severity)

    def below(severities: frozenset[str] | None) -> tuple[Route, ...]:
        chosen = severities or frozenset(Severity) - elsewhere
        return tuple(_timing_routes(routing, [rule for rule in own if rule.labels["severity"] in chosen]))

    yield from _split(routing, name, (Matcher("channels", "=~", f".*/{name}/.*"),), below)


def _split(
    routing: Routing,
    name: str,
    matchers: tuple[Matcher, ...],
    below: Callable[[frozenset[str] | None], tuple[Route, ...]],
) -> Iterator[Route]:
    """One route for each receiver of a channel: its own, and those of severities that go elsewhere."""
    severities = list(routing.channels[name].by_severity)
    for severity in severities:
        own = (*matchers, Matcher("severity", "=", severity))
        yield Route(f"{name}-{severity}", own, is_last=False, routes=below(frozenset({severity})))
    rest = (Matcher("severity", "!~", "|".join(severities)),) if severities else ()
    yield Route(name, (*matchers, *rest), is_last=False, routes=below(None))


def _timing_routes(routing: Routing, rules: list[AlertRule]) -> Iterator[Route]:
    for notify, digest in routing.digests.items():
        if any(rule.labels["notify"] == notify for rule in rules):
            yield Route(
                matchers=(Matcher("notify", "=", notify),),
                group_by=("pack", "notify"),
                group_interval=digest.interval,
                repeat_interval=digest.repeat,
                active=notify.value,
            )
    at_once = [rule for rule in rules if rule.labels["notify"] == Notify.IMMEDIATE]
    for priority in Priority:
        own = [rule for rule in at_once if rule.labels["priority"] == priority]
        if own:
            yield _priority_route(routing.timing, priority, own)


def _priority_route(timing: Timing, priority: Priority, rules: list[AlertRule]) -> Route:
    limit = _share(timing.reminders[priority], 1, 2)
    usual = min(timing.group_interval, limit)
    classes: dict[Duration, list[str]] = {}
    for keep in sorted({rule.keep for rule in rules if "cooldown" in rule.labels}):
        classes.setdefault(min(keep, limit), []).append(str(keep))
    return Route(
        matchers=(Matcher("priority", "=", priority),),
        group_interval=usual,
        repeat_interval=_reminder(timing, priority),
        routes=tuple(
            Route(matchers=(_one_of("cooldown", cooldowns),), group_interval=interval)
            for interval, cooldowns in classes.items()
            if interval != usual
        ),
    )


def _reminder(timing: Timing, priority: Priority) -> Duration:
    """A little sooner than promised: the next look after the exact time would be one interval late."""
    return _share(timing.reminders[priority], 14, 15)


def _share(span: Duration, times: int, parts: int) -> Duration:
    return Duration(span.milliseconds * times // parts)


def _one_of(name: str, values: Iterable[str]) -> Matcher:
    listed = list(values)
    return Matcher(name, "=~" if len(listed) > 1 else "=", "|".join(listed))


_OURS = Matcher("pack", "!=", "")
"""On both sides of an inhibition: labels that both sides lack are equal, and foreign alerts would mute each other."""
_NO_ESCALATION = Matcher("escalation_level", "=", "")


def _inhibitions(packs: PackSet) -> Iterator[Inhibition]:
    yield Inhibition(
        "critical over warning",
        (Matcher("severity", "=", Severity.CRITICAL), _NO_ESCALATION, _OURS),
        (Matcher("severity", "=~", f"{Severity.WARNING}|{Severity.INFO}"), _NO_ESCALATION, _OURS),
        ("pack", "service", "incident"),
    )
    symptoms = {
        rule.labels["incident"]
        for alert in packs.alerts
        for rule in alert.rules
        # Money and integrity are told whatever else is wrong.
        if rule.labels["kind"] == AlertKind.SYMPTOM and "during_maintenance" not in rule.labels
    }
    incidents = {alert.name: alert.rules[0].labels.get("incident", "") for alert in packs.alerts}
    for dependency in packs.routing.dependencies:
        there = [name for name in dependency.source if name in incidents]
        others = sorted(symptoms - {incidents[name] for name in there} - _above(packs, dependency.source))
        if there and others:
            yield Inhibition(
                dependency.because,
                (_one_of("alertname", there), _OURS),
                (_one_of("incident", others), _OURS),
                ("pack", "service"),
            )
    yield Inhibition(
        "maintenance",
        (Matcher("alertname", "=", MAINTENANCE), _OURS),
        (Matcher("during_maintenance", "!=", "notify"), Matcher("severity", "!=", Severity.NONE), _OURS),
    )


def _above(packs: PackSet, source: tuple[str, ...]) -> set[str]:
    """Incidents that mute this one: two that mute each other would both be silent."""
    listed = [dependency.source for dependency in packs.routing.dependencies]
    return {name for names in listed[: listed.index(source)] for name in names}
