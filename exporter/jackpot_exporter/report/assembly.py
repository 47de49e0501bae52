"""A report put together: what is asked, what is made of it, and which servers were silent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ..alerts.history import Episode, read_history
from ..alerts.incidents import Incident, Silence, group
from ..alerts.servers import Alertmanager, Prometheus
from ..errors import SourceError
from ..redaction import redact
from .answers import Answers, Asking, Scope
from .incidents import handled
from .kinds import OUTLINES, Kind, Outline
from .model import Period, Report, Source
from .objectives import Promises, read_promises
from .sections._parts import Material
from .wording import say_seconds, say_time

_NOW_SECONDS = 600.0
"""A report that ended longer ago says nothing of what fires at this moment."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted; `period` as asked for, `made_at` in Unix seconds."""

    kind: Kind
    scope: Scope
    period: Period
    made_at: float

    @property
    def outline(self) -> Outline:
        return OUTLINES[self.kind]

    @property
    def promises(self) -> Promises:
        return read_promises(self.scope.namespace)

    @property
    def steps(self) -> int:
        """How often `progress` is called."""
        outline = self.outline
        more = len(self.promises.questions()) if outline.has("objectives") else 0
        again = 2 if outline.has("capacity") else 1
        return len(outline.questions) + more + (2 if outline.has("alerts") else 0) + again


async def build_report(
    order: Order, prometheus: Prometheus, alertmanager: Alertmanager, progress: Progress = lambda _: None
) -> Report:
    """The report, complete or not; never raises for a server that does not answer."""
    outline, promises = order.outline, order.promises
    more = promises.questions() if outline.has("objectives") else {}
    asking = Asking(prometheus, order.scope, order.period, progress)
    answers = await asking.ask(outline.questions, more)
    material = Material(answers, promises)
    problems = {"Prometheus": next(iter(answers.failures.values()), "")}
    if outline.has("alerts"):
        material, silent = await _with_alerts(order, material, prometheus, alertmanager, progress)
        problems["Alertmanager"] = silent
    return Report(
        order.kind.value,
        outline.title,
        answers.services,
        answers.period,
        order.made_at,
        tuple(Source(name, problem) for name, problem in problems.items()),
        tuple(subject.section(material) for subject in outline.subjects),
        _remarks(order, answers),
    )


async def _with_alerts(
    order: Order, material: Material, prometheus: Prometheus, alertmanager: Alertmanager, progress: Progress
) -> tuple[Material, str]:
    """With incidents, and what Alertmanager said instead of its silences."""
    answers = material.answers
    failures = dict(answers.failures)
    end = datetime.fromtimestamp(answers.period.end, UTC)
    silences, firing = await _held(alertmanager, failures)
    progress("silences")
    episodes = await _history(prometheus, answers, failures, end)
    progress("alerts")
    told = replace(answers, failures=failures)
    if episodes is not None:
        episodes = [one for one in episodes if order.scope.service in (None, one.service)]
    is_now = order.made_at - answers.period.end <= _NOW_SECONDS
    incidents = None if episodes is None else tuple(handled(episodes, silences, end))
    shown = tuple(one for one in firing if order.scope.service in (None, one.service)) if is_now else ()
    return Material(told, material.promises, incidents, shown), failures.get("silences", "")


async def _held(alertmanager: Alertmanager, failures: dict[str, str]) -> tuple[list[Silence] | None, list[Incident]]:
    """Every silence that Alertmanager remembers, and the incidents it holds."""
    try:
        silences = await alertmanager.silences(also_ended=True)
        active = [one for one in silences if one.is_active]
        firing = group(await alertmanager.alerts(), active)
    except SourceError as error:
        failures["silences"] = redact(str(error))
        return None, []
    return silences, [one for one in firing if one.severity != "none"]


async def _history(
    prometheus: Prometheus, answers: Answers, failures: dict[str, str], end: datetime
) -> list[Episode] | None:
    if "known" in failures:
        failures["alerts"] = failures["known"]
        return None
    try:
        return await read_history(prometheus, answers.period.seconds, end)
    except SourceError as error:
        failures["alerts"] = redact(str(error))
        return None


def _remarks(order: Order, answers: Answers) -> tuple[str, ...]:
    """What of the period is missing."""
    if "known" in answers.failures:
        return ()
    courses = answers.course("known")
    if not courses:
        return (f"Prometheus has recorded nothing of the namespace {order.scope.namespace} in this period.",)
    found = []
    if answers.period.start - order.period.start > order.period.step:
        asked = say_seconds(order.period.seconds)
        found.append(f"Of the {asked} asked for, there is data only since {say_time(answers.period.start)}.")
    for course in courses:
        gaps = sum(value is None for at, value in course.points if at >= answers.period.start)
        if gaps:
            lost = say_seconds(gaps * order.period.step)
            found.append(
                f"Nothing was recorded of {course.labels.get('service') or 'the service'} for {lost} of the period."
            )
    return tuple(found)
