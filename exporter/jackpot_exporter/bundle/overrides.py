"""A site's values laid over the entries of the packs; what names nothing, or changes a value's kind, is a problem."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from .durations import Duration
from .reading import ReadPack, Values
from .schema import AlertEntry, AlertOverride, ObjectiveEntry, ObjectiveOverride, PackFile
from .source import Problems, Source, nearest
from .substitution import Scalar

DASHBOARDS = "dashboards"
"""The group of the recordings that only dashboards read."""


def override(packs: Sequence[ReadPack], values: Values, problems: Problems) -> list[ReadPack]:
    """The packs, alerts and objectives that are in force, with their overrides applied."""
    _check_names(packs, values, problems)
    in_force = [pack for pack in packs if not _is_disabled(values.entry.packs.get(pack.entry.name))]
    return [_override_pack(pack, values, problems) for pack in in_force]


def group_names(pack: PackFile) -> list[str]:
    """The groups that a pack may have, those of its objectives included."""
    return [*pack.groups, *(f"{pack.name}-objectives{part}" for part in ("", "-slow", "-alerts"))]


def _override_pack(pack: ReadPack, values: Values, problems: Problems) -> ReadPack:
    alerts = [
        _override_alert(entry, source, values, problems)
        for entry, source in pack.alerts
        if not _is_disabled(values.entry.alerts.get(entry.alert))
    ]
    objectives = [
        _override_objective(entry, source, values, problems)
        for entry, source in pack.objectives
        if not _is_disabled(values.entry.objectives.get(entry.objective))
    ]
    groups = {
        name: group.model_copy(update={"interval": values.entry.groups[name].interval})
        if name in values.entry.groups
        else group
        for name, group in pack.entry.groups.items()
    }
    entry = pack.entry.model_copy(update={"groups": groups})
    return replace(pack, entry=entry, alerts=tuple(alerts), objectives=tuple(objectives))


def _override_alert(entry: AlertEntry, source: Source, values: Values, problems: Problems) -> tuple[AlertEntry, Source]:
    change = values.entry.alerts.get(entry.alert)
    if change is None:
        return entry, source
    own = values.sources["alerts", entry.alert]
    fields = change.model_fields_set - {"disabled", "values"}
    update = {name: getattr(change, name) for name in fields if getattr(change, name) is not None}
    update["values"] = _override_values(entry.values, change, own, problems)
    aliased = {"for" if name == "for_" else name for name in (*fields, "values")}
    return entry.model_copy(update=update), source.overridden_by(own, aliased)


def _override_objective(
    entry: ObjectiveEntry, source: Source, values: Values, problems: Problems
) -> tuple[ObjectiveEntry, Source]:
    change = values.entry.objectives.get(entry.objective)
    if change is None:
        return entry, source
    own = values.sources["objectives", entry.objective]
    fields = change.model_fields_set - {"disabled", "values"}
    update = {name: getattr(change, name) for name in fields if getattr(change, name) is not None}
    update["values"] = _override_values(entry.values, change, own, problems)
    return entry.model_copy(update=update), source.overridden_by(own, (*fields, "values"))


def _override_values(
    shipped: Mapping[str, Scalar], change: AlertOverride | ObjectiveOverride, own: Source, problems: Problems
) -> dict[str, Scalar]:
    for name, value in change.values.items():
        if name not in shipped:
            known = ", ".join(shipped) or "it has none"
            remedy = nearest(name, shipped, f"values to override: {known}")
            problems.add(own.problem(f'"{name}" is not one of its values', "values", name, remedy=remedy))
        elif isinstance(value, str) != isinstance(shipped[name], str):
            kind = "a duration" if isinstance(shipped[name], str) else "a number"
            problems.add(own.problem(f"{name} is {kind}", "values", name, remedy=f"for example {shipped[name]}"))
    return {**shipped, **{name: value for name, value in change.values.items() if name in shipped}}


def _check_names(packs: Sequence[ReadPack], values: Values, problems: Problems) -> None:
    known: dict[str, Iterable[str]] = {
        "packs": [pack.entry.name for pack in packs],
        "groups": [*(name for pack in packs for name in group_names(pack.entry)), DASHBOARDS],
        "alerts": [entry.alert for pack in packs for entry, _ in pack.alerts],
        "objectives": [entry.objective for pack in packs for entry, _ in pack.objectives],
    }
    for (section, name), source in values.sources.items():
        names = list(known[section])
        if name not in names:
            what = section.removesuffix("s")
            remedy = nearest(name, names, f"{section} are listed in RUNBOOK.md" if section == "alerts" else "")
            problems.add(source.problem(f"no pack has this {what}", remedy=remedy))


def _is_disabled(entry: object) -> bool:
    return bool(getattr(entry, "disabled", False))


def interval(values: Values, group: str, otherwise: Duration) -> Duration:
    """The interval of a group that no pack file lists."""
    change = values.entry.groups.get(group)
    return change.interval if change else otherwise
