"""Who is told of what, for people: `alertmanager/ROUTES.md`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..model import Alert, AlertRule, Artifact, Pack, PackSet
from ..routes import plan, receivers_of
from ..routing import Destination, Routing
from ..yamltext import MARK

_INTRODUCTION = """\
# Who is told

Which receivers each alert reaches, how soon, and again when. The tests ask Alertmanager's own `amtool` for every line.

An alert that fires again within its cooldown is the same alert: it goes on firing for so long after it has ended.
While nothing changes, receivers are reminded every {reminders}. Digests are sent {digests} (UTC).
"""


def compile_routing_table(packs: PackSet) -> Iterable[Artifact]:
    """`alertmanager/ROUTES.md`."""
    introduction = _INTRODUCTION.format(reminders=_reminders(packs.routing), digests=_digests(packs.routing))
    lines = [
        f"<!-- {MARK} -->\n",
        introduction,
        *_receivers(packs),
        *(_chapter(pack, packs) for pack in packs.packs if pack.alerts),
    ]
    text = "\n".join(lines).rstrip("\n")
    yield Artifact("alertmanager/ROUTES.md", f"{text}\n".encode())


def _reminders(routing: Routing) -> str:
    return ", ".join(f"{span} ({priority})" for priority, span in sorted(routing.timing.reminders.items()))


def _digests(routing: Routing) -> str:
    said = []
    for notify, digest in routing.digests.items():
        days = f"on {', '.join(digest.weekdays)} " if digest.weekdays else ""
        more = f" and {len(digest.times) - 1} times more" if len(digest.times) > 1 else ""
        said.append(f"{notify} {days}from {digest.times[0].replace('-', ' to ')}{more}")
    return "; ".join(said)


def _receivers(packs: PackSet) -> Iterator[str]:
    yield "## Receivers\n"
    yield "| receiver | who | by |"
    yield "|---|---|---|"
    yield "| watchdog | who expects the watchdog, and calls when it stays away | webhook |"
    if packs.routing.log:
        yield "| log | the log of all alerts | webhook |"
    for name, there in plan(packs).receivers.items():
        channel, _, severity = name.partition("-") if name not in packs.routing.channels else (name, "", "")
        who = packs.routing.channels[channel].who + (f" ({severity} ones)" if severity else "")
        yield f"| {name} | {who} | {_ways(there)} |"
    yield ""


def _ways(there: Destination) -> str:
    ways = {
        "email": there.email and there.email.to,
        "PagerDuty": there.pagerduty and there.pagerduty.key,
        "Slack": there.slack and there.slack.channel,
        "SMS": there.sms and there.sms.number,
        "Telegram": there.telegram and there.telegram.chat,
        "webhook": there.webhook and there.webhook.url,
    }
    return "; ".join(f"{way} {to}" for way, to in ways.items() if to)


def _chapter(pack: Pack, packs: PackSet) -> str:
    rows = [_row(alert, rule, packs.routing) for alert in pack.alerts for rule in alert.rules]
    head = [
        "| alert | severity | priority | told | cooldown | in maintenance | escalates | receivers |",
        "|" + "---|" * 8,
    ]
    return "\n".join([f"## {pack.title}\n", *head, *rows, ""])


def _row(alert: Alert, rule: AlertRule, routing: Routing) -> str:
    labels = rule.labels
    receivers = receivers_of(routing, {"alertname": alert.name, **labels})
    cells = (
        alert.name,
        labels["severity"],
        labels["priority"],
        {"immediate": "at once"}.get(labels["notify"], labels["notify"]),
        labels.get("cooldown", ""),
        "told" if labels.get("during_maintenance") == "notify" else "",
        labels["escalate"].replace("none", ""),
        ", ".join(receivers),
    )
    return f"| {' | '.join(cells)} |"
