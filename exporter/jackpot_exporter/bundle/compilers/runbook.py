"""The runbook: one section an alert, so that the link in a notification lands on what to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..durations import Duration
from ..model import Alert, AlertRule, Artifact, Objective, Pack, PackSet
from ..substitution import as_text
from ..yamltext import MARK

_INTRODUCTION = """\
# Runbook

One section an alert, by pack. Each says what the alert means, how to confirm it, what to do and whom to call.

To acknowledge, silence the label `incident` of the alert: that mutes the alert, its warning or critical twin and every
escalation of it, and nothing else. `jackpot-exporter alerts ack NAME` does the same. Commands assume the connection
settings of psql and redis-cli in the environment (`PGHOST`, `PGUSER`, `PGDATABASE`; `REDISCLI_AUTH`).
"""


def compile_runbook(packs: PackSet) -> Iterable[Artifact]:
    """`prometheus/RUNBOOK.md`."""
    parts = [
        f"<!-- {MARK} -->\n",
        _INTRODUCTION,
        *_contents(packs),
        *(_chapter(pack) for pack in packs.packs if pack.alerts),
    ]
    text = "\n".join(parts).rstrip("\n")
    yield Artifact("prometheus/RUNBOOK.md", f"{text}\n".encode())


def _contents(packs: PackSet) -> Iterator[str]:
    yield "| alert | severity | says |"
    yield "|---|---|---|"
    for alert in packs.alerts:
        severities = " / ".join(rule.labels["severity"] for rule in alert.rules)
        summary = _cell(alert.rules[0].annotations["summary"])
        yield f"| [{alert.name}](#{alert.name.lower()}) | {severities} | {summary} |"
    yield ""


def _chapter(pack: Pack) -> str:
    objectives = {objective.name: objective for objective in pack.objectives}
    sections = [_section(alert, objectives.get(alert.objective)) for alert in pack.alerts]
    return "\n".join([f"## {pack.title}\n", f"{pack.description}\n", *sections])


def _section(alert: Alert, objective: Objective | None) -> str:
    facts = [_facts(rule) for rule in alert.rules]
    values = ", ".join(f"`{name}` {as_text(value)}" for name, value in alert.values.items())
    parts = [
        f"### {alert.name}\n",
        f"{alert.rules[0].annotations['summary']}\n",
        *facts,
        _promise(objective) if objective else "",
        f"Values to override in a site's own values: {values}.\n" if values else "",
        f"{alert.runbook}\n",
    ]
    return "\n".join(part for part in parts if part)


def _promise(objective: Objective) -> str:
    """What is counted; `$window` stands for each of the windows."""
    bad, total = (text.replace("${window}", "$window") for text in (objective.bad, objective.total))
    return (
        f"Promised are {objective.target:g} % of good events. Counted are the bad ones and all:\n\n"
        f"```promql\n{bad}\n```\n\n```promql\n{total}\n```\n"
    )


def _facts(rule: AlertRule) -> str:
    labels = rule.labels
    channels = ", ".join(part for part in labels.get("channels", "").split("/") if part) or "nobody by itself"
    told = {"immediate": "at once"}.get(labels["notify"], f"in the {labels['notify']} digest")
    lines = [
        f"- {labels['severity']}, {labels['priority']}; tells {channels} {told}",
        *_answer(rule),
        f"- fires {_when(rule.hold)} this holds{_keeps(rule.keep)}:\n",
    ]
    return "\n".join(lines) + f"\n```promql\n{rule.expr}\n```\n"


def _answer(rule: AlertRule) -> Iterator[str]:
    if "response_time" in rule.annotations:
        escalates = {
            "matrix": "; unacknowledged: the team lead after 15 m, management after 1 h, the executive after 4 h",
            "fast": "; unacknowledged: the team lead after 15 m, the engineering manager after 30 m",
            "error": "; unacknowledged: the on-call engineer again after 15 m, the team lead after 1 h",
        }.get(rule.labels.get("escalate", ""), "")
        yield f"- to be answered within {rule.annotations['response_time']}{escalates}"
    if rule.labels.get("during_maintenance") == "notify":
        yield "- not muted by the maintenance window"


def _when(hold: Duration) -> str:
    return f"after {hold} in which" if hold else "as soon as"


def _keeps(keep: Duration) -> str:
    return f", and for {keep} after it has ended" if keep else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
