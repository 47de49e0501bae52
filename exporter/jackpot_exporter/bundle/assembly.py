"""Read packs made into packs in two passes: all recordings have names before any expression is judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from . import checks
from .alerts import Surroundings, build_alert
from .durations import Duration
from .families import Catalogue
from .model import Alert, Family, Group, Objective, Pack, Recording
from .objectives import build_objective, burn_alert, recordings
from .overrides import group_names, interval
from .reading import ReadPack, Values
from .schema import AlertEntry, ObjectiveEntry
from .source import Problems, Source

DEFAULT_RETENTION = Duration.parse("15d")
_OBJECTIVE_INTERVALS = {"": Duration.parse("30s"), "-slow": Duration.parse("2m"), "-alerts": Duration.parse("30s")}
"""Slow ones every 2 m, not longer: a recording older than 5 m is gone for whoever reads it."""


class Assembly:
    """Builds the packs, collecting problems and the remarks that stop nothing."""

    def __init__(
        self, families: Mapping[str, Family], channels: Mapping[str, str], values: Values, problems: Problems
    ) -> None:
        self._families = families
        self._channels = channels
        self._values = values
        self._problems = problems
        self.remarks: list[str] = []

    def build(self, packs: Sequence[ReadPack]) -> list[Pack]:
        objectives = [self._objectives(pack) for pack in packs]
        world = self._world(packs, objectives)
        built = [self._pack(pack, found, world) for pack, found in zip(packs, objectives, strict=True)]
        self._check_names(packs)
        return built

    def _objectives(self, pack: ReadPack) -> list[Objective]:
        found = []
        for entry, source in pack.objectives:
            objective, remarks = build_objective(entry, source, self._problems)
            found.append(objective)
            self.remarks += remarks
        return found

    def _world(self, packs: Sequence[ReadPack], objectives: Sequence[Sequence[Objective]]) -> checks.World:
        written = [recording for pack in packs for recording, _ in _recordings(pack)]
        derived = [
            recording
            for found in objectives
            for objective in found
            for is_slow in (False, True)
            for recording in recordings(objective, slow=is_slow)
        ]
        catalogue = Catalogue.of(self._families.values()).with_recordings([*written, *derived])
        return checks.World(catalogue, self._values.entry.retention or DEFAULT_RETENTION, self._channels)

    def _pack(self, pack: ReadPack, objectives: Sequence[Objective], world: checks.World) -> Pack:
        around = Surroundings(pack.entry, self._values.entry)
        alerts = [self._alert(entry, source, around, world) for entry, source in pack.alerts]
        burns = [
            self._burn(objective, entry, source, around, world)
            for objective, (entry, source) in zip(objectives, pack.objectives, strict=True)
        ]
        for recording, source in _recordings(pack):
            self._problems.add(*checks.check_expression(recording.expr, world, source, "expr"))
        entry = pack.entry
        groups = (*_own_groups(pack, alerts), *self._objective_groups(entry.name, objectives, burns))
        return Pack(entry.name, entry.title, entry.description.strip(), entry.dashboard_uid, groups, tuple(objectives))

    def _alert(self, entry: AlertEntry, source: Source, around: Surroundings, world: checks.World) -> Alert:
        alert = build_alert(entry, source, around, self._problems)
        self._problems.add(*checks.check_entry(entry, world, around.pack.groups, source))
        self._problems.add(*checks.check_expression(alert.rules[0].expr, world, source, "expr"))
        self._problems.add(*checks.check_texts(alert, world, source, has_entry=True))
        self._problems.add(*checks.check_cases(alert, world, source))
        return alert

    def _burn(
        self, objective: Objective, entry: ObjectiveEntry, source: Source, around: Surroundings, world: checks.World
    ) -> Alert:
        longest = max((window.long for window in objective.windows), default=Duration.parse("5m"))
        for name, text in (("bad", objective.bad), ("total", objective.total)):
            expression = text.replace("${window}", str(longest))
            self._problems.add(*checks.check_expression(expression, world, source, name))
        self._problems.add(*checks.check_channels(entry.channels, world, source))
        alert = burn_alert(objective, entry, source, around, self._problems)
        self._problems.add(*checks.check_texts(alert, world, source, has_entry=False))
        self._problems.add(*checks.check_cases(alert, world, source))
        return alert

    def _objective_groups(self, pack: str, objectives: Sequence[Objective], burns: Sequence[Alert]) -> Iterator[Group]:
        names = {part: f"{pack}-objectives{part}" for part in _OBJECTIVE_INTERVALS}
        spans = {part: interval(self._values, names[part], _OBJECTIVE_INTERVALS[part]) for part in names}
        fast, slow = (
            tuple(recording for objective in objectives for recording in recordings(objective, slow=is_slow))
            for is_slow in (False, True)
        )
        for part, written, alerts in (("", fast, ()), ("-slow", slow, ()), ("-alerts", (), tuple(burns))):
            if written or alerts:
                yield Group(names[part], spans[part], names[""], written, alerts)

    def _check_names(self, packs: Sequence[ReadPack]) -> None:
        alerts = [(entry.alert, source) for pack in packs for entry, source in pack.alerts]
        objectives = [(entry.objective, source) for pack in packs for entry, source in pack.objectives]
        groups = [
            (name, replace(pack.source, way=("groups", name), name=name))
            for pack in packs
            for name in group_names(pack.entry)
        ]
        records = [
            (f"{recording.record} {sorted(recording.labels.items())}", source)
            for pack in packs
            for recording, source in _recordings(pack)
        ]
        self._problems.add(*checks.check_unique(alerts, "alert", "alert"))
        self._problems.add(*checks.check_unique(objectives, "objective", "objective"))
        self._problems.add(*checks.check_unique(groups, "group"))
        self._problems.add(*checks.check_unique(records, "recording", "record"))


def _recordings(pack: ReadPack) -> Iterator[tuple[Recording, Source]]:
    for name, group in pack.entry.groups.items():
        for index, entry in enumerate(group.recordings):
            source = replace(pack.source, way=("groups", name, "recordings", index), name=entry.record)
            yield Recording(entry.record, entry.expr.strip(), entry.labels, entry.help), source


def _own_groups(pack: ReadPack, alerts: Sequence[Alert]) -> Iterator[Group]:
    """The groups that the pack writes itself, those without a rule left out."""
    recorded = list(_recordings(pack))
    for name, entry in pack.entry.groups.items():
        written = tuple(recording for recording, source in recorded if source.way[1] == name)
        held = tuple(alert for alert in alerts if alert.group == name)
        if written or held:
            yield Group(name, entry.interval, pack.entry.name, written, held)
