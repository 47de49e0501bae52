"""The runbook and the reference: every link leads somewhere and every name in the text exists."""

from __future__ import annotations

import re

from jackpot_exporter.bundle import Artifact, PackSet


def text_of(artifacts: list[Artifact], path: str) -> str:
    return next(artifact.content.decode() for artifact in artifacts if artifact.path == path)


def test_every_runbook_link_leads_to_a_section(artifacts: list[Artifact], packs: PackSet) -> None:
    headings = re.findall(r"^### (\w+)$", text_of(artifacts, "prometheus/RUNBOOK.md"), re.MULTILINE)
    anchors = {heading.lower() for heading in headings}
    urls = [rule.annotations["runbook_url"] for alert in packs.alerts for rule in alert.rules]

    assert len(anchors) == len(headings)
    assert all(url.partition("#")[2] in anchors for url in urls)
    assert all(url.partition("#")[0].endswith("/RUNBOOK.md") for url in urls)


def test_every_section_tells_four_things(packs: PackSet) -> None:
    parts = ("**What it means", "**Do.**", "**Call.**")
    lacking = [(alert.name, part) for alert in packs.alerts for part in parts if part not in alert.runbook]

    assert lacking == []


def test_fences_stand_alone_and_are_closed(artifacts: list[Artifact]) -> None:
    text = text_of(artifacts, "prometheus/RUNBOOK.md")
    fences = [line for line in text.splitlines() if "```" in line]

    assert [line for line in fences if not re.fullmatch(r"```(sh|promql)?", line)] == []
    assert [line != "```" for line in fences] == [True, False] * (len(fences) // 2)


def test_alerts_named_in_the_text_exist(artifacts: list[Artifact], packs: PackSet) -> None:
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][A-Za-z0-9]+)+)`", text_of(artifacts, "prometheus/RUNBOOK.md")))

    assert named - {alert.name for alert in packs.alerts} == set()


def test_reference_lists_every_family_and_recording(artifacts: list[Artifact], packs: PackSet) -> None:
    """What every watched service has stands there once, by its name of the first."""
    text = text_of(artifacts, "prometheus/METRICS.md")
    families = {name for name, family in packs.families.items() if family.namespace in ("", "jackpot")}
    recordings = {r.record for pack in packs.packs for group in pack.groups for r in group.recordings}

    assert [name for name in families | recordings if f"| `{name}` |" not in text] == []


def test_commands_in_the_text_run_on_this_schema(artifacts: list[Artifact]) -> None:
    """The mistakes of the procedures that these replace: a reserved word unquoted, columns of old versions."""
    text = text_of(artifacts, "prometheus/RUNBOOK.md")

    assert re.search(r"(?<!exec)(?<!_)\b(mean_time|total_time)\b", text) is None
    assert re.search(r"select group\b", text, re.IGNORECASE) is None
    assert "localhost:3000/health" not in text
