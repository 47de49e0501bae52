"""One entry of dashboards.yaml made into the dashboard it stands for.

A panel is judged as an alert is: PromQL, known families, known labels. A limit must be a value of an alert; when a
site has switched the alert off, its line is left out.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .checks import World, check_expression
from .dashboards import (
    TARGET,
    Colour,
    Column,
    Dashboard,
    Kind,
    Limit,
    Link,
    Look,
    Panel,
    Query,
    Row,
    Variable,
    Word,
    Words,
    panel_id,
)
from .dashboards_schema import ColumnEntry, DashboardEntry, LookEntry, PanelEntry, RowEntry, VariableEntry
from .durations import Duration
from .model import Alert, Severity
from .placeholders import expand
from .source import Problems, Source, nearest
from .substitution import Scalar

CURRENCY = "currencyUSD"
_COLOURS = {
    Severity.CRITICAL: Colour.RED,
    Severity.WARNING: Colour.ORANGE,
    Severity.INFO: Colour.BLUE,
    Severity.NONE: Colour.GREY,
}
_TIME = "${__url_time_range}&${service:queryparam}"


@dataclass(frozen=True, slots=True)
class Site:
    """What dashboards take from the rest of the bundle."""

    alerts: Mapping[str, Alert]
    known_alerts: frozenset[str]
    """Also those that the site has switched off."""
    world: World
    runbook_url: str


class Builder:
    """Makes one dashboard, with its problems at their places."""

    def __init__(
        self,
        site: Site,
        known: Mapping[str, DashboardEntry],
        absent: Collection[str],
        vocabularies: Mapping[str, Mapping[str, tuple[str, Colour]]],
        source: Source,
        problems: Problems,
    ) -> None:
        self._site = site
        self._known = known
        self._absent = absent
        self._vocabularies = vocabularies
        self._source = source
        self._problems = problems

    def dashboard(self, entry: DashboardEntry) -> Dashboard:
        links = [self._dashboard_link(uid, "links", index) for index, uid in enumerate(entry.links)]
        rows = [self._row(row, index) for index, row in enumerate(entry.rows)]
        self._check_ids(rows)
        return Dashboard(
            uid=entry.uid,
            title=entry.title,
            folder=entry.folder,
            description=entry.description.strip(),
            refresh=entry.refresh,
            span=entry.span,
            tags=tuple(entry.tags),
            variables=tuple(_variables(entry)),
            links=tuple(link for link in links if link),
            rows=tuple(rows),
        )

    def _row(self, entry: RowEntry, index: int) -> Row:
        panels = [self._panel(panel, ("rows", index, "panels", at)) for at, panel in enumerate(entry.panels)]
        return Row(entry.title, tuple(panels), entry.collapsed)

    def _panel(self, entry: PanelEntry, here: tuple[str | int, ...]) -> Panel:
        queries = {entry.legend: entry.query} if entry.query is not None else entry.queries
        if bool(entry.query) == bool(entry.queries):
            self._problem("give either query or queries", *here, "title")
        columns = [self._column(field, column, queries, here) for field, column in entry.columns.items()]
        look = self._look(entry, entry.kind, here)
        return Panel(
            title=entry.title,
            kind=entry.kind,
            description=entry.description.strip(),
            queries=tuple(self._query(entry, name, expr, here) for name, expr in queries.items()),
            look=look,
            empty=entry.empty,
            width=entry.size[0],
            height=entry.size[1],
            columns=tuple(columns),
            links=tuple(self._links(entry, here)),
            is_trend=entry.trend,
            is_stacked=entry.stack,
            is_busy=entry.busy,
            sort_by=entry.sort_by,
            is_rising=entry.rising,
            colours=entry.colours,
        )

    def _query(self, entry: PanelEntry, name: str, text: str, here: tuple[str | int, ...]) -> Query:
        steps = (*here, "query") if entry.query is not None else (*here, "queries", name)
        expr = text.strip().replace("$target", TARGET)
        column = entry.columns.get(name if entry.queries else "Value")
        if entry.money or (column and column.money):
            expr = f"({expr}) / 100"
        self._problems.add(*check_expression(expand(expr), self._site.world, self._source, *steps))
        return Query(name, expr, "" if entry.kind is Kind.TABLE else name)

    def _column(
        self, field: str, entry: ColumnEntry, queries: Mapping[str, str], here: tuple[str | int, ...]
    ) -> Column:
        is_value = field in queries or (field == "Value" and len(queries) == 1)
        look = self._look(entry, Kind.TABLE, (*here, "columns", field)) if is_value or entry.words else None
        return Column(field, entry.title, look, entry.width, is_value)

    def _look(self, entry: LookEntry, kind: Kind, here: tuple[str | int, ...]) -> Look:
        is_axis = kind is Kind.TIMESERIES
        divisor = 100 if entry.money else 1
        limits = [limit for alert, value in entry.limits.items() if (limit := self._limit(alert, value, divisor, here))]
        marks = [Limit(value, colour) for colour, value in entry.marks.items()]
        return Look(
            unit=CURRENCY if entry.money else entry.unit or ("short" if is_axis else "locale"),
            decimals=2 if entry.money and entry.decimals is None and not is_axis else entry.decimals,
            words=self._words(entry, here),
            limits=tuple(sorted([*limits, *marks], key=lambda limit: limit.value)),
            below=entry.below,
            minimum=entry.min,
            maximum=entry.max,
        )

    def _limit(self, name: str, value: str, divisor: int, here: tuple[str | int, ...]) -> Limit | None:
        alert = self._site.alerts.get(name)
        if alert is None:
            if name not in self._site.known_alerts:
                remedy = nearest(name, self._site.known_alerts, "alerts are listed in RUNBOOK.md")
                self._problem(f'no pack has the alert "{name}"', *here, "limits", name, remedy=remedy)
            return None
        if value not in alert.values:
            remedy = nearest(value, alert.values, f"it has {', '.join(alert.values) or 'none'}")
            self._problem(f'{name} has no value "{value}"', *here, "limits", name, remedy=remedy)
            return None
        severity = Severity(alert.rules[0].labels["severity"])
        return Limit(_number(alert.values[value]) / divisor, _COLOURS[severity], name)

    def _words(self, entry: LookEntry, here: tuple[str | int, ...]) -> Words | None:
        if entry.words is None:
            return None
        pairs = entry.words if isinstance(entry.words, dict) else self._vocabularies.get(entry.words)
        if pairs is None:
            remedy = nearest(str(entry.words), self._vocabularies, "vocabularies of this file")
            self._problem(f'no vocabulary is called "{entry.words}"', *here, "words", remedy=remedy)
            return None
        return {number: Word(text, colour) for number, (text, colour) in pairs.items()}

    def _links(self, entry: PanelEntry, here: tuple[str | int, ...]) -> Iterator[Link]:
        if entry.to is not None:
            link = self._dashboard_link(entry.to, *here, "to")
            if link:
                yield link
        limits = {**entry.limits, **{alert: "" for column in entry.columns.values() for alert in column.limits}}
        for alert in limits:
            if alert in self._site.alerts and self._site.runbook_url:
                yield Link(f"Runbook: {alert}", f"{self._site.runbook_url}#{alert.lower()}")

    def _dashboard_link(self, place: str, *steps: str | int) -> Link | None:
        uid, _, panel = place.partition("/")
        if uid in self._absent:
            return None
        if uid not in self._known:
            remedy = nearest(uid, self._known, f"dashboards: {', '.join(self._known)}")
            self._problem(f'no dashboard has the uid "{uid}"', *steps, remedy=remedy)
            return None
        dashboard = self._known[uid]
        titles = [one.title for row in dashboard.rows for one in row.panels]
        if panel and panel not in titles:
            remedy = nearest(panel, titles, f"panels: {', '.join(titles)}")
            self._problem(f'{uid} has no panel "{panel}"', *steps, remedy=remedy)
            return None
        view = f"&viewPanel={panel_id(panel)}" if panel else ""
        return Link(f"{dashboard.title}: {panel}" if panel else dashboard.title, f"/d/{uid}?{_TIME}{view}")

    def _check_ids(self, rows: Sequence[Row]) -> None:
        seen: dict[int, str] = {}
        parts: list[Row | Panel] = [*rows, *(panel for row in rows for panel in row.panels)]
        for part in parts:
            if part.title and seen.setdefault(part.id, part.title) is not part.title:
                message = f'"{part.title}" and "{seen[part.id]}" get the same id, which is made from the title'
                self._problem(message, "rows", remedy="rename one")

    def _problem(self, message: str, *steps: str | int, remedy: str = "") -> None:
        self._problems.add(self._source.problem(message, *steps, remedy=remedy))


def _number(value: Scalar) -> float:
    return Duration.parse(value).seconds if isinstance(value, str) else float(value)


def _variables(entry: DashboardEntry) -> Iterator[Variable]:
    own = [(one.first, _variable(one)) for one in entry.variables]
    yield from (variable for is_first, variable in own if is_first)
    chosen: list[str] = []
    for name, all_value in (("service", ".*"), ("job", ".+"), ("instance", ".+")):
        yield Variable(
            name, name.title(), f"label_values({_select(entry.anchor, chosen)}, {name})", "", True, all_value
        )
        chosen.append(f'{name}=~"${name}"')
    yield from (variable for is_first, variable in own if not is_first)


def _variable(entry: VariableEntry) -> Variable:
    return Variable(
        name=entry.name,
        title=entry.title,
        query=entry.values.replace("$target", TARGET),
        regex=entry.regex,
        is_multi=entry.multi,
        all_value="" if entry.hidden else ".+",
        is_hidden=entry.hidden,
    )


def _select(anchor: str, matchers: Sequence[str]) -> str:
    name, _, rest = anchor.partition("{")
    inner = [part for part in (rest.removesuffix("}"), *matchers) if part]
    return f"{name}{{{','.join(inner)}}}" if inner else name
