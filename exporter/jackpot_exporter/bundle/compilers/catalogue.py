"""The metric reference: every declared family with its meaning and the alerts that read it, then the recordings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

from ..model import Artifact, Family, PackSet, Recording
from ..promql import read
from ..yamltext import MARK

_INTRODUCTION = """\
# Metrics

What the exporter and its neighbours export, and which alerts read it directly. `job`, `instance` and `service` come
from the scrape configuration and stand on every series. What begins with `jackpot_` and comes from the exporter itself
begins with the namespace of the watched system: where that is `poker`, `jackpot_up` is `poker_up`.
"""

_SUFFIXES = ("", "_bucket", "_sum", "_count")


def compile_catalogue(packs: PackSet) -> Iterable[Artifact]:
    """`prometheus/METRICS.md`."""
    readers = _readers(packs)
    sources: dict[str, list[Family]] = defaultdict(list)
    first = next((family.namespace for family in packs.families.values() if family.namespace), "")
    for family in packs.families.values():
        if family.namespace in ("", first):
            sources[family.source].append(family)
    parts = [f"<!-- {MARK} -->\n", _INTRODUCTION]
    parts += ["\n".join(_source(name, sources[name], readers)) for name in sorted(sources)]
    parts.append("\n".join(_recordings(packs)))
    text = "\n".join(parts).rstrip("\n")
    yield Artifact("prometheus/METRICS.md", f"{text}\n".encode())


def _source(name: str, families: list[Family], readers: Mapping[str, set[str]]) -> Iterator[str]:
    yield f"## {name}\n"
    yield "| family | type | labels | meaning | alerts |"
    yield "|---|---|---|---|---|"
    for family in sorted(families, key=lambda family: family.name):
        alerts = sorted(set().union(*(readers.get(_bare(family) + suffix, ()) for suffix in _SUFFIXES)))
        links = ", ".join(f"[{alert}](RUNBOOK.md#{alert.lower()})" for alert in alerts)
        labels = ", ".join(family.labels)
        yield f"| `{family.name}` | {family.kind} | {labels} | {_cell(family.help)} | {links} |"
    yield ""


def _recordings(packs: PackSet) -> Iterator[str]:
    yield "## Recording rules\n"
    yield "| series | labels | meaning |"
    yield "|---|---|---|"
    recordings = [one for pack in packs.packs for group in pack.groups for one in group.recordings]
    for name in sorted({recording.record for recording in recordings}):
        yield _recorded(name, [recording for recording in recordings if recording.record == name])


def _recorded(name: str, recordings: list[Recording]) -> str:
    labels = sorted({label for recording in recordings for label in recording.labels})
    return f"| `{name}` | {', '.join(labels)} | {_cell(recordings[0].help)} |"


def _readers(packs: PackSet) -> Mapping[str, set[str]]:
    readers: dict[str, set[str]] = defaultdict(set)
    bare = {family.name + suffix: _bare(family) + suffix for family in packs.families.values() for suffix in _SUFFIXES}
    for alert in packs.alerts:
        for rule in alert.rules:
            for name in read(rule.expr).names:
                readers[bare.get(name, name)].add(alert.name)
    return readers


def _bare(family: Family) -> str:
    """The same for the families of all namespaces."""
    return f"NS_{family.bare_name}" if family.namespace else family.name


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
